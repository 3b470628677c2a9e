#include "transports/zmq/outbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <iterator>
#include <utility>

namespace belfry::transports::zmq {

Outbox::Outbox(size_t frames_max, size_t bytes_max)
    : frames_max_(frames_max), bytes_max_(bytes_max), wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Outbox::~Outbox() {
    if (wake_fd_ >= 0) {
        ::close(wake_fd_);
    }
}

bool Outbox::add(Outgoing outgoing) {
    const size_t size = outgoing.frame.bytes().size();
    if (frames_.load(std::memory_order_relaxed) >= frames_max_ || bytes_.load(std::memory_order_relaxed) >= bytes_max_) {
        return false;
    }
    count(1, size);
    const std::lock_guard lock(mutex_);
    pending_.push_back(std::move(outgoing));
    return true;
}

void Outbox::flush() {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (pending_.empty()) {
            return;
        }
        if (ready_.empty()) {
            ready_.swap(pending_);
        } else {
            ready_.insert(ready_.end(), std::make_move_iterator(pending_.begin()), std::make_move_iterator(pending_.end()));
            pending_.clear();
        }
        ready_hint_.store(true, std::memory_order_release);
        wake = std::exchange(sleeping_, false);
    }
    if (wake) {
        interrupt();
    }
}

void Outbox::interrupt() {
    const uint64_t one = 1;
    // Fails only if the counter is full, and then the thread is being woken already.
    [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

bool Outbox::take(std::vector<Outgoing>& into) {
    if (!maybe_ready()) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    ready_hint_.store(false, std::memory_order_relaxed);
    if (into.empty()) {
        into.swap(ready_);
    } else {
        into.insert(into.end(), std::make_move_iterator(ready_.begin()), std::make_move_iterator(ready_.end()));
        ready_.clear();
    }
    return !into.empty();
}

bool Outbox::prepare_sleep() {
    const std::lock_guard lock(mutex_);
    sleeping_ = ready_.empty();
    return sleeping_;
}

void Outbox::awake(bool woken) {
    {
        const std::lock_guard lock(mutex_);
        sleeping_ = false;
    }
    if (woken) {
        uint64_t count = 0;
        [[maybe_unused]] const ssize_t read = ::read(wake_fd_, &count, sizeof count);
    }
}

void Outbox::count(size_t frames, size_t bytes) {
    frames_.fetch_add(frames, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void Outbox::done(size_t frames, size_t bytes) {
    frames_.fetch_sub(frames, std::memory_order_relaxed);
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

}  // namespace belfry::transports::zmq
