// The way out, on the core thread: replies are encoded and joined into one frame per connection and round; feed messages go
// to every transport as they are.
#pragma once

#include <unordered_map>

#include "hub/core/core.hpp"
#include "hub/plugin/transport.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::shell {

class Outbox {
public:
    explicit Outbox(plugin::Transport& transport) : transport_(transport) {}

    void add(core::OutgoingReply outgoing);
    void publish(feed::Message message);
    // Sends what was added since the last flush.
    void flush();

private:
    void send(uint64_t connection, protocol::ReplyFrame& frame);

    plugin::Transport& transport_;
    std::unordered_map<uint64_t, protocol::ReplyFrame> frames_;  // of this round; few connections speak at once
    bool dirty_ = false;
};

}  // namespace belfry::hub::shell
