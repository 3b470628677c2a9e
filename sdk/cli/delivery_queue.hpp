// From the client's thread to the one that prints: deliveries or what is made of them, bounded. When the reader of our
// output is slow, the queue fills and the subscription waits; it catches up later, as after any pause.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

#include "sdk/client/subscription.hpp"

namespace belfry::cli {

template <class Item>
class PrintQueue {
public:
    static constexpr size_t items_max = 1024;

    void push(Item item) {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [&] { return closed_ || queue_.size() < items_max; });
        if (closed_) return;
        queue_.push_back(std::move(item));
        filled_.notify_one();
    }

    // None: nothing came in that time.
    std::optional<Item> pop(std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        if (!filled_.wait_for(lock, timeout, [&] { return !queue_.empty(); })) return std::nullopt;
        Item item = std::move(queue_.front());
        queue_.pop_front();
        room_.notify_one();
        return item;
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
    std::deque<Item> queue_;
    bool closed_ = false;
};

using DeliveryQueue = PrintQueue<Delivery>;

}  // namespace belfry::cli
