// The adapter around one libraft engine. Private to hub/raft.
//
//     Raft::submit ...            step()                     Effects
//     ───────────────▶ raft_event ──────▶ raft_update ───────────────▶ vote, truncation, entries, messages, commit, role
//                                   │
//                                   └──▶ check() compares engine and trail_ (self_check.cpp)
//
//   engine.cpp    a step and what it leaves behind      receive.cpp   messages in and out
//   guards.cpp    D1-D9, a function each                members.cpp   what the leader may change of the membership
//   snapshots.cpp taken, asked for, installed           changes.cpp   the membership entries of the log
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
    Status persisted(Index index, uint64_t generation, uint64_t now_ms, Effects& effects) override;
    Status snapshot_taken(Index index, unsigned trailing, uint64_t now_ms, Effects& effects) override;
    Status receive(const Message& message, uint64_t now_ms, Effects& effects) override;
    Status snapshot_installed(uint64_t now_ms, Effects& effects) override;
    Status timeout(uint64_t now_ms, Effects& effects) override;
    uint64_t wake_at_ms() const override;

    Result<Index> change_members(const MemberChange& change, uint64_t now_ms, Effects& effects) override;
    Status catch_up(uint64_t id, uint64_t now_ms, Effects& effects) override;
    CatchUp catch_up_state(uint64_t id) const override;
    Status transfer(uint64_t id, uint64_t now_ms, Effects& effects) override;
    bool transferring() const override;
    Index match_index(uint64_t id) const override;
    std::vector<Member> members() const override;
    uint64_t members_version() const override { return members_version_; }

    Role role() const override;
    Term term() const override;
    bool installing() const override { return installing_.has_value(); }
    uint64_t leader() const override;
    Index commit_index() const override { return commit_; }
    Index last_index() const override { return trail_.last(); }
    Index boundary() const override { return trail_.boundary(); }
    Term term_of(Index index) const override { return trail_.term_of(index); }
    Index stored() const override;
    Index configuration_index() const override;
    std::pair<Index, Bytes> configuration_at(Index index) const override;
    bool sole_voter() const override;
    size_t member_count() const override { return changes_.empty() ? 0 : changes_.back().servers->n; }

private:
    // A CHANGE entry of the log.
    struct Change {
        Index index;
        Bytes payload;
        ConfigurationPointer servers;
    };
    // A truncation or install on its way to the disk.
    struct Cut {
        uint64_t generation = 0;  // which it begins
        Index after;
    };
    // Where the payloads of new entries come from: our own proposal, a message, or (none) the engine's barrier.
    struct Source {
        const Entry* proposed = nullptr;
        const std::vector<Entry>* received = nullptr;
        std::shared_ptr<const Bytes> payload_of(Index index) const;
    };
    // What must never go back; remembered from before a step.
    struct Before {
        Term term;
        Index commit;
        Role role = Role::unavailable;
    };

    raft_event event(raft_event_type type, uint64_t now_ms);
    Status step(raft_event& event, const Source& source, Effects& effects);
    int run(raft_event& event, raft_update& update);
    void take_vote(const raft_update& update, Effects& effects);
    Status take_entries(const raft_update& update, const Source& source, Effects& effects);
    Status take_install(const raft_update& update, Effects& effects);
    const Change* in_force_at(Index index) const;
    Status take_change(Index index, const Bytes& payload);
    Status confirm_changes(uint64_t now_ms, Effects& effects);
    Status confirm_change(const Change& change, uint64_t now_ms, Effects& effects);
    Status load_changes(const Restored& restored);
    Result<Index> submit_entry(const Entry& entry, uint64_t now_ms, Effects& effects);
    Status refuse(int code) const;

    // receive.cpp
    Status receive_entries(const Message& message, AppendEntries body, uint64_t now_ms, Effects& effects);
    Status step_entries(const Message& message, const AppendEntries& part, uint64_t now_ms, Effects& effects);
    Status step_install(const Message& message, const InstallSnapshot& body, uint64_t now_ms, Effects& effects);
    Status step_message(raft_message& message, const Source& source, uint64_t now_ms, Effects& effects);
    void take_messages(const raft_update& update, Effects& effects) const;
    Message message_of(const raft_message& sent) const;

    // guards.cpp
    bool answer_stale(const Message& message, Effects& effects) const;                                // D1
    std::vector<AppendEntries> with_changes_first(AppendEntries body) const;                          // D2
    Status settle_pending_change(const Message& message, const AppendEntries& part, uint64_t now_ms,  // D2
                                 Effects& effects);
    void cut_at_snapshot(AppendEntries& body) const;                  // D3
    bool is_late_rejection(const Message& message) const;             // D4
    void tell_our_term(Message& answer) const;                        // D6
    void forget_dead_leader(raft_request_vote& request) const;        // D7
    int step_with_lent_vote(raft_event& event, raft_update& update);  // D7
    Index cut_for(Index snapshot, unsigned trailing) const;           // D9
    bool is_stray(const Message& message) const;                      // D8

    // members.cpp
    Status may_change() const;
    Result<Bytes> changed_configuration(const MemberChange& change) const;
    Status check(const Before& before) const;                 // self_check.cpp
    Status check_entries(Index first, unsigned count) const;  // self_check.cpp

    const Options options_;
    struct ::raft* raft_ = nullptr;
    uint64_t now_ms_ = 0;
    Trail trail_;
    Index commit_;
    Vote vote_;  // as last reported
    // From the one in force at the boundary (or at the log's beginning) to the newest.
    std::deque<Change> changes_;
    uint64_t members_version_ = 0;  // counts what happens to changes_.back()
    Index change_confirmed_;        // the engine knows that this CHANGE is committed
    std::optional<Install> installing_;
    uint64_t last_contact_ms_ = 0;  // when a leader last spoke to us
    uint64_t generation_ = 0;
    std::deque<Cut> cuts_;
};

}  // namespace belfry::hub::raft
