// Hashes that are promises: channel ids and state digests must agree between members, releases and languages.
// Both are XXH3-64 (xxHash, seed 0) over the octets described here.
#pragma once

#include "sdk/base/types.hpp"

namespace belfry {

// XXH3-64 of the octets.
uint64_t hash64(BytesView bytes);

// A digest or an id as people read it: 16 digits.
std::string hex64(uint64_t number);

// A digest of a set of keys that does not depend on order: the sum modulo 2^64 of hash64(encoding of each key), where the
// encoding is u64 key size (little-endian), key, u64 mod_revision, u64 version, value. Proves equality against loss,
// reordering and doubling; it is no defence against an adversary.
class StateDigest {
public:
    void add(const KeyValue& kv);
    void remove(const KeyValue& kv);
    uint64_t value() const { return sum_; }
    uint64_t count() const { return count_; }
    friend bool operator==(const StateDigest&, const StateDigest&) = default;

private:
    uint64_t sum_ = 0;
    uint64_t count_ = 0;
};

}  // namespace belfry
