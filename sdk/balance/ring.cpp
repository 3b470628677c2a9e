#include "sdk/balance/ring.hpp"

#include <algorithm>

#include "sdk/base/hash.hpp"
#include "sdk/base/prng.hpp"

namespace belfry::balance {
void Ring::add(BytesView id, uint32_t weight, uint32_t owner) {
    if (weight == 0) return;
    const uint64_t wanted = uint64_t{weight} * ring_points_per_100_weight / 100;
    const uint64_t count = std::clamp<uint64_t>(wanted, 1, ring_points_max);
    const uint64_t base = hash64(id);
    for (uint64_t i = 0; i < count; ++i) points_.push_back({mix_u64(base + i * golden_ratio_u64), owner});
}

void Ring::close() {
    std::sort(points_.begin(), points_.end(), [](const Point& a, const Point& b) { return a.at < b.at; });
}

size_t Ring::place_of(BytesView key) const {
    const auto next = std::lower_bound(points_.begin(), points_.end(), hash64(key),
                                       [](const Point& point, uint64_t at) { return point.at < at; });
    return next == points_.end() ? 0 : static_cast<size_t>(next - points_.begin());
}

uint32_t Ring::walk(size_t& place) const {
    const uint32_t owner = points_[place].owner;
    place = place + 1 == points_.size() ? 0 : place + 1;
    return owner;
}

}  // namespace belfry::balance
