// Small files written so that a crash leaves the old or the new content, never a mixture; and other file manners. Errors
// name the path and say what the system said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::shell {

// "cannot open '/x/y': Permission denied"; ENOSPC and EDQUOT become no_space, the rest io.
Error system_error(const std::string& what, const std::string& path);

// An open file, closed at the end; false if it could not be opened (errno says why). Flags as open(2).
class File {
public:
    File(const std::string& path, int flags);
    ~File();
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    int fd() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};
Status write_all(int fd, BytesView content, const std::string& path);  // `path` for the error

Result<Bytes> read_file(const std::string& path);  // not_found if it is not there
Status write_file_durably(const std::string& path, BytesView content);
// Only its owner may read it, from the first octet on. Gone or whole after a crash.
Status write_secret_file(const std::string& path, BytesView content);
Status remove_file_durably(const std::string& path);  // ok if it is not there
Status sync_directory(const std::string& path);
// For its owner alone, whatever the umask: what lies in it holds secrets, and not every store makes its files so. And its
// parents, as everybody's are. Ok, and as it was, if it is there.
Status make_directory(std::string path);
bool others_may_enter(const std::string& directory);  // its group, or everybody
Status remove_contents(const std::string& directory);
std::vector<std::string> list_names(const std::string& directory);  // sorted; empty if it cannot be read

// An exclusive lock held as long as the object lives; the file keeps the holder's process id for the message.
class DirectoryLock {
public:
    static Result<DirectoryLock> take(const std::string& directory);
    ~DirectoryLock();
    DirectoryLock(DirectoryLock&& other) noexcept;
    DirectoryLock& operator=(DirectoryLock&&) = delete;

private:
    explicit DirectoryLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace belfry::hub::shell
