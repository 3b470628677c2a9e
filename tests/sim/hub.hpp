// The hub: one core per process, driven as the shell drives it, on a disk that outlives it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "hub/core/core.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/feed_link.hpp"
#include "tests/sim/truth.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

struct HubPlants {
    bool no_mark = false;             // marks are never published
    bool ack_before_durable = false;  // the log writer reports before its sync
};

class Hub {
public:
    Hub(World& world, Publisher& publisher, Truth& truth, const hub::plugin::Filters& filters);

    void start();
    enum class Crash { process, machine };
    void stop(Crash crash);
    bool alive() const { return core_ != nullptr; }

    // A frame of requests from a connection; the answer comes by on_reply, as a frame.
    void receive(uint64_t connection, const Bytes& frame);
    std::function<void(uint64_t connection, const Bytes& frame)> on_reply;

    void set_log_full(bool full) { log_.full = full; }
    void set_sync_ms_max(uint64_t ms) { sync_ms_max_ = ms; }
    uint64_t snapshots() const { return snapshots_; }
    HubPlants plants;

private:
    void queue(hub::core::Input input);
    void round();
    void act(hub::core::Output& output);
    void to_disk(std::function<void()> job, uint64_t took_ms);
    void persist(hub::core::Persist& job);
    void take_snapshot();
    hub::Instant instant() const;
    // Runs only if the same process still lives.
    std::function<void()> mine(std::function<void()> action);

    World& world_;
    Publisher& publisher_;
    Truth& truth_;
    const hub::plugin::Filters& filters_;
    hub::core::Options options_;
    SimLog log_;
    SimStore store_;
    std::optional<Bytes> snapshot_;

    std::unique_ptr<hub::core::Core> core_;
    uint64_t life_ = 0;
    std::vector<hub::core::Input> inbox_;
    bool round_planned_ = false;
    uint64_t wake_at_ms_ = UINT64_MAX;
    uint64_t disk_free_at_ms_ = 0;
    uint64_t sync_ms_max_ = 8;
    std::optional<Bytes> join_;
    uint64_t snapshots_ = 0;
};

}  // namespace belfry::sim
