// Where a queue's keys are. Private to sdk/recipes.
#pragma once

#include "sdk/client/client.hpp"

namespace belfry::recipes {

inline Bytes items_of(const Bytes& name) { return name + "/item/"; }
inline Bytes claims_of(const Bytes& name) { return name + "/held/"; }  // as long as the items': a claim requires it
inline Bytes dead_of(const Bytes& name) { return name + "/dead/"; }
inline Bytes users_of(const Bytes& name) { return name + "/user/"; }
inline Bytes closed_key_of(const Bytes& name) { return name + "/closed"; }

// `invalid_argument`, or ok.
Status check_queue_name(BytesView name);
// Opens the queue if it is closed until there are so many items, and they are there. `closed`: its key, as it was read.
Status open_if_complete(Client& client, const Bytes& name, const KeyValue& closed);

}  // namespace belfry::recipes
