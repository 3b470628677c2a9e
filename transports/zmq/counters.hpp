// What both threads count; read by stats() from any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace belfry::transports::zmq {

struct Counters {
    std::atomic<uint64_t> subscriptions = 0;
    std::atomic<uint64_t> frames_received = 0;
    std::atomic<uint64_t> frames_sent = 0;
    std::atomic<uint64_t> frames_published = 0;
    std::atomic<uint64_t> sends_refused = 0;
    std::atomic<uint64_t> joins = 0;
    std::atomic<uint64_t> frames_ignored = 0;
};

}  // namespace belfry::transports::zmq
