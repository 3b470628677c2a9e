// Keys that the hub numbers: PREFIX + "00000000000000000042-0000", the revision that made the key and the number of the
// sequential put in its command. Key order is the order in which they were put; ZooKeeper's sequential nodes.
#pragma once

#include "sdk/base/types.hpp"

namespace belfry::protocol {

// `number` below 10,000: limits::txn_ops_max is the bound.
Bytes sequential_key(BytesView prefix, Revision revision, uint64_t number);

}  // namespace belfry::protocol
