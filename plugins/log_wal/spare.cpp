#include "plugins/log_wal/spare.hpp"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace belfry::log_wal {

namespace {

// Between two syncs: the log's own syncs queue behind no more than this.
constexpr uint64_t step_bytes = 128 * 1024;
// Pauses between steps, as a part of what a step took: the disk belongs to the log.
constexpr int pause_parts = 2;

template <class Stop, class Pause>
Result<File> make(const std::string& path, uint64_t bytes, Stop&& stop, Pause&& pause) {
    auto file = File::open(path, O_RDWR | O_CREAT | O_TRUNC);
    if (!file) return file;
    Status status;
    // Fails at once on a full disk, before anything is written.
    if (const int error = ::posix_fallocate(file->fd(), 0, static_cast<off_t>(bytes)); error != 0)
        status = error_of(error, path, "be allocated");
    for (uint64_t at = 0; status.ok() && at < bytes; at += step_bytes) {
        const auto begun = std::chrono::steady_clock::now();
        if (stop()) status = Error{Code::unavailable, "closing"};
        if (status.ok()) status = file->zero(at, std::min(bytes, at + step_bytes));
        if (status.ok()) status = file->sync();
        pause((std::chrono::steady_clock::now() - begun) * pause_parts);
    }
    if (status.ok()) return file;
    (void)remove_file(path);
    return std::move(status).error();
}

}  // namespace

Result<File> make_zeroed(const std::string& path, uint64_t bytes) {
    return make(path, bytes, [] { return false; }, [](auto) {});
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
    changed_.notify_all();
}

bool Spare::stopping() {
    const std::lock_guard lock(mutex_);
    return stop_;
}

void Spare::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return wanted_ || stop_; });
        if (stop_) return;
        lock.unlock();
        auto file = make(directory_ + "/spare.tmp", segment_bytes_, [this] { return stopping(); },
                         [](auto time) { std::this_thread::sleep_for(time); });
        lock.lock();
        wanted_ = false;  // after a failure take() tries again and tells
        ready_ = file.ok();
        if (file) file_ = std::move(*file);
        changed_.notify_all();
    }
}

Result<File> Spare::take(uint64_t bytes) {
    std::unique_lock lock(mutex_);
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
