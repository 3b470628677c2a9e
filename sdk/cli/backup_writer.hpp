// Writes a backup: a file readable by its owner alone, that is FILE when it is whole, on the disk and read back.
#pragma once

#include <string>

#include "sdk/base/backup_file.hpp"
#include "sdk/cli/new_file.hpp"

namespace belfry::cli {

class BackupWriter {
public:
    BackupWriter(std::string path, bool replace) : file_(std::move(path), replace) {}

    // Anew, from the first octet. conflict: FILE exists, and is not to be replaced.
    Status begin();
    Status append(BytesView octets);
    // What the file says, as the disk has it. On failure FILE is what it was.
    Result<BackupFacts> finish(const BackupFacts& facts);
    uint64_t bytes() const { return bytes_; }

private:
    NewFile file_;
    uint64_t bytes_ = 0;
    uint32_t crc_ = 0;
};

}  // namespace belfry::cli
