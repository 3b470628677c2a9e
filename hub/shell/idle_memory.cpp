#include "hub/shell/idle_memory.hpp"

#include <malloc.h>

#include <cstddef>
#include <ctime>

namespace belfry::hub::shell {

namespace {

constexpr size_t unused_bytes_max = 8 * 1024 * 1024;
constexpr uint64_t idle_cpu_us_max = IdleMemory::tick_seconds * 1'000'000 / 20;  // 5 % of one core

uint64_t process_cpu_us() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<uint64_t>(used.tv_sec) * 1'000'000 + static_cast<uint64_t>(used.tv_nsec) / 1000;
}

}  // namespace

void IdleMemory::keep_freed_memory() {
    constexpr int kept_at_the_top_bytes_max = 64 * 1024 * 1024;  // of each arena
    constexpr int heap_piece_bytes_max = 4 * 1024 * 1024;        // larger ones are rare and get pages of their own
    mallopt(M_TRIM_THRESHOLD, kept_at_the_top_bytes_max);
    mallopt(M_MMAP_THRESHOLD, heap_piece_bytes_max);
}

void IdleMemory::tick() {
    const uint64_t before_us = cpu_us_;
    cpu_us_ = process_cpu_us();
    if (cpu_us_ - before_us > idle_cpu_us_max) return;
    if (mallinfo2().fordblks > unused_bytes_max) malloc_trim(0);
}

}  // namespace belfry::hub::shell
