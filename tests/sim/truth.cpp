#include "tests/sim/truth.hpp"

#include <algorithm>

namespace belfry::sim {

Status Truth::learn(const hub::raft::Entry& entry, uint64_t now_ms) {
    if (entry.index <= learned()) {
        const auto& [term, payload] = entries_[entry.index.value - 1];
        if (term == entry.term && *payload == *entry.payload) return {};
        return Error{Code::corrupt, "entry " + std::to_string(entry.index.value) + " of term " +
                                        std::to_string(entry.term.value) +
                                        " is not what was first applied there, of term " + std::to_string(term.value)};
    }
    if (entry.index != learned().next()) {
        return Error{Code::corrupt, "entry " + std::to_string(entry.index.value) + " applied before the one before it"};
    }
    entries_.emplace_back(entry.term, entry.payload);
    if (entry.type == hub::raft::EntryType::change) {
        auto members = hub::raft::Raft::members_in(*entry.payload);
        if (!members) return members.error();
        members_ = std::move(*members);
    }
    if (entry.type != hub::raft::EntryType::command) return {};
    const auto decoded = hub::log::decode_entry(*entry.payload);
    if (!decoded) return decoded.error();
    if (!decoded->commands.empty()) time_ms_ = std::max(time_ms_, decoded->time_ms);
    for (const auto& command : decoded->commands) {
        if (auto applied = apply(command, now_ms); !applied) return applied;
    }
    return {};
}

Status Truth::learn_image(Index index, const Bytes& image) {
    const size_t hash = std::hash<Bytes>()(image);
    if (images_.emplace(index, hash).first->second == hash) return {};
    return Error{Code::corrupt, "its snapshot at entry " + std::to_string(index.value) + " is not another member's"};
}

Status Truth::learn_digest(const hub::core::StateDigest& digest) {
    if (digests_.emplace(digest.index, digest.digest).first->second == digest.digest) return {};
    return Error{Code::corrupt, "its state at entry " + std::to_string(digest.index.value) + " is not another member's"};
}

// Of a session that nobody knows, a write is new only if it can be the first one.
bool Truth::is_new(const protocol::Ticket& ticket) {
    if (ticket.session == 0) return true;
    if (!sessions_.contains(ticket.session) && ticket.acknowledged > 0) return false;
    auto& [acknowledged, done] = sessions_[ticket.session];
    acknowledged = std::max(acknowledged, ticket.acknowledged);
    return ticket.sequence > acknowledged && done.insert(ticket.sequence).second;
}

Status Truth::apply(const hub::log::Command& command, uint64_t now_ms) {
    if (!is_new(command.ticket)) return {};
    ChangeSet change{revision().next(), time_ms_, command.author, command.comment, {}, command.labels};
    if (Status leased = apply_leases(command, change, now_ms); !leased) return leased;
    const auto* const single = std::get_if<protocol::PutRequest>(&command.op);
    if (single != nullptr && (single->lease == LeaseId{} || !is_dead(single->lease))) put(*single, change);
    if (const auto* one = std::get_if<protocol::DeleteRequest>(&command.op)) erase(*one, change);
    if (const auto* txn = std::get_if<protocol::TxnRequest>(&command.op)) apply_txn(*txn, change);
    if (change.events.empty()) return {};
    const bool is_own = std::holds_alternative<hub::log::LeaseExpiry>(command.op);
    if (!is_own && !change.comment.empty() && !made_by_.emplace(change.comment, change.revision).second) {
        return Error{Code::corrupt, "the change " + change.comment + " is made twice, again at revision " +
                                        std::to_string(change.revision.value)};
    }
    for (const Event& event : change.events) {
        auto value = event.type == EventType::put ? std::optional(event.kv) : std::nullopt;
        versions_[event.kv.key].emplace_back(change.revision, std::move(value));
    }
    const Status fair = on_change ? on_change(change) : Status();
    histories_.at(epoch).add(std::move(change));
    return fair;
}

// What ends is meant by both its numbers, so that none is ended that was granted again.
Status Truth::apply_leases(const hub::log::Command& command, ChangeSet& change, uint64_t now_ms) {
    if (const auto* grant = std::get_if<protocol::LeaseGrantRequest>(&command.op)) {
        return leases_.grant(*grant, command.comment, now_ms);
    }
    if (const auto* revoke = std::get_if<hub::log::LeaseRevoke>(&command.op)) {
        if (auto* const life = leases_.meant_by(*revoke)) end_lease(*life, command.comment, change, now_ms);
    }
    const auto* const expiry = std::get_if<hub::log::LeaseExpiry>(&command.op);
    if (expiry == nullptr) return {};
    if (command.author != "belfry" || command.comment != "leases that ended") {
        return Error{Code::corrupt, "leases are ended in the name of " + command.author + ": " + command.comment};
    }
    for (const auto& one : expiry->leases) {
        if (auto* const life = leases_.meant_by(one)) end_lease(*life, std::nullopt, change, now_ms);
    }
    return {};
}

void Truth::end_lease(LeaseLives::Life& life, std::optional<Bytes> revoked_by, ChangeSet& change, uint64_t now_ms) {
    const std::vector<Bytes> keys = bound_to(life.id, revision());
    for (const Bytes& key : keys) erase({KeyRange::one(key), false}, change);
    leases_.end(life, std::move(revoked_by), keys.size(), now_ms);
}

std::vector<Bytes> Truth::bound_to(LeaseId lease, Revision at) const {
    std::vector<Bytes> keys;
    for (const auto& [key, versions] : versions_) {
        const auto kv = get(key, at);
        if (kv && kv->lease == lease) keys.push_back(key);
    }
    return keys;
}

void Truth::put(const protocol::PutRequest& request, ChangeSet& change) {
    const auto found = state_.find(request.key);
    KeyValue kv{request.key, request.value, change.revision, change.revision, 1, request.lease, request.content_type};
    if (found != state_.end()) {
        kv.create_revision = found->second.create_revision;
        kv.version = found->second.version + 1;
    }
    state_[request.key] = kv;
    change.events.push_back({EventType::put, std::move(kv)});
}

void Truth::erase(const protocol::DeleteRequest& request, ChangeSet& change) {
    for (auto at = state_.begin(); at != state_.end();) {
        if (!request.range.contains(at->first)) {
            ++at;
            continue;
        }
        change.events.push_back({EventType::erase, {at->first, {}, {}, change.revision, 0, {}}});
        at = state_.erase(at);
    }
}

std::optional<Revision> Truth::made_by(const Bytes& comment) const {
    const auto found = made_by_.find(comment);
    return found == made_by_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<KeyValue> Truth::get(const Bytes& key, Revision at) const {
    const auto found = versions_.find(key);
    if (found == versions_.end()) return std::nullopt;
    for (auto version = found->second.rbegin(); version != found->second.rend(); ++version) {
        if (version->first <= at) return version->second;
    }
    return std::nullopt;
}

}  // namespace belfry::sim
