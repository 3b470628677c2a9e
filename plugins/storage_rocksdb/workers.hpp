// A few threads that run jobs in the order in which they came.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace belfry::storage_rocksdb {

class Workers {
public:
    using Job = std::function<void()>;
    explicit Workers(int count) {
        for (int i = 0; i < count; ++i) threads_.emplace_back([this] { run(); });
    }
    // Runs what waits, and ends.
    ~Workers() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) thread.join();
    }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // Any thread.
    void put(Job job) {
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_back(std::move(job));
        }
        changed_.notify_one();
    }
    size_t waiting() const {
        const std::lock_guard lock(mutex_);
        return jobs_.size();
    }
    size_t count() const { return threads_.size(); }

private:
    void run() {
        std::unique_lock lock(mutex_);
        for (;;) {
            changed_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            const Job job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
            lock.lock();
        }
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Job> jobs_;  // under mutex_
    bool ending_ = false;   // under mutex_
    std::vector<std::thread> threads_;
};

}  // namespace belfry::storage_rocksdb
