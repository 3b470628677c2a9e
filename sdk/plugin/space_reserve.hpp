// Disk space held back in a file, for stores whose engine finds out only in the middle of a write that the disk is full.
// While the reserve is held, the engine may count on that much: release() gives it the room to finish, flush or roll back.
// What cannot be held again afterwards is the sign that the disk is full, and it comes before a write begins.
//
// One thread at a time.
#pragma once

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "sdk/base/error.hpp"

namespace belfry::plugin {

// Octets of the file system that `directory` is on; 0 = not known.
inline uint64_t file_system_bytes(const std::string& directory) {
    struct statvfs system = {};
    return ::statvfs(directory.c_str(), &system) == 0 ? uint64_t{system.f_blocks} * system.f_frsize : 0;
}

class SpaceReserve {
public:
    // Of a file that belongs to the reserve alone; one that a crash has left is taken over.
    explicit SpaceReserve(std::string path) : path_(std::move(path)) {
        fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    ~SpaceReserve() {
        if (fd_ >= 0) ::close(fd_);
    }
    SpaceReserve(const SpaceReserve&) = delete;
    SpaceReserve& operator=(const SpaceReserve&) = delete;

    // Holds at least so much; free if it does already. no_space: the disk has not got it, and what was held still is. Where
    // the file system cannot allocate, it claims to hold everything: a full disk then shows in the engine.
    Status hold(uint64_t bytes) {
        if (bytes <= held_ || !allocates_) return {};
        int rc = fd_ >= 0 ? 0 : EBADF;
        do {
            if (fd_ >= 0) rc = ::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
        } while (rc == EINTR);
        if (rc == 0) return held_ = bytes, Status{};
        if (rc == EOPNOTSUPP || rc == ENOSYS) return allocates_ = false, Status{};
        shrink(held_);  // what a refused allocation took all the same
        const bool full = rc == ENOSPC || rc == EDQUOT || rc == EFBIG;
        return Error{full ? Code::no_space : Code::io, path_ + ": cannot hold " + std::to_string(bytes) +
                                                           " octets of disk space ready: " + std::strerror(rc) +
                                                           (full ? " (free disk space)" : "")};
    }
    // Gives back what is beyond `bytes`.
    void shrink(uint64_t bytes) {
        if (fd_ >= 0 && ::ftruncate(fd_, static_cast<off_t>(bytes)) == 0) held_ = bytes < held_ ? bytes : held_;
    }
    void release() { shrink(0); }
    uint64_t held() const { return held_; }

private:
    const std::string path_;
    int fd_ = -1;
    bool allocates_ = true;
    uint64_t held_ = 0;
};

}  // namespace belfry::plugin
