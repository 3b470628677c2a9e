// Linearizable reads of every kind, on every member: a read waits here until this member has applied everything that was
// acknowledged anywhere before the read came.
//
//   leader     one round of probes for all that wait (hub/raft/read_barrier.hpp)
//   others     one question to the leader for all that wait (ReadIndexAsk), who asks its own barrier
//
//     add() ─▶ fresh ── a round begins ─▶ asked ── index known ─▶ granted ── applied ─▶ take_ready()
//                ▲                          │
//                └── no leader, new leader ◀┘        after the deadline: take_late()
//
// A read survives a change of leader: it is asked for again. Pure; one thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "hub/core/core.hpp"
#include "hub/raft/read_barrier.hpp"

namespace belfry::hub::core {

class ReadGate {
public:
    // The Raft outlives the gate. `incarnation`: random per process, so that no answer to an earlier one is taken for ours.
    ReadGate(const raft::Raft& raft, uint64_t id, uint64_t incarnation)
        : raft_(raft), id_(id), barrier_(raft, id), last_question_(incarnation) {}

    bool full() const;
    size_t count() const { return fresh_.size() + asked_.size() + granted_.size(); }
    // REQUIRES: !full().
    void add(RequestReceived read, uint64_t now_ms);
    void forget(uint64_t connection);

    // From other members.
    void receive(const raft::Message& probe_or_result, std::vector<MemberMessage>& out);
    void receive(uint64_t peer, const ReadIndexAsk& ask);
    void receive(uint64_t peer, const ReadIndexAnswer& answer, uint64_t now_ms);

    // After each step of the Raft, once per round.
    void flush(uint64_t now_ms, std::vector<MemberMessage>& out);
    // Some may be answered from a state that has applied this much.
    bool any_ready(Index applied) const { return !granted_.empty() && granted_.front().index <= applied; }
    // The oldest of them. REQUIRES: any_ready().
    RequestReceived take_ready();
    // The cluster did not agree on what is newest.
    std::vector<RequestReceived> take_late(uint64_t now_ms);
    // It did, but this member has not come to them.
    std::vector<RequestReceived> take_late_granted(uint64_t now_ms);
    // Those that wait for nothing but this member to apply what is committed.
    std::vector<RequestReceived> take_granted();
    uint64_t wake_at_ms() const;

private:
    struct Read {
        RequestReceived request;
        uint64_t deadline_ms = 0;
        Index index;  // of granted ones
    };
    struct Question {  // of another member
        uint64_t peer = 0;
        uint64_t round = 0;
    };
    struct Round {
        uint64_t leader = 0;
        Term term;
        uint64_t number = 0;  // of the barrier, or of our question
        uint64_t resend_at_ms = 0;
    };
    bool leads() const { return raft_.role() == raft::Role::leader; }
    void begin(uint64_t now_ms, std::vector<MemberMessage>& out);
    void answer_questions(std::optional<Index> index, std::vector<MemberMessage>& out);
    void grant(Index index);
    void give_back();
    static std::vector<RequestReceived> take_late(std::deque<Read>& reads, uint64_t now_ms);

    const raft::Raft& raft_;
    const uint64_t id_;
    raft::ReadBarrier barrier_;
    std::deque<Read> fresh_, asked_, granted_;
    std::map<uint64_t, uint64_t> questions_fresh_;  // member -> its newest round
    std::vector<Question> questions_asked_;
    std::optional<Round> round_;
    uint64_t last_question_;
    uint64_t not_before_ms_ = 0;  // a refused question is not repeated at once
};

}  // namespace belfry::hub::core
