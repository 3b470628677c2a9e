#include "hub/shell/snapshotter.hpp"

namespace belfry::hub::shell {

Snapshotter::Snapshotter(plugin::StateStore& store, Snapshots snapshots, std::function<void(core::Input)> on_done,
                         std::function<void(Error)> on_fatal)
    : store_(store),
      snapshots_(std::move(snapshots)),
      on_done_(std::move(on_done)),
      on_fatal_(std::move(on_fatal)),
      thread_([this] { run(); }) {}

Snapshotter::~Snapshotter() {
    jobs_.close();
    thread_.join();
}

void Snapshotter::run() {
    std::vector<Job> jobs;
    for (;;) {
        jobs_.take_all(jobs, reader_.idle_at());
        reader_.close_idle(std::chrono::steady_clock::now());
        if (jobs.empty() && jobs_.closed()) return;
        for (const Job& job : jobs) std::visit([this](const auto& what) { work_on(what); }, job);
    }
}

void Snapshotter::work_on(Take) {
    auto taken = snapshots_.take(store_);
    if (taken) {
        on_done_(core::SnapshotPersisted{taken->index, taken->bytes});
    } else {
        on_done_(core::SnapshotFailed{taken.error()});
    }
}

void Snapshotter::work_on(Index index) {
    const auto restored = snapshots_.restore_at(store_, index);
    if (!restored) return on_fatal_(restored.error());
    on_done_(core::SnapshotInstalled{index});
}

void Snapshotter::work_on(const core::ReadBackupPiece& wanted) {
    auto piece = reader_.read(wanted.index, wanted.offset, std::chrono::steady_clock::now());
    core::BackupPieceRead read{wanted.connection, wanted.request, wanted.index, 0, Error{}};
    if (piece) {
        read.file_bytes = piece->file_bytes;
        read.piece = std::move(piece->octets);
    } else {
        read.piece = std::move(piece).error();
    }
    on_done_(std::move(read));
}

}  // namespace belfry::hub::shell
