// The values that get() has lent: the seam lets the hub look at all of them until it calls anything but get and scan, while
// SQLite forgets one as soon as its statement runs again. So each is copied, once for each key however often it is asked
// for.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>

#include "sdk/base/types.hpp"

namespace belfry::storage_sqlite {

class BorrowedValues {
public:
    // The value lent before, if it was; it is still what the store holds, since nothing was written in between.
    std::optional<BytesView> find(uint32_t table, BytesView key);
    // Copies the value.
    BytesView lend(uint32_t table, BytesView key, BytesView value);
    // Everything lent ends. Gives back a bounded part of the memory, so that a write after a million gets does not wait.
    void forget();

private:
    using Values = std::unordered_map<Bytes, Bytes>;  // by table and key; what it holds never moves
    static constexpr size_t step_values_max = 256;    // given back at once: some tens of microseconds

    const Bytes& name_of(uint32_t table, BytesView key);

    Values lent_;
    std::deque<Values> retired_;
    Bytes name_;
};

}  // namespace belfry::storage_sqlite
