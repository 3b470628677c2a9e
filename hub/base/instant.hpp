// Time as an argument: nothing below the shell reads a clock.
#pragma once

#include <cstdint>

namespace belfry::hub {

struct Instant {
    uint64_t monotonic_ms = 0;  // never goes back within a process
    uint64_t wall_ms = 0;       // milliseconds since 1970; may jump
};

}  // namespace belfry::hub
