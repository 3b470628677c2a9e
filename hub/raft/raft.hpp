// Consensus: libraft 0.22.1 through raft_step(), wrapped so that nothing above includes raft.h. Events in, effects out; no
// thread, clock, file or socket. One thread. The engine's known defects are fenced by guards (docs/raft.md), each in a
// function of its own. After every step the adapter compares the engine with what it was told; a difference stops the node.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hub/raft/message.hpp"
#include "sdk/base/error.hpp"

namespace belfry::hub::raft {

// What the log store held at start. `trail`: every entry kept, in order; only CHANGE entries need a payload.
struct Restored {
    Term term;
    uint64_t voted_for = 0;
    Index boundary;  // entry just before the first kept one
    Term boundary_term;
    Index configuration_index;  // of the last CHANGE at or before the boundary
    Bytes configuration;        // and its payload; empty if the boundary is 0
    std::vector<Entry> trail;
    Index last() const { return trail.empty() ? boundary : trail.back().index; }
};

struct Vote {
    Term term;
    uint64_t voted_for = 0;
};

// The state and the log are to be replaced by the snapshot that was fetched before the message came in.
struct Install {
    Index index;
    Term term;
    Index configuration_index;
    Bytes configuration;
};

// What must be done, in the order of the fields: vote durable first, then truncate, then append; when an entry is durable
// call persisted(). Messages may leave as soon as the vote is durable, before the entries are. An install takes the place
// of truncation and entries; when state, empty log and configuration are durable call snapshot_installed().
struct Effects {
    std::optional<Vote> vote;
    std::optional<Install> install;
    std::optional<Index> truncate_after;
    std::vector<Entry> entries;
    uint64_t generation = 0;  // of the log after these truncations, installs and entries; for persisted()
    std::vector<Message> messages;
    bool committed = false;  // commit_index() has grown
    bool role_changed = false;
};

enum class Role { unavailable, follower, candidate, leader };

// Each fences a defect of the engine (docs/raft.md). False only in the tests that show what it is for.
struct Guards {
    bool stale_answer = true;      // D1
    bool change_first = true;      // D2
    bool before_snapshot = true;   // D3
    bool late_rejection = true;    // D4
    bool sole_voter = true;        // D5
    bool refused_pre_vote = true;  // D6
    bool lent_vote = true;         // D7
    bool stray_answers = true;     // D8
    bool first_entry = true;       // D9
};

struct Options {
    uint64_t id = 1;
    std::string address = "local";
    unsigned seed = 1;
    unsigned election_timeout_ms = 300;
    unsigned heartbeat_timeout_ms = 30;
    Guards guards;
};

// A learner gets the log and has no vote; a new member starts as one.
enum class MemberRole : uint8_t { learner, voter };

struct Member {
    uint64_t id = 0;
    std::string address;
    MemberRole role = MemberRole::voter;
    friend bool operator==(const Member&, const Member&) = default;
};

// NULL: there is none.
const Member* find_member(const std::vector<Member>& members, uint64_t id);
inline bool votes(const Member* member) { return member != nullptr && member->role == MemberRole::voter; }
size_t voters_in(const std::vector<Member>& members);
// Are more than half of the voters among these ids?
bool is_majority(const std::vector<Member>& members, const std::set<uint64_t>& ids);

// One member at a time; ids are never used again.
struct MemberChange {
    enum class Kind : uint8_t { add_learner, promote, remove };
    Kind kind = Kind::add_learner;
    uint64_t id = 0;
    std::string address;  // of add_learner
};

enum class CatchUp { none, running, aborted, finished };

class Raft {
public:
    static Result<std::unique_ptr<Raft>> create(const Options& options);
    virtual ~Raft() = default;

    // The first CHANGE entry of a new cluster, identical on every initial voter; append it at index 1, term 1.
    static Entry bootstrap_entry(const std::vector<std::pair<uint64_t, std::string>>& voters);
    // Whom the payload of a CHANGE entry makes members. Any octets: `corrupt` with the place.
    static Result<std::vector<Member>> members_in(BytesView change);
    // Guard D5: what must be durable before start(); none if not needed. (Sole voter: term + 1 and a vote for itself.)
    virtual std::optional<Vote> vote_before_start(const Restored& restored) const = 0;

    virtual Status start(const Restored& restored, uint64_t now_ms, Effects& effects) = 0;
    // Proposes; `not_leader` if this is not the leader. The entry is in effects.entries.
    virtual Result<Index> submit(std::shared_ptr<const Bytes> payload, uint64_t now_ms, Effects& effects) = 0;
    // Everything up to `index` is durable, in the log as it was in this generation: a later truncation may be on its way to
    // the disk, and an index that is written twice must not count by its first writing.
    virtual Status persisted(Index index, uint64_t generation, uint64_t now_ms, Effects& effects) = 0;
    // A snapshot of the state at `index` is durable. At least `trailing` entries are kept before it; the log may be cut to
    // boundary().
    virtual Status snapshot_taken(Index index, unsigned trailing, uint64_t now_ms, Effects& effects) = 0;
    // Any message from a member that proved who it is. What makes no sense is `invalid_argument` and changes nothing.
    virtual Status receive(const Message& message, uint64_t now_ms, Effects& effects) = 0;
    // What Effects::install asked for is durable.
    virtual Status snapshot_installed(uint64_t now_ms, Effects& effects) = 0;
    virtual Status timeout(uint64_t now_ms, Effects& effects) = 0;  // only when now_ms >= wake_at_ms()

    // The leader's. `not_leader` elsewhere; `conflict`: a rule forbids it now or for good, the sentence says which.
    virtual Result<Index> change_members(const MemberChange& change, uint64_t now_ms, Effects& effects) = 0;
    // Starts to watch how fast a learner follows; it may be promoted when the state is `finished`.
    virtual Status catch_up(uint64_t id, uint64_t now_ms, Effects& effects) = 0;
    virtual CatchUp catch_up_state(uint64_t id) const = 0;
    // The caller has stopped submitting. Until it is over, or an election timeout has passed, submits are refused.
    virtual Status transfer(uint64_t id, uint64_t now_ms, Effects& effects) = 0;
    virtual bool transferring() const = 0;
    virtual Index match_index(uint64_t id) const = 0;  // what the leader knows the member to hold; 0 = unknown
    virtual std::vector<Member> members() const = 0;   // by the newest configuration in the log
    // Another number: perhaps another list. Cheap, so that nobody needs to make the list to see that it is the same.
    virtual uint64_t members_version() const = 0;
    virtual uint64_t wake_at_ms() const = 0;

    virtual Role role() const = 0;
    virtual Term term() const = 0;
    virtual bool installing() const = 0;     // between Effects::install and snapshot_installed()
    virtual uint64_t leader() const = 0;     // 0 = unknown
    virtual Index commit_index() const = 0;  // never goes back
    virtual Index last_index() const = 0;
    virtual Index boundary() const = 0;           // the entry before the first one that is kept
    virtual Term term_of(Index index) const = 0;  // 0 if not in the trail
    // How much of the log the engine counts as durable; goes back with a truncation.
    virtual Index stored() const = 0;
    virtual Index configuration_index() const = 0;  // of the newest CHANGE in the log; 0 = none
    // The one in force at `index`, to be kept with a snapshot of it; index 0 if that is not known any more.
    virtual std::pair<Index, Bytes> configuration_at(Index index) const = 0;
    virtual bool sole_voter() const = 0;
    virtual size_t member_count() const = 0;  // by the newest configuration in the log
};

}  // namespace belfry::hub::raft
