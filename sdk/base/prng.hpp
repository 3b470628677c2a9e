// Chance that can be had again: the same seed gives the same numbers, on every machine. Pure; no secret may hang on it.
// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014), splitmix64.
#pragma once

#include <cstdint>

namespace belfry {

inline constexpr uint64_t golden_ratio_u64 = 0x9E3779B97F4A7C15ull;  // 2^64 / golden ratio

// Each bit of the result hangs on each bit of `x`; different ones stay different.
inline constexpr uint64_t mix_u64(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
}

class Prng {
public:
    explicit Prng(uint64_t seed) : state_(seed) {}
    uint64_t next() { return mix_u64(state_ += golden_ratio_u64); }
    // 0 to bound - 1. REQUIRES: bound > 0. The lower ones are likelier by bound / 2^64.
    uint64_t below(uint64_t bound) { return next() % bound; }
    // From 0, always less than 1.
    double share() { return static_cast<double>(next() >> 11) * 0x1p-53; }

private:
    uint64_t state_;
};

}  // namespace belfry
