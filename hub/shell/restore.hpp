// A data directory out of a backup: the first thing of a new cluster.
#pragma once

#include <string>

#include "hub/settings/settings.hpp"
#include "sdk/base/backup_file.hpp"

namespace belfry::hub::shell {

struct RestoredBackup {
    BackupFacts facts;
    uint64_t cluster = 0;  // the new one
};

// Fills settings.data_dir, which must be empty or not there, so that a hub with these settings starts from the backup:
// alone, or as one of cluster.members, each of which restores the same file with the same settings. What ends half-way
// leaves a directory that no hub starts from. corrupt, incompatible, conflict, invalid_argument, io: the sentence says what
// to do.
Result<RestoredBackup> restore_backup(const std::string& file, const settings::Settings& settings);

}  // namespace belfry::hub::shell
