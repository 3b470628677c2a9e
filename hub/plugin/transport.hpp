// The host's side of the transport seam: one wrapper per slot. Callbacks come on the transport's own threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hub/plugin/state_store.hpp"
#include "sdk/plugin/transport.h"

namespace belfry::hub::plugin {

using Message = std::shared_ptr<const Bytes>;

class Transport {
public:
    struct Keys {
        bool feed_open = true;  // whoever may connect may read the whole feed
        std::vector<std::string> known;
        std::vector<std::string> feed;  // of those who may, if not everybody
    };
    struct Hooks {
        // `public_key`: which the other end has proved to have; "" = none.
        std::function<Status(uint64_t connection, BytesView public_key, BytesView frame)> on_frame;
        std::function<void(uint64_t connection)> on_close;
        std::function<void(BytesView topic, bool subscribed)> on_topic;
        std::function<Bytes()> join_answer;
    };

    static Result<std::unique_ptr<Transport>> open(const belfry_host_v1& host, const belfry_transport_v1& table,
                                                   std::string name, const Settings& settings, Hooks hooks);
    ~Transport();  // afterwards no callback comes
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    const std::string& name() const { return name_; }
    void send(uint64_t connection, Bytes frame);
    void publish(Message message);
    void flush();
    // Whose keys the hub knows. The core's thread; before anything is published. A transport that knows no keys is not
    // given the feed while it is not open to everybody.
    void set_keys(const Keys& keys);
    Result<belfry_transport_stats> stats();
    std::string endpoints();  // for people; empty if the transport cannot tell

private:
    Transport(const belfry_transport_v1& table, std::string name, Hooks hooks);
    const belfry_transport_v1& table_;
    std::string name_;
    Hooks hooks_;
    belfry_transport_host_v1 host_{};
    belfry_transport* transport_ = nullptr;
    bool publishes_ = true;
};

}  // namespace belfry::hub::plugin
