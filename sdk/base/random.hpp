// Numbers that nobody else has: ids of clusters, processes, sessions and log segments. From the system; slow.
#pragma once

#include <cstdint>
#include <random>

namespace belfry {

inline uint64_t random_u64() {
    std::random_device device;
    return uint64_t{device()} << 32 | device();
}

}  // namespace belfry
