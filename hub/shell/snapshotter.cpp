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
        jobs_.take_all(jobs, std::chrono::steady_clock::time_point::max());
        if (jobs.empty()) return;
        for (const Job& job : jobs) job.install == Index{} ? take_one() : install_one(job.install);
    }
}

void Snapshotter::take_one() {
    auto taken = snapshots_.take(store_);
    if (taken) {
        on_done_(core::SnapshotPersisted{taken->index, taken->bytes});
    } else {
        on_done_(core::SnapshotFailed{taken.error()});
    }
}

void Snapshotter::install_one(Index index) {
    const auto restored = snapshots_.restore_at(store_, index);
    if (!restored) return on_fatal_(restored.error());
    on_done_(core::SnapshotInstalled{index});
}

}  // namespace belfry::hub::shell
