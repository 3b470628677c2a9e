// Where a queue's keys are, and how several of them are read at one moment. Private to sdk/recipes.
#pragma once

#include "sdk/client/client.hpp"
#include "sdk/protocol/claim.hpp"

namespace belfry::recipes {

inline Bytes items_of(const Bytes& name) { return name + "/item/"; }
inline Bytes claims_of(const Bytes& name) { return name + "/held/"; }  // as long as the items': a claim requires it
inline Bytes dead_of(const Bytes& name) { return name + "/dead/"; }
inline Bytes users_of(const Bytes& name) { return name + "/user/"; }
inline Bytes closed_key_of(const Bytes& name) { return name + "/closed"; }

// `invalid_argument`, or ok.
Status check_queue_name(BytesView name);
// Of a claim's key. What no hub wrote says that nobody holds the item.
protocol::ClaimMark mark_of(const KeyValue& claim);

// ---- reading ----

protocol::RangeRequest one_of(const Bytes& key);
protocol::RangeRequest all_of(const Bytes& prefix, size_t most = 0);   // 0 = as many as an answer may have
protocol::RangeRequest keys_of(const Bytes& prefix, size_t most = 0);  // without their values
protocol::RangeRequest count_of(const KeyRange& range);

// Of one moment; an answer for each range, in their order.
struct RangesRead {
    Revision at;
    std::vector<protocol::RangeReply> ranges;
};
Result<RangesRead> read_ranges(Client& client, const std::vector<protocol::RangeRequest>& ranges);

// Opens the queue if it is closed until there are so many items, and they are there. `closed`: its key, as it was read.
Status open_if_complete(Client& client, const Bytes& name, const KeyValue& closed);

}  // namespace belfry::recipes
