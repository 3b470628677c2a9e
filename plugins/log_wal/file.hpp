// A file descriptor with errors as values. Every failure is a sentence that names the path.
#pragma once

#include <string>
#include <utility>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::log_wal {

class File {
public:
    File() = default;
    File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
    File& operator=(File&& other) noexcept {
        std::swap(fd_, other.fd_);
        std::swap(path_, other.path_);
        return *this;
    }
    ~File();

    static Result<File> open(const std::string& path, int flags);
    Status write(BytesView bytes, uint64_t offset);
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
    std::string path_;
};

// ENOSPC and EDQUOT are `no_space`, all else is `io`.
Error error_of(int number, const std::string& path, const char* what);
Status sync_directory(const std::string& directory);
Status remove_file(const std::string& path);

}  // namespace belfry::log_wal
