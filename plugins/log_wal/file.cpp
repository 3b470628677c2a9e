#include "plugins/log_wal/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace belfry::log_wal {

namespace {
constexpr size_t zero_bytes = 1024 * 1024;  // of one write of zeros
}  // namespace

Error error_of(int number, const std::string& path, const char* what) {
    const Code code = number == ENOSPC || number == EDQUOT ? Code::no_space : Code::io;
    return {code, path + ": cannot " + what + ": " + std::strerror(number)};
}

File::~File() {
    if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
    if (fd < 0) return error_of(errno, path, "be opened");
    return File(fd, path);
}

Status File::write(BytesView bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_of(errno, path_, "be written");
        bytes.remove_prefix(static_cast<size_t>(written));
        offset += static_cast<uint64_t>(written);
    }
    return {};
}

Result<size_t> File::read(char* data, size_t size, uint64_t offset) const {
    size_t done = 0;
    while (done < size) {
        const ssize_t got = ::pread(fd_, data + done, size - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_of(errno, path_, "be read");
        if (got == 0) break;
        done += static_cast<size_t>(got);
    }
    return done;
}

Status File::sync() {
    if (::fdatasync(fd_) != 0) return error_of(errno, path_, "be synced");
    return {};
}

Status File::zero(uint64_t begin, uint64_t end) {
    const Bytes zeros(static_cast<size_t>(std::min<uint64_t>(zero_bytes, end - begin)), '\0');
    for (; begin < end; begin += zeros.size()) {
        const auto size = static_cast<size_t>(std::min<uint64_t>(zeros.size(), end - begin));
        if (Status status = write(BytesView(zeros).substr(0, size), begin); !status) return status;
    }
    return {};
}

Result<uint64_t> File::size() const {
    struct stat info = {};
    if (::fstat(fd_, &info) != 0) return error_of(errno, path_, "be examined");
    return static_cast<uint64_t>(info.st_size);
}

Status File::rename(const std::string& path) {
    if (std::rename(path_.c_str(), path.c_str()) != 0) return error_of(errno, path_, "be renamed");
    path_ = path;
    return {};
}

Status sync_directory(const std::string& directory) {
    auto file = File::open(directory, O_RDONLY | O_DIRECTORY);
    if (!file) return std::move(file).error();
    if (::fsync(file->fd()) != 0) return error_of(errno, directory, "be synced");
    return {};
}

Status remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return error_of(errno, path, "be removed");
    return {};
}

}  // namespace belfry::log_wal
