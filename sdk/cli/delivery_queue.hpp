// From the client's thread to the one that prints: deliveries, bounded. When the reader of our output is slow, the queue
// fills and the subscription waits; it catches up later, as after any pause.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "sdk/client/subscription.hpp"

namespace belfry::cli {

class DeliveryQueue {
public:
    static constexpr size_t deliveries_max = 1024;

    void push(Delivery delivery) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return closed_ || queue_.size() < deliveries_max; });
        if (closed_) return;
        queue_.push_back(std::move(delivery));
        filled_.notify_one();
    }

    // None: nothing came in that time.
    std::optional<Delivery> pop(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        if (!filled_.wait_for(lock, timeout, [&] { return !queue_.empty(); })) return std::nullopt;
        Delivery delivery = std::move(queue_.front());
        queue_.pop_front();
        room_.notify_one();
        return delivery;
    }

    // Lets a waiting push go; later ones are dropped.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        room_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable room_, filled_;
    std::deque<Delivery> queue_;
    bool closed_ = false;
};

}  // namespace belfry::cli
