// Latencies in microseconds, kept as counts in buckets of 6 % width; percentiles of everything since the start. Lock-free:
// one writer, any reader.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace belfry::hub::shell {

class Histogram {
public:
    void add(uint64_t microseconds) {
        auto& bucket = counts_[bucket_of(microseconds)];
        bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    // The upper edge of the bucket that holds the given fraction (0..1); 0 when empty.
    uint64_t percentile(double fraction) const {
        uint64_t total = 0;
        for (const auto& bucket : counts_) total += bucket.load(std::memory_order_relaxed);
        if (total == 0) return 0;
        const auto wanted = static_cast<uint64_t>(fraction * static_cast<double>(total - 1)) + 1;
        uint64_t seen = 0;
        for (size_t index = 0; index < counts_.size(); ++index) {
            seen += counts_[index].load(std::memory_order_relaxed);
            if (seen >= wanted) return upper_edge(index);
        }
        return upper_edge(counts_.size() - 1);
    }

private:
    // 16 linear buckets per power of two.
    static constexpr size_t sub_bits = 4;
    static constexpr size_t bucket_count = (40 - sub_bits + 1) << sub_bits;

    static size_t bucket_of(uint64_t value) {
        if (value < (1u << sub_bits)) return value;
        const size_t exponent = static_cast<size_t>(std::bit_width(value)) - 1 - sub_bits;
        const size_t index = ((exponent + 1) << sub_bits) + ((value >> exponent) & ((1u << sub_bits) - 1));
        return index < bucket_count ? index : bucket_count - 1;
    }
    static uint64_t upper_edge(size_t index) {
        if (index < (1u << sub_bits)) return index;
        const size_t exponent = (index >> sub_bits) - 1;
        return (((1ull << sub_bits) + (index & ((1u << sub_bits) - 1)) + 1) << exponent) - 1;
    }

    std::array<std::atomic<uint64_t>, bucket_count> counts_{};
};

}  // namespace belfry::hub::shell
