// What the writes of sessions were answered, so that a write which comes again is not done again. A part of the state
// machine: what is kept, refused and forgotten follows from the commands alone. docs/protocol.md, "Sessions".
//
// All sessions are in memory; the store has them too, as of the last write_back(). One thread.
#pragma once

#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "hub/model/session_record.hpp"
#include "hub/plugin/state_store.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::model {

// Clients that wrote within session_idle_s. A session of one write takes about 250 octets of memory.
inline constexpr size_t sessions_max = 100'000;
// Of all of them together, by Sessions::bytes(): what a hub may spend on the retries of others.
inline constexpr size_t sessions_bytes_max = 64 * 1024 * 1024;
// A session that has not written for so long may go: far beyond what a client sends again (sdk/client).
inline constexpr uint64_t session_idle_s = 600;
// The sessions' clock goes with cluster time, but by so much at most from one command to the next: a leader's clock that
// jumps forward makes nobody's session old.
inline constexpr uint64_t session_step_ms_max = 60'000;
// Idle sessions that one command makes go: 100,000 must not go at once.
inline constexpr size_t sessions_dropped_at_once = 8;
// An answer above this is not kept; nor one that would take its session's record above that: it is written again with
// every batch.
inline constexpr size_t kept_answer_bytes_max = 1024;
inline constexpr size_t kept_answers_bytes_max = 64 * 1024;

struct Outcome {
    std::optional<Revision> revision;  // none: that of the state now
    Result<protocol::ReplyResult> reply;
};

class Sessions {
public:
    explicit Sessions(plugin::StateStore& store) : store_(store) {}

    // Everything, from the store.
    Status load();
    // After a rollback: what changed since the last commit, from the store.
    Status reload();
    // What changed since the last time, into the store's open batch.
    Status write_back();
    void committed() { uncommitted_.clear(); }

    // What to answer instead of doing this write: what it was answered before; `conflict` if that is not known any more;
    // `busy` without room. Nothing: do it, then keep(). `clock_ms`: the sessions' clock.
    std::optional<Outcome> admit(const protocol::Ticket& ticket, uint64_t clock_ms);
    // REQUIRES: admit() of the same ticket has just returned nothing.
    void keep(const protocol::Ticket& ticket, Outcome& outcome);

    size_t count() const { return sessions_.size(); }
    // Of memory, roughly, and a function of the commands.
    size_t bytes() const { return bytes_; }

private:
    // Those up to `acknowledged` stay for a while: `gone` of them stand at the front of `kept`.
    struct Live : Session {
        size_t gone = 0;
        size_t answer_bytes = 0;
        bool is_unwritten = false;
        size_t slots() const { return kept.size() - gone; }
        // Of this write, or where it belongs: at the end, mostly.
        std::vector<Kept>::const_iterator place_of(uint64_t sequence) const;
    };
    using Table = std::unordered_map<uint64_t, Live>;

    std::optional<Outcome> open(const protocol::Ticket& ticket, uint64_t now_s);
    std::optional<Outcome> find(const Live& session, const protocol::Ticket& ticket) const;
    void acknowledge(Live& session, uint64_t up_to);
    void drop_idle(uint64_t now_s);
    void touch(uint64_t id, Live& session, uint64_t now_s);
    void insert(uint64_t id, Session session);
    void forget(Table::iterator found);
    void mark(uint64_t id, Live& session);

    plugin::StateStore& store_;
    Table sessions_;
    std::set<std::pair<uint64_t, uint64_t>> by_use_;  // (used_s, session)
    std::vector<uint64_t> unwritten_;                 // changed or gone since the last write_back()
    std::vector<uint64_t> uncommitted_;               // written back since the last commit
    size_t bytes_ = 0;
    Bytes scratch_;
};

}  // namespace belfry::hub::model
