// The load of `belfry bench`: closed loops of asynchronous requests, and what they cost.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "sdk/client/client.hpp"

namespace belfry::cli {

// Latencies of one kind, in microseconds.
struct Latencies {
    std::vector<uint32_t> us;

    void sort();
    uint32_t percentile(double part) const;  // REQUIRES: sorted; 0 if there are none
};

struct LoadResult {
    Latencies latencies;
    uint64_t begun = 0;  // requests 0 to begun - 1 were sent
    uint64_t done = 0, failed = 0;
    double seconds = 0;
    Error first_error;
    double rate() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }
};

struct LoadOptions {
    uint64_t count = 0;                                           // requests in all
    size_t in_flight = 1;                                         // over all clients; at least one per client
    std::function<protocol::RequestOp(uint64_t number)> request;  // called from several threads
    std::function<void(uint64_t done)> progress;                  // called by the caller's thread, now and then
};

// Sends `count` requests, keeping `in_flight` of them under way, and waits for all answers. Stops early if
// stop_requested(), or once every loop has met an error.
LoadResult run_load(const std::vector<std::shared_ptr<Client>>& clients, const LoadOptions& options);

}  // namespace belfry::cli
