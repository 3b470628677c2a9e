#include "plugins/log_wal/spare.hpp"

#include <fcntl.h>

#include <algorithm>
#include <chrono>

namespace belfry::log_wal {

namespace {

// Zeros written at once, and between two syncs where they go through the kernel's cache: the log's own syncs queue behind
// no more than this.
constexpr uint64_t calm_step_bytes = 128 * 1024;
// The same when the log fills its segment faster than the spare grows.
constexpr uint64_t hasty_step_bytes = 1024 * 1024;
// Pauses after calm steps, in parts of what the step took: the disk belongs to the log.
constexpr int pause_parts = 2;

using Clock = std::chrono::steady_clock;

// pause(at, time) is called after a step that ended at `at` and took `time`; it returns the size of the next step, 0 to
// end.
template <class Pause>
Result<File> make(const std::string& path, uint64_t bytes, Pause&& pause) {
    auto file = File::open(path, O_RDWR | O_CREAT | O_TRUNC);
    if (!file) return file;
    file->go_direct();
    bytes = (bytes + File::block_bytes - 1) / File::block_bytes * File::block_bytes;
    Status status;
    // Fails at once on a full disk, before anything is written.
    if (const int error = ::posix_fallocate(file->fd(), 0, static_cast<off_t>(bytes)); error != 0)
        status = error_of(error, path, "be allocated");
    uint64_t step = calm_step_bytes;
    for (uint64_t at = 0; status.ok() && at < bytes;) {
        const auto begun = Clock::now();
        const uint64_t end = std::min(bytes, at + step);
        status = file->zero(at, end);
        // Past the cache they are at the device already, and each sync would make all others wait for one more.
        const bool sync = !file->is_direct() || end == bytes;
        if (status.ok() && sync) status = file->sync();
        at = end;
        if (step = pause(at, Clock::now() - begun); step == 0) status = Error{Code::unavailable, "closing"};
    }
    if (status.ok()) return file;
    (void)remove_file(path);
    return std::move(status).error();
}

}  // namespace

Result<File> make_zeroed(const std::string& path, uint64_t bytes) {
    return make(path, bytes, [](uint64_t, Clock::duration) { return hasty_step_bytes; });
}

Spare::Spare(std::string directory, uint64_t segment_bytes)
    : directory_(std::move(directory)), segment_bytes_(segment_bytes), thread_([this] { run(); }) {}

Spare::~Spare() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
    if (ready_) (void)remove_file(file_.path());
}

void Spare::prepare() {
    const std::lock_guard lock(mutex_);
    wanted_ = !ready_;
    due_bytes_ = 0;
    changed_.notify_all();
}

Result<File> Spare::make_calmly() {
    return make(directory_ + "/spare.tmp", segment_bytes_, [this](uint64_t at, Clock::duration took) -> uint64_t {
        std::unique_lock lock(mutex_);
        const auto urgent = [&] { return stop_ || needed_ || at < due_bytes_; };
        const bool hasty = changed_.wait_for(lock, took * pause_parts, urgent);
        return stop_ ? 0 : hasty ? hasty_step_bytes : calm_step_bytes;
    });
}

Status Spare::remove(File file) {
    const std::lock_guard lock(mutex_);
    if (removed_.ok()) old_.push_back(std::move(file));
    changed_.notify_all();
    return removed_;
}

Status Spare::remove_now(File file) {
    if (Status status = remove_file(file.path()); !status) return status;
    return sync_directory(directory_);
}

void Spare::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return wanted_ || stop_ || !old_.empty(); });
        if (wanted_ && !stop_) {
            lock.unlock();
            auto file = make_calmly();
            lock.lock();
            wanted_ = needed_ = false;  // after a failure take() tries again and tells
            ready_ = file.ok();
            if (file) file_ = std::move(*file);
            changed_.notify_all();
        } else if (!old_.empty()) {
            File file = std::move(old_.front());
            old_.pop_front();
            lock.unlock();
            Status status = remove_now(std::move(file));
            lock.lock();
            if (!status) {  // a later one must not go before it: that would leave a gap
                removed_ = std::move(status);
                old_.clear();
            }
        } else if (stop_) {
            return;
        }
    }
}

Result<File> Spare::take(uint64_t bytes) {
    std::unique_lock lock(mutex_);
    needed_ = wanted_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !wanted_; });
    if (ready_) {
        ready_ = false;
        File file = std::move(file_);
        file_ = File();
        if (segment_bytes_ >= bytes) return file;
        (void)remove_file(file.path());
    }
    return make_zeroed(directory_ + "/spare.tmp", std::max(bytes, segment_bytes_));
}

}  // namespace belfry::log_wal
