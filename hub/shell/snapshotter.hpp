// The thread that copies the state store while the core goes on, and that fills it from another member's snapshot while the
// core leaves it alone; never both at once.
#pragma once

#include <functional>
#include <thread>

#include "hub/core/core.hpp"
#include "hub/shell/mailbox.hpp"
#include "hub/shell/snapshots.hpp"

namespace belfry::hub::shell {

class Snapshotter {
public:
    // `on_done` is called on this thread with SnapshotPersisted, SnapshotFailed or SnapshotInstalled; `on_fatal` if a store
    // that is to be filled cannot be. The store outlives the snapshotter.
    Snapshotter(plugin::StateStore& store, Snapshots snapshots, std::function<void(core::Input)> on_done,
                std::function<void(Error)> on_fatal);
    ~Snapshotter();  // finishes the copy it is making
    void take() { jobs_.put(Job{}); }
    // REQUIRES: the core does not touch the store until SnapshotInstalled.
    void install(Index index) { jobs_.put(Job{index}); }

private:
    struct Job {
        Index install;  // 0 = take one
    };
    void run();
    void take_one();
    void install_one(Index index);

    plugin::StateStore& store_;
    Snapshots snapshots_;
    std::function<void(core::Input)> on_done_;
    std::function<void(Error)> on_fatal_;
    Mailbox<Job> jobs_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace belfry::hub::shell
