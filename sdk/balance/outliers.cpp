#include "sdk/balance/outliers.hpp"

#include <algorithm>

namespace belfry::balance {

void Outlier::count(uint64_t now_ms, bool failure, const OutlierOptions& options) {
    if (now_ms >= window_end_ms_) {
        window_end_ms_ = now_ms + options.window_ms;
        window_requests_ = window_failures_ = 0;
    }
    ++window_requests_;
    if (failure) ++window_failures_;
}

void Outlier::succeeded(uint64_t now_ms, const OutlierOptions& options) {
    failures_in_row_ = 0;
    count(now_ms, false, options);
}

bool Outlier::failed(uint64_t now_ms, const OutlierOptions& options) {
    // A request that began before it was left out says nothing new.
    if (ejected(now_ms)) return false;
    ++failures_in_row_;
    count(now_ms, true, options);
    if (options.failures_in_row > 0 && failures_in_row_ >= options.failures_in_row) return true;
    if (window_requests_ < options.window_requests_min) return false;
    return window_failures_ >= options.failure_share * window_requests_;
}

void Outlier::eject(uint64_t now_ms, const OutlierOptions& options) {
    if (now_ms >= ejected_until_ms_ + options.ejection_ms_max) ejections_ = 0;
    constexpr uint32_t doublings_max = 20;  // a million times the shortest
    const uint64_t wanted = options.ejection_ms_min << std::min(ejections_, doublings_max);
    ejected_until_ms_ = now_ms + std::min(wanted, options.ejection_ms_max);
    ++ejections_;
    failures_in_row_ = 0;
    window_end_ms_ = 0;
}

size_t ejected_max(size_t instances, const OutlierOptions& options) {
    if (instances < 2) return 0;
    const auto share = static_cast<size_t>(options.ejected_share_max * static_cast<double>(instances));
    return std::clamp<size_t>(share, 1, instances);
}

}  // namespace belfry::balance
