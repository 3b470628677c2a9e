// Does a piece of work leave memory or threads behind each time it is done? Seen from outside: the allocator is asked how
// much is taken, the kernel which threads there are.
#pragma once

#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>

#include "sdk/testing/report.hpp"

namespace belfry::testing {

// 0 under a sanitizer, whose allocator does not tell; it looks for leaks by itself.
inline uint64_t memory_taken_bytes() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

// Does the work until caches are filled, then `rounds` times, and again if those left something: tables grow now and then,
// but not each time. Fails if each of the rounds leaves, on average, as much as the smallest block there is. What the work
// itself holds at its end must be the same each time. Other threads must be idle. Where the allocator tells nothing, a few
// rounds do.
template <class Work>
void require_no_leak(const std::string& what, size_t rounds, Work&& work) {
    constexpr uint64_t block_bytes_min = 16;
    constexpr size_t attempts = 3, rounds_unseen = 5;
    if (memory_taken_bytes() == 0) {
        for (size_t i = 0; i < rounds_unseen; ++i) work();
        return;
    }
    for (size_t i = 0; i < rounds / 4 + 1; ++i) work();
    uint64_t left = 0;
    for (size_t attempt = 0; attempt < attempts; ++attempt) {
        const uint64_t before = memory_taken_bytes();
        for (size_t i = 0; i < rounds; ++i) work();
        const uint64_t after = memory_taken_bytes();
        left = after > before ? after - before : 0;
        if (left < rounds * block_bytes_min) return;
    }
    throw CheckFailed{what + " leaves " + std::to_string(left / rounds) + " octets behind each time"};
}

// Of this process.
inline size_t thread_count() {
    std::error_code gone;  // a thread that ends while it is counted
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/task", gone), {}));
}

// Does the work once, for what a process starts once, then some times more: threads of those must have ended when the work
// has, or within a second. No other thread of the process may start or end meanwhile.
template <class Work>
void require_threads_end(const std::string& what, Work&& work) {
    constexpr size_t rounds = 3;
    constexpr auto patience = std::chrono::seconds(1);
    constexpr auto pause = std::chrono::milliseconds(1);
    work();
    const size_t before = thread_count();
    for (size_t i = 0; i < rounds; ++i) work();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (thread_count() > before && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(pause);
    const size_t after = thread_count();
    require(after <= before, what + " leaves threads running: " + std::to_string(after - before) + " after " +
                                 std::to_string(rounds) + " times");
}

}  // namespace belfry::testing
