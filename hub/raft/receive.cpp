// Messages in and out: checked, guarded, turned into the engine's own form and back.
#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

namespace {

Error nonsense(const std::string& what) { return {Code::invalid_argument, "raft message: " + what}; }

// What the engine would only assert, or not look at.
Status check_shape(const Message& message, const AppendEntries& body) {
    if ((body.previous == Index{}) != (body.previous_term == Term{})) return nonsense("a first entry after no term");
    Term term = body.previous_term;
    Index index = body.previous;
    for (const Entry& entry : body.entries) {
        index = index.next();
        if (entry.index != index) return nonsense("a gap before entry " + std::to_string(entry.index.value));
        if (entry.term < term || entry.term > message.term || entry.term == Term{} || !entry.payload) {
            return nonsense("entry " + std::to_string(index.value) + " of an impossible term");
        }
        if (entry.type == EntryType::change) {
            if (auto servers = decode_configuration(*entry.payload); !servers) return servers.error();
        }
        term = entry.term;
    }
    return {};
}

raft_message head(const Message& message, raft_message_type type) {
    raft_message made{};
    made.type = type;
    made.server_id = message.peer;
    made.server_address = "";  // never used by us; the engine wants one
    return made;
}

}  // namespace

Status Engine::receive(const Message& message, uint64_t now_ms, Effects& effects) {
    if (message.peer == 0 || message.peer == options_.id || message.term == Term{}) return nonsense("from nobody");
    now_ms_ = std::max(now_ms_, now_ms);
    if (options_.guards.stale_answer && answer_stale(message, effects)) return {};
    if (options_.guards.late_rejection && is_late_rejection(message)) return {};
    if (options_.guards.stray_answers && is_stray(message)) return {};

    if (const auto* body = std::get_if<AppendEntries>(&message.body)) {
        if (auto checked = check_shape(message, *body); !checked) return checked;
        return receive_entries(message, *body, now_ms, effects);
    }
    if (const auto* body = std::get_if<InstallSnapshot>(&message.body)) {
        if (body->last == Index{} || body->last_term == Term{}) return nonsense("a snapshot of nothing");
        last_contact_ms_ = now_ms_;
        return step_install(message, *body, now_ms, effects);
    }
    if (const auto* body = std::get_if<RequestVote>(&message.body)) {
        raft_message made = head(message, RAFT_REQUEST_VOTE);
        made.request_vote = {message.version,       message.term.value,   body->candidate, body->last.value,
                             body->last_term.value, body->disrupt_leader, body->pre_vote};
        if (options_.guards.lent_vote) forget_dead_leader(made.request_vote);
        return step_message(made, {}, now_ms, effects);
    }
    if (const auto* body = std::get_if<RequestVoteResult>(&message.body)) {
        raft_message made = head(message, RAFT_REQUEST_VOTE_RESULT);
        made.request_vote_result = {message.version, message.term.value, body->granted,
                                    body->pre_vote,  body->features,     body->capacity};
        return step_message(made, {}, now_ms, effects);
    }
    if (const auto* body = std::get_if<AppendEntriesResult>(&message.body)) {
        raft_message made = head(message, RAFT_APPEND_ENTRIES_RESULT);
        made.append_entries_result = {message.version,  message.term.value, body->rejected.value,
                                      body->last.value, body->features,     body->capacity};
        return step_message(made, {}, now_ms, effects);
    }
    if (const auto* body = std::get_if<TimeoutNow>(&message.body)) {
        raft_message made = head(message, RAFT_TIMEOUT_NOW);
        made.timeout_now = {message.version, message.term.value, body->last.value, body->last_term.value};
        return step_message(made, {}, now_ms, effects);
    }
    return nonsense("a read probe, which is not for the engine");
}

Status Engine::receive_entries(const Message& message, AppendEntries body, uint64_t now_ms, Effects& effects) {
    if (options_.guards.before_snapshot) cut_at_snapshot(body);
    // What is left must fit behind our snapshot; it fits behind itself.
    if (!body.entries.empty() && body.entries.front().term < body.previous_term) {
        return nonsense("entry " + std::to_string(body.entries.front().index.value) + " of a term before our snapshot's");
    }
    last_contact_ms_ = now_ms_;
    if (!options_.guards.change_first) return step_entries(message, body, now_ms, effects);
    for (const AppendEntries& part : with_changes_first(std::move(body))) {
        if (auto settled = settle_pending_change(message, part, now_ms, effects); !settled) return settled;
        if (auto stepped = step_entries(message, part, now_ms, effects); !stepped) return stepped;
        const bool follows = role() == Role::follower && term() == message.term;
        if (!follows || trail_.last() < Index{part.previous.value + part.entries.size()})
            return {};  // refused: so are the rest
    }
    return {};
}

