#include "hub/model/sessions.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "hub/base/assert.hpp"
#include "hub/model/records.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::model {

namespace {

// In memory, roughly. Every member counts with the same numbers: they decide what is refused.
constexpr size_t session_bytes = 192;
constexpr size_t kept_bytes = 56;
constexpr size_t gone_slots_kept_max = 1024;  // at the front of a vector: taken out many at a time

RevisionKey key_of(uint64_t id) { return revision_key({id}); }

Outcome refusal(Code code, std::string detail) { return {std::nullopt, Error{code, std::move(detail)}}; }

// Empty: too large to be kept. The reply comes back as it was.
Bytes encode_answer(Outcome& outcome) {
    protocol::Reply reply{0, *outcome.revision, {}, {}};
    if (outcome.reply) {
        reply.result = *std::move(outcome.reply);
    } else {
        reply.error = outcome.reply.error();
    }
    // Octets are a tenth of the approximation at least, so this spares work and decides nothing.
    Bytes frame;
    if (protocol::approximate_bytes(reply) <= 16 * kept_answer_bytes_max) frame = protocol::encode_replies({&reply, 1});
    if (outcome.reply) outcome.reply = std::move(reply.result);
    if (frame.size() > kept_answer_bytes_max) frame.clear();
    return frame;
}

Outcome decode_answer(const Kept& kept) {
    auto replies = protocol::decode_replies(kept.answer);
    if (!replies || replies->size() != 1) return refusal(Code::corrupt, "the answer that was kept is damaged");
    protocol::Reply& reply = replies->front();
    if (reply.error.code != Code::ok) return {kept.revision, std::move(reply.error)};
    return {kept.revision, std::move(reply.result)};
}

}  // namespace

// ---- the store ----

Status Sessions::load() {
    sessions_.clear();
    by_use_.clear();
    unwritten_.clear();
    uncommitted_.clear();
    bytes_ = 0;
    Status damage;
    const auto visit = [&](BytesView key, BytesView record) {
        auto session = decode_session(record);
        if (!session || key.size() != sizeof(uint64_t)) {
            damage = session ? damaged("sessions", 0) : session.error();
            return false;
        }
        insert(revision_of(key).value, *std::move(session));
        return true;
    };
    const Status scanned = store_.scan(table_sessions, {}, {}, plugin::StateStore::Direction::forward, visit);
    return damage ? scanned : damage;
}

// What fails is there to be reloaded once more.
Status Sessions::reload() {
    for (auto* const ids : {&unwritten_, &uncommitted_}) {
        for (const uint64_t id : *ids) {
            if (const auto found = sessions_.find(id); found != sessions_.end()) forget(found);
            const auto record = store_.get(table_sessions, view(key_of(id)));
            if (!record && record.error().code == Code::not_found) continue;
            if (!record) return record.error();
            auto session = decode_session(*record);
            if (!session) return session.error();
            insert(id, *std::move(session));
        }
        ids->clear();
    }
    return {};
}

Status Sessions::write_back() {
    for (const uint64_t id : unwritten_) {
        const auto found = sessions_.find(id);
        Status written;
        if (found == sessions_.end()) {
            written = store_.erase(table_sessions, view(key_of(id)));
        } else {
            Live& session = found->second;
            session.kept.erase(session.kept.begin(), session.kept.begin() + static_cast<std::ptrdiff_t>(session.gone));
            session.gone = 0;
            scratch_.clear();
            encode_session(session, scratch_);
            written = store_.put(table_sessions, view(key_of(id)), scratch_);
        }
        if (!written) return written;
    }
    for (const uint64_t id : unwritten_) {
        if (const auto found = sessions_.find(id); found != sessions_.end()) found->second.is_unwritten = false;
    }
    uncommitted_.insert(uncommitted_.end(), unwritten_.begin(), unwritten_.end());
    unwritten_.clear();
    return {};
}

// ---- the table ----

std::vector<Kept>::const_iterator Sessions::Live::place_of(uint64_t sequence) const {
    if (kept.empty() || kept.back().sequence < sequence) return kept.end();
    const auto first = kept.begin() + static_cast<std::ptrdiff_t>(gone);
    const auto is_before = [](const Kept& one, uint64_t wanted) { return one.sequence < wanted; };
    return std::lower_bound(first, kept.end(), sequence, is_before);
}

void Sessions::insert(uint64_t id, Session session) {
    Live live;
    static_cast<Session&>(live) = std::move(session);
    for (const Kept& kept : live.kept) live.answer_bytes += kept.answer.size();
    bytes_ += session_bytes + live.kept.size() * kept_bytes + live.answer_bytes;
    by_use_.emplace(live.used_s, id);
    sessions_.insert_or_assign(id, std::move(live));
}

void Sessions::forget(Table::iterator found) {
    const auto& [id, session] = *found;
    bytes_ -= session_bytes + session.slots() * kept_bytes + session.answer_bytes;
    by_use_.erase({session.used_s, id});
    sessions_.erase(found);
}

void Sessions::mark(uint64_t id, Live& session) {
    if (!std::exchange(session.is_unwritten, true)) unwritten_.push_back(id);
}

