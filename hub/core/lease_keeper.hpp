// Keeping leases alive, and knowing at a fail-over for how long they still live. Neither costs a log entry.
//
//   alive      add() ─▶ fresh ── a round begins ─▶ renewed here, told to all ── a majority has taken it ─▶ take_answered()
//   new leader question to all ─▶ times of a majority ─▶ each lease has the longest time that anybody knows ─▶ ends are due
//
// Why no lease is cut short: what a client was told is in the memory of a majority, told by a leader in whose term
// something was committed already, so that no end proposed earlier can be applied any more. And a new leader proposes the
// end of no lease before a majority has told it what it remembers. Any two majorities meet. Where they may not (a member
// has begun anew, so its memory is young; the voters were others a while ago), or who they meet in had not applied the
// grant yet, a lease gets its whole time.
//
// Why none lives on for ever: renewals are taken from nobody but the leader of the term.
//
// Why it is cheap: one round is under way at a time and takes all that waits; where there are many leases rounds begin some
// time apart (limits::lease_pace_us), for a keep-alive has seconds of time and a round costs messages to all.
//
// Times are durations; a message only makes them longer. Pure; one thread. docs/leases.md.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "hub/core/core.hpp"
#include "hub/core/lease_clock.hpp"

namespace belfry::hub::core {

class LeaseKeeper {
public:
    // Both outlive the keeper.
    LeaseKeeper(const raft::Raft& raft, const model::Keyspace& keyspace, uint64_t id, uint64_t pace_us)
        : raft_(raft), keyspace_(keyspace), id_(id), pace_us_(pace_us), clock_(keyspace.leases()) {}

    LeaseClock& clock() { return clock_; }
    const LeaseClock& clock() const { return clock_; }

    // ---- clients' requests, at the leader ----
    bool full() const;
    // A LeaseKeepAliveRequest. REQUIRES: !full().
    void add(RequestReceived request, uint64_t now_ms);
    void forget(uint64_t connection);
    struct Answered {
        RequestReceived request;
        protocol::LeaseKeepAliveReply reply;
    };
    std::vector<Answered> take_answered() { return std::exchange(answered_, {}); }
    std::vector<RequestReceived> take_late(uint64_t now_ms);
    std::vector<RequestReceived> take_all();

    // ---- other members ----
    void receive(uint64_t peer, const LeaseRenewals& renewals, uint64_t now_ms, std::vector<MemberMessage>& out);
    void receive(uint64_t peer, const RenewalsTaken& taken);
    void receive(uint64_t peer, const LeaseQuestion& question, uint64_t now_ms, std::vector<MemberMessage>& out);
    void receive(uint64_t peer, const LeaseTimes& told, uint64_t now_ms, std::vector<MemberMessage>& out);

    // What this member's office is, when it comes to leases.
    struct Office {
        bool is_known = false;         // it leads; nothing from before its office can be applied any more
        uint64_t voters_since_ms = 0;  // since when the voters are who they are, as far as this process knows
        // May he be answered? False: he was, with a refusal.
        std::function<bool(RequestReceived&)> admits;
        std::function<bool(const Caller&, const model::Lease&)> may_use;
    };
    // Once per round of the core.
    void flush(const Office& office, uint64_t now_ms, std::vector<MemberMessage>& out);
    // A leader knows how long each lease lives.
    bool knows_times() const { return known_term_ != Term{} && leads_in(known_term_); }
    // When flush() has something to do. When a lease ends, LeaseClock::wake_at_ms() says.
    uint64_t wake_at_ms() const;

    // Bugs on purpose: only for the simulator.
    void plant(const Plants& plants) { plants_ = plants; }

private:
    struct Waiting {
        RequestReceived request;
        uint64_t deadline_ms = 0;
        protocol::LeaseKeepAliveReply reply = {};  // once the round has begun
    };
    struct Round {
        LeaseRenewals renewals;
        std::deque<Waiting> waiting;
        std::set<uint64_t> taken_by;
        uint64_t resend_at_ms = 0;
    };
    struct Asked {  // of other members, once per office
        Term term;
        uint64_t round = 0;
        std::map<uint64_t, LeaseId> after;  // by member: what it has told already
        std::set<uint64_t> told_by;
        uint64_t certain_ms = 0;    // the youngest memory's age
        uint64_t known_number = 0;  // the least that somebody has applied
        uint64_t resend_at_ms = 0;
    };
    static size_t leases_in(const Waiting& waiting);
    Waiting take_fresh();
    void watch_office();
    bool leads_in(Term term) const { return raft_.role() == raft::Role::leader && raft_.term() == term; }
    bool follows_in(Term term) const { return raft_.role() != raft::Role::leader && raft_.term() == term; }
    void put_off(uint64_t now_ms);
    uint64_t pace_ms() const;
    void begin_round(const Office& office, uint64_t now_ms);
    void send_round(uint64_t now_ms, std::vector<MemberMessage>& out);
    void settle_round();
    void give_back();
    void learn_times(uint64_t voters_since_ms, uint64_t now_ms, std::vector<MemberMessage>& out);

    const raft::Raft& raft_;
    const model::Keyspace& keyspace_;
    const uint64_t id_;
    const uint64_t pace_us_;
    LeaseClock clock_;
    std::deque<Waiting> fresh_;
    size_t fresh_leases_ = 0;             // named by those
    bool more_ = false;                   // of them to be done at once
    uint64_t next_round_ms_ = 0;          // not before
    uint64_t round_due_ms_ = UINT64_MAX;  // one waits for that moment
    std::optional<Round> round_;
    std::optional<Asked> asked_;
    std::vector<Answered> answered_;
    Term known_term_;
    uint64_t last_round_ = 0;
    Plants plants_;
};

}  // namespace belfry::hub::core
