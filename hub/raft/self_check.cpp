// What must hold between the engine and our own account of the log. Debian builds libraft without its assertions, so a
// defect shows here first, before a wrong entry is acknowledged.
#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

namespace {

Error disagree(const std::string& what, uint64_t engine, uint64_t ours) {
    return {Code::corrupt, "raft self-check: " + what + " is " + std::to_string(engine) + " in the engine and " +
                               std::to_string(ours) + " here; the node stops before it does harm, please report this"};
}

}  // namespace

// Before new entries are taken over.
Status Engine::check_entries(Index first, unsigned count) const {
    const Index last{first.value + count - 1};
    if (count == 0) return disagree("the number of new entries", 0, 1);
    if (first <= trail_.boundary()) return disagree("the first new index", first.value, trail_.boundary().value + 1);
    if (first > trail_.last().next()) return disagree("the first new index", first.value, trail_.last().value + 1);
    if (first <= commit_) return disagree("a truncation at or below the commit index", first.value, commit_.value);
    if (last.value != raft_last_index(raft_)) return disagree("the last new index", raft_last_index(raft_), last.value);
    return {};
}

// After each step.
Status Engine::check(const Before& before) const {
    if (raft_last_index(raft_) != trail_.last().value) {
        return disagree("the last index", raft_last_index(raft_), trail_.last().value);
    }
    if (installing_) return {};  // membership and commit index are about to be replaced
    if (term() < before.term) return disagree("the term", term().value, before.term.value);
    if (commit_ < before.commit) return disagree("the commit index", commit_.value, before.commit.value);
    if (commit_ > trail_.last()) return disagree("the commit index", commit_.value, trail_.last().value);
    if (trail_.last_term() > term()) return disagree("the term", term().value, trail_.last_term().value);
    const bool empty = changes_.empty();
    if (empty && raft_->configuration.n != 0) return disagree("the number of members", raft_->configuration.n, 0);
    if (!empty && !equal(raft_->configuration, *changes_.back().servers)) {
        return disagree("the membership (number of members)", raft_->configuration.n, changes_.back().servers->n);
    }
    return {};
}

}  // namespace belfry::hub::raft
