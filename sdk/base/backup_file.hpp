// Backups: the file that `belfry snapshot save` writes and `belfryd --restore` reads (docs/formats.md, "Backups").
//
//   backup := snapshot, facts, u32 length of facts, u32 crc32c of all before it, "BELBACK1"     (little-endian)
//   facts  := lines "name = value"
//
// The facts stand at the end: they may be looked at with `tail`, and the snapshot begins at 0.
#pragma once

#include <functional>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry {

inline constexpr uint64_t backup_format = 1;

struct BackupFacts {
    uint64_t cluster = 0;   // that it was taken from
    uint64_t index = 0;     // log entry that the snapshot is at
    uint64_t term = 0;      // of that entry
    Revision revision;      // 0 = not known
    uint64_t taken_ms = 0;  // unix time
    std::string store;      // the state store plugin whose image the snapshot holds
    uint64_t snapshot_bytes = 0;
    uint32_t checksum = 0;  // of the file
};

// What follows the snapshot, whose octets have `snapshot_crc`; facts.snapshot_bytes and checksum are not looked at.
Bytes encode_backup_end(const BackupFacts& facts, uint32_t snapshot_crc);

// Reads the whole file. io of the system, also if there is no such file; corrupt with the reason; incompatible for a newer
// format. `on_progress`, if any, is told octets done and in all.
Result<BackupFacts> check_backup(const std::string& path,
                                 const std::function<void(uint64_t done, uint64_t total)>& on_progress = {});

}  // namespace belfry
