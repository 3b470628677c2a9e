#include "hub/shell/snapshotter.hpp"

namespace belfry::hub::shell {

Snapshotter::Snapshotter(plugin::StateStore& store, Snapshots snapshots, std::function<void(core::Input)> on_done)
    : store_(store), snapshots_(std::move(snapshots)), on_done_(std::move(on_done)), thread_([this] { run(); }) {}

Snapshotter::~Snapshotter() {
    jobs_.close();
    thread_.join();
}

void Snapshotter::run() {
    std::vector<Take> jobs;
    for (;;) {
        jobs_.take_all(jobs, std::chrono::steady_clock::time_point::max());
        if (jobs.empty()) return;
        auto taken = snapshots_.take(store_);
        if (taken) {
            on_done_(core::SnapshotPersisted{taken->index, taken->bytes});
        } else {
            on_done_(core::SnapshotFailed{taken.error()});
        }
    }
}

}  // namespace belfry::hub::shell
