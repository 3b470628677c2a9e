// A file descriptor with errors as values. Every failure is a sentence that names the path.
//
// What the log writes is hardly ever read again, and a page of the kernel's cache costs more than the octets in it: first
// the memory, then the way to the disk on another thread. So where the file system overwrites in place (ext4, XFS) whole
// blocks go to the disk directly. Both ways may be used on one file: the kernel keeps them in step.
#pragma once

#include <string>
#include <utility>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::log_wal {

class File {
public:
    static constexpr uint64_t block_bytes = 4096;  // of direct writes: their place, length and memory

    File() = default;
    File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    File(File&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), direct_(std::exchange(other.direct_, -1)), path_(std::move(other.path_)) {}
    File& operator=(File&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(direct_, other.direct_);
        std::swap(path_, other.path_);
        return *this;
    }
    ~File();

    static Result<File> open(const std::string& path, int flags);
    Status write(BytesView bytes, uint64_t offset);
    // From here on zero() and write_blocks() go past the kernel's cache, if that can be done here.
    void go_direct();
    void end_direct();
    bool is_direct() const { return direct_ >= 0; }
    // REQUIRES: offset, size and the octets' address are multiples of block_bytes.
    Status write_blocks(BytesView bytes, uint64_t offset);
    // Fewer than `size` octets only at the end of the file.
    Result<size_t> read(char* data, size_t size, uint64_t offset) const;
    Status sync();
    Status zero(uint64_t begin, uint64_t end);
    Result<uint64_t> size() const;
    Status rename(const std::string& path);
    int fd() const { return fd_; }
    const std::string& path() const { return path_; }

private:
    int fd_ = -1;
    int direct_ = -1;  // the same file, opened to be written directly
    std::string path_;
};

// ENOSPC and EDQUOT are `no_space`, all else is `io`.
Error error_of(int number, const std::string& path, const char* what);
Status sync_directory(const std::string& directory);
Status remove_file(const std::string& path);

}  // namespace belfry::log_wal
