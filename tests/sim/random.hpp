// The simulator's only source of chance: one seed, one stream.
#pragma once

#include "sdk/base/prng.hpp"

namespace belfry::sim {

class Random {
public:
    explicit Random(uint64_t seed) : numbers_(seed) {}

    uint64_t next() { return numbers_.next(); }
    uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
    uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }

private:
    Prng numbers_;
};

}  // namespace belfry::sim