void Sessions::drop_idle(uint64_t now_s) {
    for (size_t dropped = 0; dropped < sessions_dropped_at_once && !by_use_.empty(); ++dropped) {
        const auto [used_s, id] = *by_use_.begin();
        if (used_s + session_idle_s >= now_s) return;
        const auto found = sessions_.find(id);
        mark(id, found->second);
        forget(found);
    }
}

void Sessions::touch(uint64_t id, Live& session, uint64_t now_s) {
    mark(id, session);
    if (session.used_s == now_s) return;
    by_use_.erase({session.used_s, id});
    session.used_s = now_s;
    by_use_.emplace(now_s, id);
}

void Sessions::acknowledge(Live& session, uint64_t up_to) {
    if (up_to <= session.acknowledged) return;
    for (; session.slots() > 0 && session.kept[session.gone].sequence <= up_to; ++session.gone) {
        Bytes& answer = session.kept[session.gone].answer;
        session.answer_bytes -= answer.size();
        bytes_ -= kept_bytes + answer.size();
        Bytes().swap(answer);
    }
    session.acknowledged = up_to;
    if (session.gone < gone_slots_kept_max) return;
    session.kept.erase(session.kept.begin(), session.kept.begin() + static_cast<std::ptrdiff_t>(session.gone));
    session.gone = 0;
}

// ---- one write ----

std::optional<Outcome> Sessions::admit(const protocol::Ticket& ticket, uint64_t clock_ms) {
    const uint64_t now_s = clock_ms / 1000;
    drop_idle(now_s);
    auto found = sessions_.find(ticket.session);
    if (found == sessions_.end()) {
        if (auto refused = open(ticket, now_s)) return refused;
        found = sessions_.find(ticket.session);
    }
    Live& session = found->second;
    touch(ticket.session, session, now_s);
    acknowledge(session, ticket.acknowledged);
    if (auto known = find(session, ticket)) return known;
    BELFRY_ASSERT(ticket.sequence - session.acknowledged <= belfry::limits::session_window_max);
    if (bytes_ + kept_bytes > sessions_bytes_max) {
        return refusal(Code::busy, "the hub keeps the answers of too many unacknowledged writes; nothing was changed");
    }
    return std::nullopt;
}

std::optional<Outcome> Sessions::open(const protocol::Ticket& ticket, uint64_t now_s) {
    if (ticket.acknowledged > 0) {
        return refusal(Code::conflict, "this session was not used for long and is forgotten; whether its write " +
                                           std::to_string(ticket.sequence) +
                                           " is done is not known any more: look, and begin another session");
    }
    if (sessions_.size() >= sessions_max || bytes_ + session_bytes > sessions_bytes_max) {
        return refusal(Code::busy, std::to_string(sessions_.size()) +
                                       " clients have sessions; more find room when some "
                                       "are idle for 10 minutes; nothing was changed");
    }
    Session session;
    session.used_s = now_s;
    insert(ticket.session, std::move(session));
    return std::nullopt;
}

std::optional<Outcome> Sessions::find(const Live& session, const protocol::Ticket& ticket) const {
    if (ticket.sequence <= session.acknowledged) {
        return refusal(Code::conflict, "write " + std::to_string(ticket.sequence) +
                                           " of this session was acknowledged, its answer is no longer kept");
    }
    const auto found = session.place_of(ticket.sequence);
    if (found == session.kept.end() || found->sequence != ticket.sequence) return std::nullopt;
    const Kept& kept = *found;
    switch (kept.kind) {
        case Kept::Kind::put: return Outcome{kept.revision, protocol::ReplyResult(protocol::PutReply{})};
        case Kept::Kind::answer: return decode_answer(kept);
        case Kept::Kind::dropped: break;
    }
    if (kept.revision == Revision{}) {
        return refusal(Code::conflict, "this write was refused and has changed nothing; why is no longer kept");
    }
    return Outcome{kept.revision,
                   Error{Code::conflict, "this write is done, at revision " + std::to_string(kept.revision.value) +
                                             "; its answer was too large to be kept"}};
}

void Sessions::keep(const protocol::Ticket& ticket, Outcome& outcome) {
    const auto found = sessions_.find(ticket.session);
    BELFRY_ASSERT(found != sessions_.end());
    Live& session = found->second;
    BELFRY_ASSERT(ticket.sequence > session.acknowledged);
    Kept& kept = *session.kept.insert(session.place_of(ticket.sequence), Kept{ticket.sequence, {}, {}, {}});
    bytes_ += kept_bytes;
    kept.revision = *outcome.revision;
    const auto* const put = outcome.reply ? std::get_if<protocol::PutReply>(&*outcome.reply) : nullptr;
    if (put != nullptr && !put->previous && put->key.empty()) {
        kept.kind = Kept::Kind::put;
        return;
    }
    kept.answer = encode_answer(outcome);
    const size_t size = kept.answer.size();
    const bool fits = session.answer_bytes + size <= kept_answers_bytes_max && bytes_ + size <= sessions_bytes_max;
    if (size > 0 && fits) {
        kept.kind = Kept::Kind::answer;
        session.answer_bytes += size;
        bytes_ += size;
        return;
    }
    kept.kind = Kept::Kind::dropped;
    if (!outcome.reply) kept.revision = {};
    Bytes().swap(kept.answer);
}

}  // namespace belfry::hub::model
