#include "hub/raft/trail.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"

namespace belfry::hub::raft {

void Trail::start(Index boundary, Term boundary_term) {
    boundary_ = last_ = boundary;
    boundary_term_ = boundary_term;
    runs_.clear();
}

void Trail::append(Term term) {
    BELFRY_ASSERT(term >= last_term());
    last_ = last_.next();
    if (runs_.empty() || runs_.back().term != term) runs_.push_back({last_, term});
}

void Trail::truncate_after(Index last_kept) {
    BELFRY_ASSERT(last_kept >= boundary_);
    BELFRY_ASSERT(last_kept <= last_);
    while (!runs_.empty() && runs_.back().first > last_kept) runs_.pop_back();
    last_ = last_kept;
}

void Trail::drop_to(Index index) {
    BELFRY_ASSERT(index >= boundary_);
    BELFRY_ASSERT(index <= last_);
    boundary_term_ = term_of(index);
    boundary_ = index;
    while (runs_.size() > 1 && runs_[1].first <= index.next()) runs_.pop_front();
    if (index == last_) runs_.clear();
    if (!runs_.empty()) runs_.front().first = std::max(runs_.front().first, index.next());
}

Term Trail::term_of(Index index) const {
    if (index == boundary_) return boundary_term_;
    if (index < boundary_ || index > last_) return {};
    // Almost always asked near the end.
    for (size_t i = runs_.size(); i-- > 0;) {
        if (runs_[i].first <= index) return runs_[i].term;
    }
    return {};
}

}  // namespace belfry::hub::raft
