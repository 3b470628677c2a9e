// The thread that copies the state store while the core goes on, and that fills it from another member's snapshot while the
// core leaves it alone; never both at once. It also reads the copies, for backups.
#pragma once

#include <functional>
#include <thread>
#include <variant>

#include "hub/core/core.hpp"
#include "hub/shell/mailbox.hpp"
#include "hub/shell/snapshot_reader.hpp"
#include "hub/shell/snapshots.hpp"

namespace belfry::hub::shell {

class Snapshotter {
public:
    // `on_done` is called on this thread with SnapshotPersisted, SnapshotFailed, SnapshotInstalled or
    // BackupPieceRead; `on_fatal` if a store
    // that is to be filled cannot be. The store outlives the snapshotter.
    Snapshotter(plugin::StateStore& store, Snapshots snapshots, std::function<void(core::Input)> on_done,
                std::function<void(Error)> on_fatal);
    ~Snapshotter();  // finishes the copy it is making
    void take() { jobs_.put(Take{}); }
    // REQUIRES: the core does not touch the store until SnapshotInstalled.
    void install(Index index) { jobs_.put(index); }
    void read(const core::ReadBackupPiece& piece) { jobs_.put(piece); }

private:
    struct Take {};
    using Job = std::variant<Take, Index, core::ReadBackupPiece>;  // Index: to install
    void run();
    void work_on(Take);
    void work_on(Index install);
    void work_on(const core::ReadBackupPiece& piece);

    plugin::StateStore& store_;
    Snapshots snapshots_;
    SnapshotReader reader_{snapshots_};
    std::function<void(core::Input)> on_done_;
    std::function<void(Error)> on_fatal_;
    Mailbox<Job> jobs_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace belfry::hub::shell
