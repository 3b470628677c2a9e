// The value of a claim's key: who holds an item. Text, so that `belfry get` shows it: "LEASE GRANT CLAIMANT ATTEMPTS", four
// decimal numbers with a space between them.
#pragma once

#include <optional>

#include "sdk/base/types.hpp"

namespace belfry::protocol {

struct ClaimMark {
    LeaseId lease;          // 0 = nobody holds the item, it was given back
    uint64_t grant = 0;     // the number of the lease's grant (docs/leases.md): of two leases with one id only one holds it
    uint64_t claimant = 0;  // ClaimRequest::claimant
    uint64_t attempts = 0;  // how often the item was handed out so far
    friend bool operator==(const ClaimMark&, const ClaimMark&) = default;
};

Bytes encode_claim(const ClaimMark& mark);
// Any octets; none = no hub wrote this. An item with such a claim is held by nobody.
std::optional<ClaimMark> decode_claim(BytesView value);

}  // namespace belfry::protocol
