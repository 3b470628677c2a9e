// The way of frames from the hub's threads to the one thread that owns a socket. Bounded.
//
// What was added becomes visible with flush(), all of it at once: so everything the socket thread has sent was complete
// from the hub's point of view, its join answer included. A flush costs one system call if the socket thread sleeps and
// none if it is awake.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "sdk/plugin/transport.hpp"

namespace belfry::transports::zmq {

struct Outgoing {
    uint64_t connection = 0;  // 0 for the feed
    plugin::Frame frame;
};

class Outbox {
public:
    Outbox(size_t frames_max, size_t bytes_max);
    ~Outbox();
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    // False if the descriptor for waking could not be had.
    bool valid() const { return wake_fd_ >= 0; }

    // Any thread. False: full; the frame is dropped.
    bool add(Outgoing outgoing);
    void flush();
    // Wakes the socket thread whatever it does.
    void interrupt();

    // The socket thread's side.
    // Moves what is visible behind `into`. False if there was nothing.
    bool take(std::vector<Outgoing>& into);
    // Says that the thread is about to sleep on wake_fd(). False: do not, something is visible.
    bool prepare_sleep();
    void awake(bool woken);  // after the sleep; woken = wake_fd() was readable
    int wake_fd() const { return wake_fd_; }
    // A hint without a lock, for spinning.
    bool maybe_ready() const { return ready_hint_.load(std::memory_order_acquire); }
    // The socket thread made frames of its own, for done() to be told of.
    void count(size_t frames, size_t bytes);
    // The socket thread is done with frames of so many octets.
    void done(size_t frames, size_t bytes);

private:
    const size_t frames_max_;
    const size_t bytes_max_;
    const int wake_fd_;

    std::mutex mutex_;
    std::vector<Outgoing> pending_;  // added, not flushed
    std::vector<Outgoing> ready_;    // flushed
    bool sleeping_ = false;
    std::atomic<bool> ready_hint_ = false;
    std::atomic<size_t> frames_ = 0;  // added and not done
    std::atomic<size_t> bytes_ = 0;
};

}  // namespace belfry::transports::zmq
