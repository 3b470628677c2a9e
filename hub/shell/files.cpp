#include "hub/shell/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace belfry::hub::shell {

namespace fs = std::filesystem;

File::File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0640)) {}

File::~File() {
    if (fd_ >= 0) ::close(fd_);
}

File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

File& File::operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

Status write_all(int fd, BytesView content, const std::string& path) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_error("cannot write", path);
        content.remove_prefix(static_cast<size_t>(written));
    }
    return {};
}

Error system_error(const std::string& what, const std::string& path) {
    const int number = errno;
    const Code code = number == ENOSPC || number == EDQUOT ? Code::no_space : number == ENOENT ? Code::not_found : Code::io;
    return {code, what + " '" + path + "': " + std::strerror(number)};
}

Result<Bytes> read_file(const std::string& path) {
    const File file(path, O_RDONLY);
    if (!file) return system_error("cannot open", path);
    Bytes content;
    char buffer[16384];
    for (;;) {
        const ssize_t size = ::read(file.fd(), buffer, sizeof buffer);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return system_error("cannot read", path);
        if (size == 0) return content;
        content.append(buffer, static_cast<size_t>(size));
    }
}

Status write_file_durably(const std::string& path, BytesView content) {
    const std::string temporary = path + ".new";
    {
        const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
        if (!file) return system_error("cannot create", temporary);
        if (auto written = write_all(file.fd(), content, temporary); !written) return written;
        if (::fsync(file.fd()) != 0) return system_error("cannot sync", temporary);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("cannot rename to", path);
    return sync_directory(fs::path(path).parent_path().string());
}

Status write_secret_file(const std::string& path, BytesView content) {
    const std::string temporary = path + ".new";
    ::unlink(temporary.c_str());
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0) return system_error("cannot create", temporary);
    const Status written = write_all(fd, content, temporary);
    ::close(fd);
    if (!written) return written;
    if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("cannot rename to", path);
    return sync_directory(fs::path(path).parent_path().string());
}

Status remove_file_durably(const std::string& path) {
    if (::unlink(path.c_str()) != 0) {
        if (errno == ENOENT) return {};
        return system_error("cannot remove", path);
    }
    return sync_directory(fs::path(path).parent_path().string());
}

Status sync_directory(const std::string& path) {
    const File directory(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
    if (!directory) return system_error("cannot open directory", path);
    if (::fsync(directory.fd()) != 0) return system_error("cannot sync directory", path);
    return {};
}

Status make_directory(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    std::error_code error;
    const fs::path parent = fs::path(path).parent_path();
    if (!parent.empty()) fs::create_directories(parent, error);
    if (error) {
        errno = error.value();
        return system_error("cannot create directory", parent.string());
    }
    if (::mkdir(path.c_str(), S_IRWXU) == 0) return {};
    const int number = errno;
    if (number == EEXIST && fs::is_directory(path, error)) return {};
    errno = number;
    return system_error("cannot create directory", path);
}

bool others_may_enter(const std::string& directory) {
    struct stat facts {};
    return ::stat(directory.c_str(), &facts) == 0 && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

Status remove_contents(const std::string& directory) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
        fs::remove_all(entry.path(), error);
        if (error) break;
    }
    if (!error) return {};
    errno = error.value();
    return system_error("cannot empty", directory);
}

std::vector<std::string> list_names(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

Result<DirectoryLock> DirectoryLock::take(const std::string& directory) {
    const std::string path = directory + "/LOCK";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) return system_error("cannot open", path);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char holder[32] = {};
        const ssize_t size = ::pread(fd, holder, sizeof holder - 1, 0);
        ::close(fd);
        return Error{Code::conflict, "data directory '" + directory + "' is in use by process " +
                                         (size > 0 ? std::string(holder, static_cast<size_t>(size)) : "(unknown)") +
                                         "; stop it, or give this one another data_dir"};
    }
    const std::string id = std::to_string(::getpid());
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, id.data(), id.size(), 0) < 0) {
        const Error error = system_error("cannot write", path);
        ::close(fd);
        return error;
    }
    return DirectoryLock(fd);
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock::~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace belfry::hub::shell
