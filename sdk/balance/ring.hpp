// A ring of points for consistent hashing: a key belongs to the instance of the next point clockwise, so that a change of
// the set moves only the keys of what came or went. Pure.
// Source: Karger et al., "Consistent Hashing and Random Trees" (STOC 1997), with several points for each instance.
//
// Every client computes the same ring: point i of an instance is mix_u64(hash64(id) + i * golden_ratio_u64)
// (sdk/base/prng.hpp), a key's place is hash64(key). So the placement is a promise, as hash64 is (sdk/base/hash.hpp).
// An instance has 1.6 points for each unit of its weight, however heavy the others are: 160 at weight 100, with which a
// share of keys is off by 8 % in the mean (1 / sqrt(160)).
#pragma once

#include <cstdint>
#include <vector>

#include "sdk/base/types.hpp"

namespace belfry::balance {

inline constexpr uint32_t ring_points_per_100_weight = 160;
// Of one instance: ten times the usual weight. What is heavier gets no more keys.
inline constexpr uint32_t ring_points_max = 1600;

class Ring {
public:
    // Of the instance that is called `owner` in what follows. Weight 0: no points.
    void add(BytesView id, uint32_t weight, uint32_t owner);
    // After the last add(). Cost: a sort of all points.
    void close();

    bool empty() const { return points_.empty(); }
    size_t size() const { return points_.size(); }
    // Where the key's walk begins. REQUIRES: closed, not empty.
    size_t place_of(BytesView key) const;
    // The owner at this step of the walk; `place` goes on to the next one.
    uint32_t walk(size_t& place) const;

private:
    struct Point {
        uint64_t at;
        uint32_t owner;
    };
    std::vector<Point> points_;
};

}  // namespace belfry::balance
