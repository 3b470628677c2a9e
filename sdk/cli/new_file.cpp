#include "sdk/cli/new_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace belfry::cli {

Status NewFile::fail(const char* what) const {
    const Code code = errno == ENOSPC || errno == EDQUOT ? Code::no_space : Code::io;
    return Error{code, std::string(what) + " '" + (part_.empty() ? path_ : part_) + "': " + std::strerror(errno)};
}

Status NewFile::check_place() const {
    struct stat facts {};
    if (::lstat(path_.c_str(), &facts) != 0) return errno == ENOENT ? Status() : fail("cannot look at");
    if (!S_ISREG(facts.st_mode)) {
        return Error{Code::invalid_argument, "'" + path_ + "' is no regular file; what it is would be lost"};
    }
    if (replace_) return {};
    return Error{Code::conflict, "'" + path_ + "' exists; give another name, or --force to replace it"};
}

Status NewFile::create() {
    remove();
    if (auto free = check_place(); !free) return free;
    std::string name = path_ + ".part-XXXXXX";
    file_ = ::mkostemp(name.data(), O_CLOEXEC);  // 0600
    if (file_ < 0) return fail("cannot create a file beside");
    part_ = std::move(name);
    return {};
}

Status NewFile::write(BytesView octets) {
    while (!octets.empty()) {
        const ssize_t written = ::write(file_, octets.data(), octets.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail("cannot write");
        octets.remove_prefix(static_cast<size_t>(written));
    }
    return {};
}

Status NewFile::sync() { return ::fsync(file_) == 0 ? Status() : fail("cannot sync"); }

Status NewFile::publish() {
    if (auto free = check_place(); !free) return free;
    // Without --force not even what appeared since that look is replaced, where the file system can tell (EINVAL: cannot).
    int moved = ::renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, path_.c_str(), replace_ ? 0 : RENAME_NOREPLACE);
    if (moved != 0 && errno == EINVAL) moved = ::rename(part_.c_str(), path_.c_str());
    if (moved != 0 && errno == EEXIST) return Error{Code::conflict, "'" + path_ + "' exists by now"};
    if (moved != 0) return fail("cannot rename");
    ::close(file_);
    file_ = -1;
    part_.clear();
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && ::fsync(directory) == 0;
    const Status status = synced ? Status() : fail("cannot sync the directory of");
    if (directory >= 0) ::close(directory);
    return status;
}

void NewFile::remove() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(part_.c_str());
    file_ = -1;
    part_.clear();
}

}  // namespace belfry::cli
