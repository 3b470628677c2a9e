#include "plugins/storage_lmdb/page_ahead.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

namespace belfry::storage_lmdb {

namespace {

constexpr uint64_t page_bytes = 4096;
constexpr uint64_t ahead_pages_max = 16 * 1024 * 1024 / page_bytes;
// At once, so that closing and newer wishes do not wait long.
constexpr uint64_t piece_pages_max = 256;

}  // namespace

PageAhead::~PageAhead() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void PageAhead::follow(uint64_t used, uint64_t allocated) {
    if (map_ == nullptr) return;
    const uint64_t growth = used_ == 0 || used <= used_ ? 0 : used - used_;
    used_ = used;
    if (growth == 0) return;
    const Piece piece{std::max(used, ready_), std::min(used + std::min(2 * growth, ahead_pages_max), allocated)};
    if (piece.empty()) return;
    ready_ = piece.to;
    {
        const std::lock_guard lock(mutex_);
        wanted_ = wanted_.empty() ? piece : Piece{std::max(wanted_.from, used), piece.to};
    }
    changed_.notify_one();
    if (!thread_.joinable()) thread_ = std::thread(&PageAhead::run, this);
}

void PageAhead::run() {
#ifdef MADV_POPULATE_WRITE
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return stopping_ || !wanted_.empty(); });
        if (stopping_) return;
        const Piece piece{wanted_.from, std::min(wanted_.to, wanted_.from + piece_pages_max)};
        wanted_.from = piece.to;
        lock.unlock();
        // A failure (an old kernel, no memory) leaves the pages to the writer.
        (void)::madvise(map_ + piece.from * page_bytes, (piece.to - piece.from) * page_bytes, MADV_POPULATE_WRITE);
        lock.lock();
    }
#endif
}

char* find_map(int fd) {
    struct stat file = {};
    if (::fstat(fd, &file) != 0) return nullptr;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        uint64_t begin = 0, end = 0, offset = 0, inode = 0;
        unsigned major = 0, minor = 0;
        char writable = '-';
        const int fields = std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*c%c%*c%*c %" SCNx64 " %x:%x %" SCNu64,
                                       &begin, &end, &writable, &offset, &major, &minor, &inode);
        if (fields == 7 && writable == 'w' && offset == 0 && inode == file.st_ino && makedev(major, minor) == file.st_dev) {
            return reinterpret_cast<char*>(begin);
        }
    }
    return nullptr;
}

}  // namespace belfry::storage_lmdb