Status Engine::step_entries(const Message& message, const AppendEntries& part, uint64_t now_ms, Effects& effects) {
    void* const token = part.entries.empty() ? nullptr : make_token();
    std::vector<raft_entry> entries;
    entries.reserve(part.entries.size());
    for (const Entry& entry : part.entries) entries.push_back(make_entry(entry, token));
    raft_message made = head(message, RAFT_APPEND_ENTRIES);
    made.append_entries = {message.version,
                           message.term.value,
                           part.previous.value,
                           part.previous_term.value,
                           part.commit.value,
                           entries.data(),
                           static_cast<unsigned>(entries.size())};
    return step_message(made, {.proposed = nullptr, .received = &part.entries}, now_ms, effects);
}

Status Engine::step_install(const Message& message, const InstallSnapshot& body, uint64_t now_ms, Effects& effects) {
    const auto servers = decode_configuration(body.configuration);
    if (!servers) return servers.error();
    raft_message made = head(message, RAFT_INSTALL_SNAPSHOT);
    made.install_snapshot.version = message.version;
    made.install_snapshot.term = message.term.value;
    made.install_snapshot.last_index = body.last.value;
    made.install_snapshot.last_term = body.last_term.value;
    made.install_snapshot.conf = copy_configuration(**servers);  // the engine frees it or gives it back
    made.install_snapshot.conf_index = body.configuration_index.value;
    made.install_snapshot.data.base = make_token();  // likewise
    made.install_snapshot.data.len = 1;
    return step_message(made, {}, now_ms, effects);
}

Status Engine::step_message(raft_message& message, const Source& source, uint64_t now_ms, Effects& effects) {
    raft_event received = event(RAFT_RECEIVE, now_ms);
    received.receive.message = &message;
    return step(received, source, effects);
}

void Engine::take_messages(const raft_update& update, Effects& effects) const {
    for (unsigned i = 0; i < update.messages.n; ++i) {
        Message message = message_of(update.messages.batch[i]);
        if (options_.guards.refused_pre_vote) tell_our_term(message);
        effects.messages.push_back(std::move(message));
    }
}

// The addresses in it may dangle and are not looked at.
Message Engine::message_of(const raft_message& sent) const {
    Message made;
    made.peer = sent.server_id;
    const auto set_head = [&](const auto& body) {
        made.version = body.version;
        made.term = Term{body.term};
    };
    switch (sent.type) {
        case RAFT_REQUEST_VOTE: {
            const auto& body = sent.request_vote;
            set_head(body);
            made.body = RequestVote{body.candidate_id, Index{body.last_log_index}, Term{body.last_log_term},
                                    body.disrupt_leader, body.pre_vote};
            break;
        }
        case RAFT_REQUEST_VOTE_RESULT: {
            const auto& body = sent.request_vote_result;
            set_head(body);
            made.body = RequestVoteResult{body.vote_granted, body.pre_vote, body.features, body.capacity};
            break;
        }
        case RAFT_APPEND_ENTRIES: {
            const auto& body = sent.append_entries;  // its entries are not set
            set_head(body);
            made.body = AppendEntries{
                Index{body.prev_log_index}, Term{body.prev_log_term}, Index{body.leader_commit}, body.n_entries, {}};
            break;
        }
        case RAFT_APPEND_ENTRIES_RESULT: {
            const auto& body = sent.append_entries_result;
            set_head(body);
            made.body = AppendEntriesResult{Index{body.rejected}, Index{body.last_log_index}, body.features, body.capacity};
            break;
        }
        case RAFT_INSTALL_SNAPSHOT: {
            const auto& body = sent.install_snapshot;  // its configuration and data are not set
            set_head(body);
            const auto [index, configuration] = configuration_at(Index{body.last_index});
            made.body = InstallSnapshot{Index{body.last_index}, Term{body.last_term}, index, configuration};
            break;
        }
        case RAFT_TIMEOUT_NOW: {
            const auto& body = sent.timeout_now;
            set_head(body);
            made.body = TimeoutNow{Index{body.last_log_index}, Term{body.last_log_term}};
            break;
        }
    }
    return made;
}

}  // namespace belfry::hub::raft
