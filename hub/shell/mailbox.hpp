// A queue that many threads fill and one thread empties, whole or but for what can wait. Putting never blocks; the caller
// keeps the bounds (Inbox for strangers' requests; everything else is bounded by what the core has in flight).
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

namespace belfry::hub::shell {

template <class Item>
class Mailbox {
public:
    void put(Item item) {
        put_all([&](std::vector<Item>& items) { items.push_back(std::move(item)); });
    }

    // Lets `fill` append several under one lock.
    template <class Fill>
    void put_all(Fill&& fill) {
        bool wake;
        {
            const std::lock_guard lock(mutex_);
            fill(items_);
            wake = std::exchange(waiting_, false);
        }
        if (wake) arrived_.notify_one();
    }

    // Moves everything into `items` (cleared first). Waits until there is something, the deadline or close(). `taken` is
    // called under the lock, for counters that `fill` functions keep.
    template <class Taken>
    void take_all(std::vector<Item>& items, std::chrono::steady_clock::time_point deadline, Taken&& taken) {
        items.clear();
        std::unique_lock lock(mutex_);
        while (items_.empty() && !closed_) {
            waiting_ = true;
            if (arrived_.wait_until(lock, deadline) == std::cv_status::timeout) break;
        }
        waiting_ = false;
        items.swap(items_);
        taken();
    }
    void take_all(std::vector<Item>& items, std::chrono::steady_clock::time_point deadline) {
        take_all(items, deadline, [] {});
    }

    // Moves those that are wanted to the end of `items` and leaves the rest, all in order. Does not wait.
    template <class Wanted>
    void take_if(std::vector<Item>& items, Wanted&& wanted) {
        const std::lock_guard lock(mutex_);
        const auto rest = std::stable_partition(items_.begin(), items_.end(), wanted);
        std::move(items_.begin(), rest, std::back_inserter(items));
        items_.erase(items_.begin(), rest);
    }

    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        arrived_.notify_all();
    }
    bool empty() const {
        const std::lock_guard lock(mutex_);
        return items_.empty();
    }
    bool closed() const {
        const std::lock_guard lock(mutex_);
        return closed_;
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<Item> items_;
    bool waiting_ = false;
    bool closed_ = false;
};

}  // namespace belfry::hub::shell
