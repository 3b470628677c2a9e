// The only place of the hub that reads clocks.
#pragma once

#include <chrono>

#include "hub/base/instant.hpp"

namespace belfry::hub::shell {

inline Instant now() {
    using namespace std::chrono;
    return {static_cast<uint64_t>(duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count()),
            static_cast<uint64_t>(duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count())};
}

inline uint64_t now_us() {
    using namespace std::chrono;
    return static_cast<uint64_t>(duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

}  // namespace belfry::hub::shell
