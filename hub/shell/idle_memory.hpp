// Gives memory that the allocator holds but nobody uses back to the system: after a crowd of clients has left, about 30 KiB
// for each of them stays in glibc's arenas, between pieces that are in use, and only an explicit trim returns it.
#pragma once

#include <cstdint>

namespace belfry::hub::shell {

// Not thread-safe: one thread calls tick().
class IdleMemory {
public:
    static constexpr int tick_seconds = 5;
    // Trims if there is enough to win and the process was idle since the last call: a trim holds the allocator's locks for
    // milliseconds, which a busy hub would feel.
    void tick();

private:
    uint64_t cpu_us_ = 0;
};

}  // namespace belfry::hub::shell
