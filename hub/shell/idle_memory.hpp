// When freed memory goes back to the system. Not while the hub is busy: a page that comes and goes with each large reply
// costs more than filling it. And soon after it has become idle, which needs a hand: when a crowd of clients has left,
// about 30 KiB for each of them stays in glibc's arenas, between pieces that are in use, and only an explicit trim returns
// it.
#pragma once

#include <cstdint>

namespace belfry::hub::shell {

// Not thread-safe: one thread calls tick().
class IdleMemory {
public:
    // At the start of the process, before its threads: lets the allocator keep what is freed until the next tick that finds
    // the process idle.
    static void keep_freed_memory();
    static constexpr int tick_seconds = 5;
    // Trims if there is enough to win and the process was idle since the last call: a trim holds the allocator's locks for
    // milliseconds, which a busy hub would feel.
    void tick();

private:
    uint64_t cpu_us_ = 0;
};

}  // namespace belfry::hub::shell
