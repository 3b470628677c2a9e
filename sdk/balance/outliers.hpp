// Which instances are left out for a while because requests to them failed. Pure: times come in.
//
//   in ──▶ out      so many failures in a row, or too great a share of the requests of a window, and there is room
//   ▲       │       (ejected_share_max of the set)
//   └───────┘       after ejection_ms_min, then twice that, four times, ... ejection_ms_max at most
//
// Who comes back begins anew: its failures are forgotten, how often it was out is not, until it has been in for
// ejection_ms_max without another ejection.
// What a client learns here is its own: it is told to nobody, and the hub's word (Instance::health) stands beside it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace belfry::balance {

struct OutlierOptions {
    uint32_t failures_in_row = 5;        // 0: never for that
    double failure_share = 0.5;          // of a window's requests, from 0 to 1; above 1: never for that
    uint32_t window_requests_min = 20;   // fewer say nothing about a share
    uint64_t window_ms = 10'000;         // one after the other, not sliding
    uint64_t slow_ms = 0;                // a success that took longer counts as a failure; 0: none does
    uint64_t ejection_ms_min = 5'000;    // the first time
    uint64_t ejection_ms_max = 300'000;  // no time is longer
    double ejected_share_max = 0.3;      // of the instances; of two and more, one may always be
};

// What is known of one instance.
class Outlier {
public:
    void succeeded(uint64_t now_ms, const OutlierOptions& options);
    // True: it is to be left out from now on, if there is room: eject().
    bool failed(uint64_t now_ms, const OutlierOptions& options);
    void eject(uint64_t now_ms, const OutlierOptions& options);

    bool ejected(uint64_t now_ms) const { return now_ms < ejected_until_ms_; }
    uint64_t ejected_until_ms() const { return ejected_until_ms_; }  // 0: never was
    uint32_t ejections() const { return ejections_; }                // that are not forgotten

private:
    void count(uint64_t now_ms, bool failure, const OutlierOptions& options);

    uint32_t failures_in_row_ = 0;
    uint64_t window_end_ms_ = 0;
    uint32_t window_requests_ = 0;
    uint32_t window_failures_ = 0;
    uint64_t ejected_until_ms_ = 0;
    uint32_t ejections_ = 0;
};

// How many of a set may be out at once.
size_t ejected_max(size_t instances, const OutlierOptions& options);

}  // namespace belfry::balance
