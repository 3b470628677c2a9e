// What fences the engine's known defects, by the numbers of docs/raft.md. Each can be switched off in the tests that show
// what it is for. (D5 is Engine::vote_before_start; the other half of D5, never to shrink below two voters, is in
// members.cpp.)
#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

// D1. The engine answers entries or a snapshot of an older term with an index that nobody has set, and without a rejection.
// A leader that is elected again in the new term before that answer arrives would count it as a follower's copy.
bool Engine::answer_stale(const Message& message, Effects& effects) const {
    const bool from_leader =
        std::holds_alternative<AppendEntries>(message.body) || std::holds_alternative<InstallSnapshot>(message.body);
    if (!from_leader || message.term >= term()) return false;
    effects.messages.push_back({message.peer, message.version, term(), AppendEntriesResult{}});
    return true;
}

// D2. Of several new entries the engine takes the index of the first for that of a CHANGE among them. The change would
// never count as committed, and a truncation would roll it back wrongly. So each CHANGE begins a part of its own.
std::vector<AppendEntries> Engine::with_changes_first(AppendEntries body) const {
    std::vector<AppendEntries> parts;
    parts.push_back({body.previous, body.previous_term, body.commit, 0, {}});
    for (Entry& entry : body.entries) {
        if (entry.type == EntryType::change && !parts.back().entries.empty()) {
            const Entry& before = parts.back().entries.back();
            parts.push_back({before.index, before.term, body.commit, 0, {}});
        }
        parts.back().entries.push_back(std::move(entry));
    }
    return parts;
}

// D2, second half. A CHANGE that arrives while an older one still counts as uncommitted makes the engine forget the older
// one: a later truncation then falls back to the membership before both. But a leader appends a CHANGE only when the one
// before it is committed; so once our log matches up to the new one, the older one is.
Status Engine::settle_pending_change(const Message& message, const AppendEntries& part, uint64_t now_ms, Effects& effects) {
    const bool brings_change = !part.entries.empty() && part.entries.front().type == EntryType::change;
    const auto pending = [&] {
        return raft_->configuration_uncommitted_index != 0 &&
               raft_->configuration_uncommitted_index < part.entries.front().index.value;
    };
    if (!brings_change || !pending()) return {};
    const AppendEntries probe{part.previous, part.previous_term, std::min(part.commit, part.previous), 0, {}};
    if (auto stepped = step_entries(message, probe, now_ms, effects); !stepped) return stepped;
    const bool matches = role() == Role::follower && term() == message.term && !installing_ &&
                         trail_.term_of(part.previous) == part.previous_term;
    if (!matches || !pending()) return {};
    for (const Change& change : changes_) {
        if (change.index.value == raft_->configuration_uncommitted_index) return confirm_change(change, now_ms, effects);
    }
    BELFRY_ASSERT(false);
    return {};
}

// D3. Entries that our snapshot covers (a leader that lost our answers sends them again) are refused for ever, or appended
// at the wrong index. All of them are committed, so the message may as well begin behind them.
void Engine::cut_at_snapshot(AppendEntries& body) const {
    const Index snapshot{raft_->trail.snapshot.index};
    if (body.previous >= snapshot) return;
    std::erase_if(body.entries, [&](const Entry& entry) { return entry.index <= snapshot; });
    body.previous = snapshot;
    body.previous_term = Term{raft_->trail.snapshot.term};
}

// D4. A rejection at or below what the follower is known to hold is late or a double. The engine would step back behind
// that, fail an assertion that is not compiled in, and never feed the follower again.
bool Engine::is_late_rejection(const Message& message) const {
    const auto* result = std::get_if<AppendEntriesResult>(&message.body);
    if (result == nullptr || role() != Role::leader || message.term != term()) return false;
    return result->rejected != Index{} && result->rejected <= match_index(message.peer);
}

// D6. A refused pre-vote names the candidate's term and not ours. A candidate two terms behind whose log is the best would
// never learn that, and could not be elected although a majority is up.
void Engine::tell_our_term(Message& answer) const {
    const auto* result = std::get_if<RequestVoteResult>(&answer.body);
    if (result != nullptr && result->pre_vote && !result->granted && answer.term < term()) answer.term = term();
}

// D7. A member whose own configuration does not yet name it a voter never forgets a leader that has died, and so refuses
// every vote. No word from a leader for an election timeout: there is none.
void Engine::forget_dead_leader(raft_request_vote& request) const {
    if (role() == Role::follower && now_ms_ - last_contact_ms_ >= options_.election_timeout_ms)
        request.disrupt_leader = true;
}

// D7, second half. Others may count on this member's vote already: a leader that dies between appending "promote B" and B
// storing it leaves a majority that needs B. So B votes; who is no voter in the candidate's configuration is not counted.
int Engine::step_with_lent_vote(raft_event& event, raft_update& update) {
    raft_server* self = nullptr;
    for (unsigned i = 0; i < raft_->configuration.n; ++i) {
        raft_server& server = raft_->configuration.servers[i];
        if (server.id == options_.id && server.role != RAFT_VOTER) self = &server;
    }
    if (self == nullptr) return raft_step(raft_, &event, &update);
    const int role = std::exchange(self->role, RAFT_VOTER);
    const int code = raft_step(raft_, &event, &update);
    self->role = role;  // a request for a vote changes no configuration
    return code;
}

// D8. An answer to a vote reaches into the candidate's part of a union whatever the state is; a snapshot during another
// one's installation leaks.
bool Engine::is_stray(const Message& message) const {
    if (std::holds_alternative<RequestVoteResult>(message.body)) return role() != Role::candidate;
    return std::holds_alternative<InstallSnapshot>(message.body) && installing_;
}

// D9. An engine that starts with a snapshot at entry 1 knows that entry's term and not the entry. It takes itself for able
// to send it, sends nothing for ever, and a new member stays empty. So the log is never cut there, and no snapshot counts
// that is that young.
Index Engine::cut_for(Index snapshot, unsigned trailing) const {
    const Index cut{snapshot.value > trailing ? snapshot.value - trailing : 0};
    const bool too_young = options_.guards.first_entry && cut == Index{1};
    return std::max(too_young ? Index{} : cut, trail_.boundary());
}

}  // namespace belfry::hub::raft
