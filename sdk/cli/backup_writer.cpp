#include "sdk/cli/backup_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "sdk/base/crc32c.hpp"

namespace belfry::cli {

BackupWriter::~BackupWriter() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(part_.c_str());
}

Status BackupWriter::fail(const char* what) const {
    const Code code = errno == ENOSPC || errno == EDQUOT ? Code::no_space : Code::io;
    return Error{code, std::string(what) + " '" + part_ + "': " + std::strerror(errno)};
}

Status BackupWriter::begin(bool replace) {
    std::error_code ignored;
    if (!replace && std::filesystem::exists(path_, ignored)) {
        return Error{Code::conflict, "'" + path_ + "' exists; give another name, or --force to replace it"};
    }
    if (file_ >= 0) ::close(file_);
    file_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file_ < 0) return fail("cannot create");
    if (::fchmod(file_, 0600) != 0) return fail("cannot protect");
    bytes_ = 0;
    crc_ = 0;
    return {};
}

Status BackupWriter::append(BytesView octets) {
    crc_ = crc32c(crc_, octets);
    bytes_ += octets.size();
    return write(octets);
}

Status BackupWriter::write(BytesView octets) {
    while (!octets.empty()) {
        const ssize_t written = ::write(file_, octets.data(), octets.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail("cannot write");
        octets.remove_prefix(static_cast<size_t>(written));
    }
    return {};
}

Status BackupWriter::finish(const BackupFacts& facts) {
    if (auto written = write(encode_backup_end(facts, crc_)); !written) return written;
    if (::fsync(file_) != 0) return fail("cannot sync");
    if (::rename(part_.c_str(), path_.c_str()) != 0) return fail("cannot rename");
    ::close(file_);
    file_ = -1;
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && ::fsync(directory) == 0;
    if (directory >= 0) ::close(directory);
    return synced ? Status() : fail("cannot sync the directory of");
}

}  // namespace belfry::cli
