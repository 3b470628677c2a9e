// How far each member was sent the log in this office, so that nothing goes to it twice that may still arrive. Raft's
// engine repeats all that is not acknowledged, up to 512 entries at each heartbeat, as soon as answers take longer than
// one: on a narrow cable, or to a slow disk, the repetitions alone would fill the way for ever.
//
// Messages to a member arrive in order or not at all. So it is enough that each one names the entry that the last one
// ended with: a member that lacks it refuses, and only then is anything sent again. What begins before all that was sent is
// always sent whole: the engine looks for the last entry that both have, step by step.
#pragma once

#include <cstdint>
#include <map>

#include "sdk/base/types.hpp"

namespace belfry::hub::core {

class SentMarks {
public:
    // Up to where a message that follows on `previous` repeats what was sent in this term; 0: nothing of it was, or some
    // of it was lost.
    Index of(uint64_t peer, Term term, Index previous) const;
    void sent(uint64_t peer, Term term, Index previous, Index up_to);
    // The member, whose log ends at `last`, lacks what a message of this term followed on: what was sent counts no more.
    // Soon after another refusal it changes nothing: what was sent since may still be on its way to the member, as the
    // refusals of what came before may be from it.
    void refused(uint64_t peer, Term term, Index last, uint64_t now_ms);
    // It gets a snapshot in place of the log.
    void forget(uint64_t peer) { marks_.erase(peer); }

private:
    struct Mark {
        Term term;
        Index from;  // what the first entry sent follows on
        Index up_to;
        Index refused_at;  // the end of its log when it last refused
        uint64_t pause_ms = 0;
        uint64_t cleared_at_ms = 0;
    };
    std::map<uint64_t, Mark> marks_;
};

}  // namespace belfry::hub::core
