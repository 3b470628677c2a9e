// The adapter around one libraft engine. Private to hub/raft.
//
//     Raft::submit ...            step()                     Effects
//     ───────────────▶ raft_event ──────▶ raft_update ───────────────▶ vote, truncation, entries, commit, role
//                                   │
//                                   └──▶ check() compares engine and trail_ (self_check.cpp)
#pragma once

#include <deque>

#include "hub/raft/configuration.hpp"
#include "hub/raft/libraft.hpp"
#include "hub/raft/raft.hpp"
#include "hub/raft/trail.hpp"

namespace belfry::hub::raft {

class Engine final : public Raft {
public:
    explicit Engine(const Options& options) : options_(options) {}
    ~Engine() override;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    Status init();

    std::optional<Vote> vote_before_start(const Restored& restored) const override;
    Status start(const Restored& restored, uint64_t now_ms, Effects& effects) override;
    Result<Index> submit(std::shared_ptr<const Bytes> payload, uint64_t now_ms, Effects& effects) override;
    Status persisted(Index index, uint64_t now_ms, Effects& effects) override;
    Status snapshot_taken(Index index, unsigned trailing, uint64_t now_ms, Effects& effects) override;
    Status timeout(uint64_t now_ms, Effects& effects) override;
    uint64_t wake_at_ms() const override;

    Role role() const override;
    Term term() const override;
    uint64_t leader() const override;
    Index commit_index() const override { return commit_; }
    Index last_index() const override { return trail_.last(); }
    Term term_of(Index index) const override { return trail_.term_of(index); }
    std::pair<Index, Bytes> configuration() const override;
    bool sole_voter() const override;

private:
    // A CHANGE entry of the log.
    struct Change {
        Index index;
        Bytes payload;
        ConfigurationPointer servers;
    };
    // Entries on their way to the disk, in the order of the log writer's queue.
    struct Write {
        Index first;
        Index last;
    };
    // What must never go back; remembered from before a step.
    struct Before {
        Term term;
        Index commit;
        Role role = Role::unavailable;
    };

    raft_event event(raft_event_type type, uint64_t now_ms);
    Status step(raft_event& event, const std::shared_ptr<const Bytes>& payload, Effects& effects);
    void take_vote(const raft_update& update, Effects& effects);
    Status take_entries(const raft_update& update, const std::shared_ptr<const Bytes>& payload, Effects& effects);
    Status take_change(Index index, const Bytes& payload);
    Status confirm_changes(uint64_t now_ms, Effects& effects);
    Status load_changes(const Restored& restored);
    Status refuse(int code) const;
    Status check(const Before& before) const;                 // self_check.cpp
    Status check_entries(Index first, unsigned count) const;  // self_check.cpp

    const Options options_;
    struct ::raft* raft_ = nullptr;
    uint64_t now_ms_ = 0;
    Trail trail_;
    Index commit_;
    Vote vote_;  // as last reported
    // The newest CHANGE last; before it the committed one it would fall back to.
    std::deque<Change> changes_;
    Index change_confirmed_;  // the engine knows that this CHANGE is committed
    std::deque<Write> writes_;
};

}  // namespace belfry::hub::raft
