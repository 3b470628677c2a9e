// Pieces of snapshot files, for backups. A file stays open while it is being read, so that newer snapshots which take its
// place do not end the backup. One thread.
#pragma once

#include <chrono>
#include <deque>

#include "hub/shell/files.hpp"
#include "hub/shell/snapshots.hpp"

namespace belfry::hub::shell {

class SnapshotReader {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit SnapshotReader(const Snapshots& snapshots) : snapshots_(snapshots) {}

    struct Piece {
        uint64_t file_bytes = 0;
        Bytes octets;  // limits::backup_piece_bytes, less at the end of the file
    };
    // not_found: there is no such snapshot (any more).
    Result<Piece> read(Index index, uint64_t offset, Time now);
    // Closes what nobody has read for a minute: the disk keeps it as long as it is open.
    void close_idle(Time now);
    Time idle_at() const;  // when close_idle() has something to do; max() = never

private:
    struct Open {
        Index index;
        File file;
        Time used;
    };
    Result<Open*> open(Index index);

    const Snapshots& snapshots_;
    std::deque<Open> files_;  // by use, oldest first; few
};

}  // namespace belfry::hub::shell
