// What the adapter itself knows of the log: which term each kept index has. Kept apart from the engine's own trail, so that
// the self-check compares two independent accounts. A run per term, so it stays small however long the log is.
#pragma once

#include <deque>

#include "sdk/base/types.hpp"

namespace belfry::hub::raft {

class Trail {
public:
    void start(Index boundary, Term boundary_term);
    // REQUIRES: term is not less than the last entry's.
    void append(Term term);
    // REQUIRES: boundary() <= last_kept <= last().
    void truncate_after(Index last_kept);
    // Forgets everything up to and including `index`, which becomes the boundary. REQUIRES: as above.
    void drop_to(Index index);

    Index boundary() const { return boundary_; }
    Index last() const { return last_; }
    Term last_term() const { return runs_.empty() ? boundary_term_ : runs_.back().term; }
    // 0 if the index is before the boundary or after the last entry.
    Term term_of(Index index) const;

private:
    struct Run {
        Index first;
        Term term;
    };
    Index boundary_;
    Term boundary_term_;
    Index last_;
    std::deque<Run> runs_;
};

}  // namespace belfry::hub::raft
