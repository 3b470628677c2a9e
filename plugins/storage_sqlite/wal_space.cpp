#include "plugins/storage_sqlite/wal_space.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace belfry::storage_sqlite {

namespace {

constexpr uint64_t header_bytes = 32;  // SQLite's own, of the log and of each page in it
constexpr uint64_t frame_bytes = page_bytes + 24;
constexpr uint64_t step_bytes = 4 * 1024 * 1024;  // taken beyond what is needed, if the disk has it

uint64_t bytes_of(uint64_t frames) { return header_bytes + frames * frame_bytes; }
// 32 KiB for 4096 frames; the first of them has the index's header too.
uint64_t index_bytes_of(uint64_t frames) { return (frames / 4096 + 2) * 32 * 1024; }

// 0 or errno
int take(int fd, uint64_t bytes) {
    int rc = 0;
    do {
        rc = ::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
    } while (rc == EINTR);
    return rc;
}

}  // namespace

WalSpace::~WalSpace() {
    for (const int fd : {log_, index_}) {
        if (fd >= 0) ::close(fd);
    }
}

Status WalSpace::open(const std::string& log, const std::string& index) {
    log_ = ::open(log.c_str(), O_RDWR | O_CLOEXEC);
    index_ = ::open(index.c_str(), O_RDWR | O_CLOEXEC);
    struct stat file = {};
    if (log_ < 0 || index_ < 0 || ::fstat(log_, &file) != 0) {
        return Error{Code::io, (index_ < 0 && log_ >= 0 ? index : log) + ": cannot be opened: " + std::strerror(errno)};
    }
    frames_ = static_cast<uint64_t>(file.st_size) / frame_bytes;
    rlimit limit = {};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) file_bytes_max_ = limit.rlim_cur;
    return {};
}

void WalSpace::follow(uint64_t frames) {
    // The log has started again, and SQLite may have cut it.
    if (frames < frames_) allocated_ = std::min(allocated_, wal_bytes_kept);
    frames_ = frames;
}

void WalSpace::start_batch() { pages_ = batch_pages_min; }

Status WalSpace::reserve(uint64_t value_bytes) {
    pages_ +=
        pages_per_change + value_bytes / (page_bytes - 4);  // a page of a long value begins with the next one's number
    const uint64_t needed = bytes_of(frames_ + pages_);
    return needed <= allocated_ || !allocates_ ? Status{} : allocate(needed);
}

Status WalSpace::allocate(uint64_t bytes) {
    if (bytes > file_bytes_max_) {
        return Error{Code::no_space, "the write-ahead log of SQLite needs " + std::to_string(bytes) +
                                         " octets (the largest file size allowed is met)"};
    }
    for (const uint64_t step : {step_bytes, uint64_t{0}}) {
        int rc = take(log_, bytes + step);
        if (rc == 0) rc = take(index_, index_bytes_of((bytes + step) / frame_bytes));
        if (rc == 0) return allocated_ = bytes + step, Status{};
        if (rc == EOPNOTSUPP || rc == ENOSYS) return allocates_ = false, Status{};
        if (step != 0) continue;
        const bool full = rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
        return Error{full ? Code::no_space : Code::io, "allocating " + std::to_string(bytes) +
                                                           " octets for the write-ahead log of SQLite: " +
                                                           std::strerror(rc) + (full ? " (free disk space)" : "")};
    }
    return {};
}

}  // namespace belfry::storage_sqlite
