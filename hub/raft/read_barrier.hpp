// Linearizable reads without a log entry ("read index"). A leader that was replaced without knowing it must not answer: so
// before it serves a read it asks the voters whether they are still in its term, one round for all reads that wait.
//
//     ask() ─▶ waiting ── flush() ─▶ round: commit index R, probes to the voters ── majority ─▶ take_ready(): read at R
//
// Why it is safe: a leader of a later term needs the votes of a majority before it commits anything, and every majority
// meets the one that answered, whose members were still in our term after the round began (their term is durable before
// it is visible). So nothing newer than R was committed when the reads came. Membership changes one member at a time keep
// majorities meeting. There are no lease reads: nothing here depends on clocks.
// (Ongaro, "Consensus: Bridging Theory and Practice", section 6.4; ours asks by messages of its own, since libraft has
// none.)
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "hub/raft/raft.hpp"

namespace belfry::hub::raft {

class ReadBarrier {
public:
    // The Raft outlives the barrier. `resend_ms`: after so long without a majority the probes go out again.
    ReadBarrier(const Raft& raft, uint64_t id, uint64_t resend_ms = 50) : raft_(raft), id_(id), resend_ms_(resend_ms) {}

    // A read; the number says which. Numbers ascend.
    uint64_t ask() { return ++last_asked_; }

    // After each step of the Raft and each answer: notices a new office or its end, begins a round, sends.
    void flush(uint64_t now_ms, std::vector<Message>& messages);
    // A ReadProbeResult from a member that proved who it is.
    void receive(const Message& message);
    uint64_t wake_at_ms() const { return round_ ? round_->resend_at_ms : UINT64_MAX; }

    // Reads up to number `read` may be answered from a state that has applied `index`.
    struct Ready {
        uint64_t read = 0;
        Index index;
    };
    std::optional<Ready> take_ready();
    // Reads up to this number, and not ready, will have no answer here: this member does not lead, or not as it did.
    std::optional<uint64_t> take_failed();

    // Any member's answer to a ReadProbe; none if the probe is of a term to come.
    static std::optional<Message> answer(const Raft& raft, const Message& probe);

private:
    struct Round {
        uint64_t number = 0;
        uint64_t reads = 0;  // all up to this one
        Index index;
        std::set<uint64_t> agreed;
        uint64_t resend_at_ms = 0;
    };
    void watch_office();
    void fail_waiting();
    void settle();
    void send_probes(uint64_t now_ms, std::vector<Message>& messages);

    const Raft& raft_;
    const uint64_t id_;
    const uint64_t resend_ms_;
    uint64_t last_asked_ = 0, last_settled_ = 0, last_round_ = 0;
    Term office_term_;    // in which we lead; 0 = we do not
    Index office_index_;  // the end of the log when we took office: not before this is committed do we know what is
    std::optional<Round> round_;
    std::optional<Ready> ready_;
    std::optional<uint64_t> failed_;
};

}  // namespace belfry::hub::raft
