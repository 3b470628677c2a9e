#include "plugins/log_wal/file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace belfry::log_wal {

namespace {
constexpr size_t zero_bytes = 1024 * 1024;  // of one write of zeros

// Never written, so all of it is the kernel's one page of zeros. Empty if there is no address space.
BytesView zeros() {
    static void* const map = ::mmap(nullptr, zero_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return map == MAP_FAILED ? BytesView() : BytesView(static_cast<const char*>(map), zero_bytes);
}

// Elsewhere an overwrite may need space, or be slower than the cache.
bool overwrites_in_place(int fd) {
    struct statfs system = {};
    if (::fstatfs(fd, &system) != 0) return false;
    const auto type = static_cast<uint64_t>(system.f_type);
    return type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC;
}

}  // namespace

Error error_of(int number, const std::string& path, const char* what) {
    const Code code = number == ENOSPC || number == EDQUOT ? Code::no_space : Code::io;
    return {code, path + ": cannot " + what + ": " + std::strerror(number)};
}

File::~File() {
    if (direct_ >= 0) ::close(direct_);
    if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0640);
    if (fd < 0) return error_of(errno, path, "be opened");
    return File(fd, path);
}

namespace {

// The number of the error, or 0.
int write_all(int fd, BytesView bytes, uint64_t offset) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        bytes.remove_prefix(static_cast<size_t>(written));
        offset += static_cast<uint64_t>(written);
    }
    return 0;
}

}  // namespace

Status File::write(BytesView bytes, uint64_t offset) {
    if (const int error = write_all(fd_, bytes, offset); error != 0) return error_of(error, path_, "be written");
    return {};
}

void File::go_direct() {
    if (!is_direct() && overwrites_in_place(fd_)) direct_ = ::open(path_.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC);
}

void File::end_direct() {
    if (is_direct()) ::close(std::exchange(direct_, -1));
}

// A device with larger blocks says EINVAL: then the cache does it.
Status File::write_blocks(BytesView bytes, uint64_t offset) {
    if (is_direct()) {
        const int error = write_all(direct_, bytes, offset);
        if (error == 0) return {};
        if (error != EINVAL) return error_of(error, path_, "be written");
        end_direct();
    }
    return write(bytes, offset);
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
    const BytesView all = zeros();
    if (all.empty()) return error_of(ENOMEM, path_, "be filled with zeros");
    const bool in_blocks = begin % block_bytes == 0 && end % block_bytes == 0;
    while (begin < end) {
        const BytesView part = all.substr(0, static_cast<size_t>(std::min<uint64_t>(all.size(), end - begin)));
        if (Status status = in_blocks ? write_blocks(part, begin) : write(part, begin); !status) return status;
        begin += part.size();
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
