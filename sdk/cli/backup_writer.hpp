// Writes a backup: FILE.part, readable by its owner alone, that becomes FILE when it is whole and on the disk.
#pragma once

#include <string>

#include "sdk/base/backup_file.hpp"

namespace belfry::cli {

class BackupWriter {
public:
    explicit BackupWriter(std::string path) : path_(std::move(path)), part_(path_ + ".part") {}
    ~BackupWriter();  // an unfinished one is removed
    BackupWriter(const BackupWriter&) = delete;
    BackupWriter& operator=(const BackupWriter&) = delete;

    // An empty FILE.part. conflict: FILE exists, and `replace` is false.
    Status begin(bool replace);
    Status append(BytesView octets);
    Status finish(const BackupFacts& facts);
    uint64_t bytes() const { return bytes_; }

private:
    Status fail(const char* what) const;  // with errno
    Status write(BytesView octets);
    const std::string path_, part_;
    int file_ = -1;
    uint64_t bytes_ = 0;
    uint32_t crc_ = 0;
};

}  // namespace belfry::cli
