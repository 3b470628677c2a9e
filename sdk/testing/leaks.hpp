// Does a piece of work leave memory behind each time it is done? Seen from outside: the allocator is asked how much is
// taken.
#pragma once

#include <malloc.h>

#include <cstdint>
#include <string>

#include "sdk/testing/report.hpp"

namespace belfry::testing {

// 0 under a sanitizer, whose allocator does not tell; it looks for leaks by itself.
inline uint64_t memory_taken_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// Does the work until caches are filled, then `rounds` times. Fails if each round leaves, on average, as much as the
// smallest block there is. What the work itself holds at its end must be the same each time. Other threads must be idle.
template <class Work>
void require_no_leak(const std::string& what, size_t rounds, Work&& work) {
    constexpr uint64_t block_bytes_min = 16;
    for (size_t i = 0; i < rounds / 4 + 1; ++i) work();
    const uint64_t before = memory_taken_bytes();
    for (size_t i = 0; i < rounds; ++i) work();
    const uint64_t after = memory_taken_bytes();
    const uint64_t left = after > before ? after - before : 0;
    require(left < rounds * block_bytes_min,
            what + " leaves " + std::to_string(left / rounds) + " octets behind each time");
}

}  // namespace belfry::testing
