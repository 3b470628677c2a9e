// Half-open ranges of keys, in etcd's spelling.
#pragma once

#include "sdk/base/types.hpp"

namespace belfry {

// end empty = the one key `begin`; end "\0" (one zero octet) = every key >= begin; otherwise [begin, end).
struct KeyRange {
    Bytes begin;
    Bytes end;

    static KeyRange one(BytesView key) { return {Bytes(key), {}}; }
    static KeyRange all() { return {Bytes(1, '\0'), Bytes(1, '\0')}; }
    static KeyRange prefix(BytesView prefix);

    bool is_one() const { return end.empty(); }
    bool is_open() const { return end.size() == 1 && end[0] == '\0'; }
    bool contains(BytesView key) const;
    friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

// The smallest key greater than every key with this prefix; "\0" (open end) if there is none.
Bytes prefix_end(BytesView prefix);

}  // namespace belfry
