// Consensus: libraft 0.22.1 through raft_step(), wrapped so that nothing above includes raft.h. Events in, effects out; no
// thread, clock, file or socket. One thread. The engine's known defects are fenced by guards (docs/raft.md), each in a
// function of its own. After every step the adapter compares the engine with what it was told; a difference stops the node.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/log/entry.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::hub::raft {

using EntryType = log::EntryType;

struct Entry {
    Index index;
    Term term;
    EntryType type = EntryType::command;
    std::shared_ptr<const Bytes> payload;
};

// What the log store held at start. `trail`: every entry kept, in order; only CHANGE entries need a payload.
struct Restored {
    Term term;
    uint64_t voted_for = 0;
    Index boundary;  // entry just before the first kept one
    Term boundary_term;
    Index configuration_index;  // of the last CHANGE at or before the boundary
    Bytes configuration;        // and its payload; empty if the boundary is 0
    std::vector<Entry> trail;
};

struct Vote {
    Term term;
    uint64_t voted_for = 0;
};

// What must be done, in the order of the fields: vote durable first, then truncate, then append; when an entry is durable
// call persisted().
struct Effects {
    std::optional<Vote> vote;
    std::optional<Index> truncate_after;
    std::vector<Entry> entries;
    bool committed = false;  // commit_index() has grown
    bool role_changed = false;
};

enum class Role { unavailable, follower, candidate, leader };

struct Options {
    uint64_t id = 1;
    std::string address = "local";
    unsigned seed = 1;
    unsigned election_timeout_ms = 300;
    unsigned heartbeat_timeout_ms = 30;
    bool guard_sole_voter = true;  // D5; false only in the tests that show what it is for
};

class Raft {
public:
    static Result<std::unique_ptr<Raft>> create(const Options& options);
    virtual ~Raft() = default;

    // The first CHANGE entry of a new cluster, identical on every initial voter; append it at index 1, term 1.
    static Entry bootstrap_entry(const std::vector<std::pair<uint64_t, std::string>>& voters);
    // Guard D5: what must be durable before start(); none if not needed. (Sole voter: term + 1 and a vote for itself.)
    virtual std::optional<Vote> vote_before_start(const Restored& restored) const = 0;

    virtual Status start(const Restored& restored, uint64_t now_ms, Effects& effects) = 0;
    // Proposes; `not_leader` if this is not the leader. The entry is in effects.entries.
    virtual Result<Index> submit(std::shared_ptr<const Bytes> payload, uint64_t now_ms, Effects& effects) = 0;
    // Everything up to `index` is durable and still valid.
    virtual Status persisted(Index index, uint64_t now_ms, Effects& effects) = 0;
    // A snapshot of the state at `index` is durable; the log may be cut before index - trailing.
    virtual Status snapshot_taken(Index index, unsigned trailing, uint64_t now_ms, Effects& effects) = 0;
    virtual Status timeout(uint64_t now_ms, Effects& effects) = 0;  // only when now_ms >= wake_at_ms()
    virtual uint64_t wake_at_ms() const = 0;

    virtual Role role() const = 0;
    virtual Term term() const = 0;
    virtual uint64_t leader() const = 0;     // 0 = unknown
    virtual Index commit_index() const = 0;  // never goes back
    virtual Index last_index() const = 0;
    virtual Term term_of(Index index) const = 0;  // 0 if not in the trail
    // The last configuration and the index of its entry (to be kept with snapshots).
    virtual std::pair<Index, Bytes> configuration() const = 0;
    virtual bool sole_voter() const = 0;
};

}  // namespace belfry::hub::raft
