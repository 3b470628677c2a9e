// The thread that copies the state store while the core goes on.
#pragma once

#include <functional>
#include <thread>

#include "hub/core/core.hpp"
#include "hub/shell/mailbox.hpp"
#include "hub/shell/snapshots.hpp"

namespace belfry::hub::shell {

class Snapshotter {
public:
    // `on_done` is called on this thread with SnapshotPersisted or SnapshotFailed. The store outlives the snapshotter.
    Snapshotter(plugin::StateStore& store, Snapshots snapshots, std::function<void(core::Input)> on_done);
    ~Snapshotter();  // finishes the copy it is making
    void take() { jobs_.put(Take{}); }

private:
    struct Take {};
    void run();

    plugin::StateStore& store_;
    Snapshots snapshots_;
    std::function<void(core::Input)> on_done_;
    Mailbox<Take> jobs_;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace belfry::hub::shell
