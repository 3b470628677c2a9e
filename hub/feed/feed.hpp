// The publisher's half of the feed: channels, coverage intervals, marks (docs/protocol.md, "feed"). Pure.
//
// Each change set goes to every channel whose filter matches one of its keys. flush() turns what was gathered into one
// message per touched channel, which says: these are all the channel's events in (from, to]. marks() lists the channels
// that changed since the mark before the last one, so that a lost tail is found.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "hub/base/limits.hpp"
#include "hub/plugin/filter.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::feed {

using Message = std::shared_ptr<const Bytes>;  // a frame that begins with its topic

struct Options {
    uint64_t epoch = 0;
    uint64_t incarnation = 0;
    size_t channels_max = limits::channels_max;
};

class Feed {
public:
    explicit Feed(Options options);

    // Everything up to here was applied before this process could publish it.
    void reset(Revision applied);
    // Opens or finds the filter's channel; past the bound, the channel of all keys.
    Result<protocol::ChannelReply> open_channel(std::shared_ptr<const plugin::Filter> filter,
                                                std::shared_ptr<const plugin::Filter> everything, uint64_t now_ms);
    // The transport's subscriber counts: first one came, last one left.
    void on_topic(ChannelId channel, bool subscribed, uint64_t now_ms);
    void add(const ChangeSet& change);
    // `applied`: the revision up to which changes were given.
    void flush(Revision applied, uint64_t now_ms, std::vector<Message>& messages);
    // A mark if one is due; also retires idle channels. Call when now >= wake_at_ms().
    void tick(uint64_t now_ms, std::vector<Message>& messages);
    uint64_t wake_at_ms() const;

    protocol::JoinMessage join_answer() const;  // as of the last flush
    size_t channel_count() const;
};

}  // namespace belfry::hub::feed
