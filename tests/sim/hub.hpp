// A hub: one core per process, driven as the shell drives it, on a disk that outlives it; one member of a cluster.
#pragma once

#include <deque>
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

// Planted bugs of the driver; hub::core::Plants has those of the core.
struct HubPlants {
    bool no_mark = false;               // marks are never published
    bool ack_before_durable = false;    // the log writer reports before its sync
    bool skip_sync = false;             // the log writer's sync does nothing
    bool forget_vote = false;           // votes are written without whom they are for
    bool messages_before_vote = false;  // messages do not wait for the vote, which is slow to be written
    bool newest_generation = false;     // what is durable is reported for the log as it is now, not as it was written
    bool forget_truncation = false;     // after a crash of the machine the log has again what was cut from it
    bool install_keeps_state = false;   // a snapshot replaces the log and not the state
    bool install_keeps_log = false;     // a snapshot replaces the state and not the log
    bool old_snapshot = false;          // an older snapshot is given out under the newest one's name
    hub::core::Plants core;
};

class Hub {
public:
    using Members = std::vector<std::pair<uint64_t, std::string>>;
    static std::string address_of(uint64_t id) { return "m" + std::to_string(id); }
    // `members`: the first ones, the same list on each; empty for one that joins later.
    Hub(World& world, Publisher& publisher, Truth& truth, const hub::plugin::Filters& filters, uint64_t id,
        const Members& members);

    void start();  // nothing, if it runs
    enum class Crash { process, machine };
    void stop(Crash crash);
    // A clean stop, as by SIGTERM: it ends when its core lets it; then on_ended.
    void ask_to_stop();
    std::function<void()> on_ended;
    bool alive() const { return core_ != nullptr; }
    uint64_t id() const { return options_.member_id; }
    bool leads() const { return alive() && core_->role() == hub::raft::Role::leader; }
    Term term() const { return core_->term(); }
    Index applied() const { return core_ ? core_->applied() : Index{}; }
    // Nothing of this process runs for a while; then everything that came in meanwhile is there at once.
    void stall_until(uint64_t time_ms) { stalled_until_ms_ = time_ms; }
    bool stalled() const { return world_.now() < stalled_until_ms_; }
    uint64_t life() const { return life_; }  // of the process; another number, another process
    void move_clock(int64_t ms) { wall_offset_ms_ += ms; }

    // A frame of requests from a connection; the answer comes by on_reply, as a frame.
    void receive(uint64_t connection, const Bytes& frame);
    void receive(hub::core::MemberMessage message);
    std::function<void(uint64_t connection, const Bytes& frame)> on_reply;
    std::function<void(hub::core::MemberMessage message)> on_message;  // to another member
    std::function<const Hub*(uint64_t id)> find;                       // another member; NULL = not to be reached now

    void set_log_full(bool full) { log_.full = full; }
    void set_store_full(SimStore::Full full) { store_.set_full(full); }
    void set_sync_ms_max(uint64_t ms) { sync_ms_max_ = ms; }
    uint64_t snapshots() const { return snapshots_taken_; }
    uint64_t installs() const { return installs_; }
    // Everything the state store holds, as an image.
    Bytes image();
    HubPlants plants;

private:
    struct Snapshot {
        Index index;
        Bytes image;
    };
    void queue(hub::core::Input input);
    void plan_round(uint64_t delay_ms);
    void round();
    void end();
    void act(hub::core::Output& output);
    void observe();
    void run(uint64_t life, const std::function<void()>& action);
    void to_disk(std::function<void()> job, uint64_t took_ms);
    void persist(hub::core::Persist& job);
    void save_vote(const hub::raft::Vote& vote);
    void sync(Index first, Index last, uint64_t generation);
    void send(std::vector<hub::core::MemberMessage> messages);
    void let_messages_go();
    void take_snapshot();
    void fetch(const hub::core::Fetch& wanted);
    void end_fetch(const hub::core::Fetch& wanted, uint64_t sender_life);
    void install(const hub::core::Boundary& boundary);
    void keep(Snapshot snapshot);
    const Snapshot* snapshot_of(Index index) const;
    const Snapshot* newest_snapshot() const;
    hub::Instant instant() const;
    // Runs only if the same process still lives, and not while it is stalled.
    std::function<void()> mine(std::function<void()> action);

    World& world_;
    Publisher& publisher_;
    Truth& truth_;
    const hub::plugin::Filters& filters_;
    hub::core::Options options_;
    SimLog log_;
    SimStore store_;
    std::deque<Snapshot> kept_snapshots_;  // the newest two
    std::optional<Snapshot> fetched_;      // of another member, not installed yet

    std::unique_ptr<hub::core::Core> core_;
    uint64_t life_ = 0;
    std::vector<hub::core::Input> inbox_;
    bool round_planned_ = false;
    uint64_t wake_at_ms_ = UINT64_MAX;
    uint64_t stalled_until_ms_ = 0;
    std::deque<std::function<void()>> disk_jobs_;  // one after the other, as the log writer thread does them
    uint64_t disk_free_at_ms_ = 0;
    struct Outgoing {
        uint64_t votes = 0;  // that must be durable before
        std::vector<hub::core::MemberMessage> messages;
    };
    std::deque<Outgoing> outgoing_;
    uint64_t votes_queued_ = 0, votes_durable_ = 0;
    uint64_t generation_ = 0;  // of the newest Persist
    uint64_t sync_ms_max_ = 8;
    int64_t wall_offset_ms_ = 0;
    std::optional<Bytes> join_;
    Index observed_;
    uint64_t snapshots_taken_ = 0, installs_ = 0, fetches_ = 0;
};

}  // namespace belfry::sim
