// The rule `quota` of a policy: how many keys may match its pattern, and how many octets they may have together. No
// plugin's: every member counts for itself, as it applies (hub/model/quotas.hpp). Stored in the hub:
//
//     spec := lines "keys_max = N" and "bytes_max = N", one of them or both, each once
#pragma once

#include <optional>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::protocol {

inline constexpr BytesView quota_kind = "quota";

struct Quota {
    std::optional<uint64_t> keys_max;
    std::optional<uint64_t> bytes_max;  // of keys, values and content types
    friend bool operator==(const Quota&, const Quota&) = default;
};

Bytes encode_quota(const Quota& quota);
Result<Quota> decode_quota(BytesView spec);
// Of the record with this name and content; none: it is no policy, or one without a quota. `invalid_argument`: a quota that
// is not understood, or two.
Result<std::optional<Quota>> quota_of(BytesView record_name, BytesView content);

}  // namespace belfry::protocol
