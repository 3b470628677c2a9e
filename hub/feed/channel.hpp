// A channel of the feed, as the hub keeps it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hub/plugin/filter.hpp"
#include "sdk/base/types.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::feed {

// A channel's changes of one change set that wait for the next flush.
struct PendingChange {
    ChangeSet change;  // only the channel's events; none if announce_only
    size_t bytes = 0;
    bool announce_only = false;  // too large to publish
};

struct Channel {
    ChannelId id;
    std::shared_ptr<const plugin::Filter> filter;
    Revision last_to;               // end of the last message's interval
    uint64_t changed_sequence = 0;  // the mark that followed, or will follow, the last message
    bool subscribed = false;
    bool guessed = false;        // subscribed is what may be: the feed had forgotten topics when it opened this channel
    uint64_t idle_since_ms = 0;  // if not subscribed
    uint64_t idle_sequence = 0;  // the last mark at that moment
    std::vector<PendingChange> pending;
};

}  // namespace belfry::hub::feed
