#include "hub/core/replicator.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"
#include "hub/raft/message_codec.hpp"

namespace belfry::hub::core {

namespace {

// Messages of one member that wait for entries from the log; Raft repeats what is dropped past it.
constexpr size_t waiting_messages_max = 64;

// What follows directly on what waits for the end of the round already goes into the same message: a round proposes several
// entries and commits others, and each message costs both members as much as some puts.

// To the same member; NULL if that is none of Raft's, or of another term.
raft::Message* newest_like(const raft::Message& message, std::vector<MemberMessage>& out) {
    const auto newest = std::find_if(out.rbegin(), out.rend(), [&](const auto& one) { return one.peer == message.peer; });
    auto* const found = newest == out.rend() ? nullptr : std::get_if<raft::Message>(&newest->body);
    return found != nullptr && found->term == message.term && found->version == message.version ? found : nullptr;
}

// "I have all up to here" says what the same with a lower index said.
bool replaces_newest(const raft::Message& message, std::vector<MemberMessage>& out) {
    const auto* const result = std::get_if<raft::AppendEntriesResult>(&message.body);
    raft::Message* const newest = result == nullptr ? nullptr : newest_like(message, out);
    auto* const earlier = newest == nullptr ? nullptr : std::get_if<raft::AppendEntriesResult>(&newest->body);
    if (earlier == nullptr || earlier->rejected != Index{} || result->rejected != Index{}) return false;
    if (result->last >= earlier->last) *earlier = *result;
    return true;
}

// The newest message to the same member, if `next` goes on where that one ends: then it can take the entries in.
raft::AppendEntries* open_message(const raft::Message& next, std::vector<MemberMessage>& out) {
    raft::Message* const newest = newest_like(next, out);
    auto* const open = newest == nullptr ? nullptr : std::get_if<raft::AppendEntries>(&newest->body);
    if (open == nullptr) return nullptr;
    const auto& body = std::get<raft::AppendEntries>(next.body);
    const Term last_term = open->entries.empty() ? open->previous_term : open->entries.back().term;
    const bool follows = body.previous.value == open->previous.value + open->count && body.previous_term == last_term;
    return follows ? open : nullptr;
}

}  // namespace

// ---- entries ----

void Replicator::append(const raft::Entry& entry) {
    BELFRY_ASSERT(entries_.empty() || entry.index == entries_.back().index.next());
    bytes_ += entry.payload->size();
    entries_.push_back(entry);
}

void Replicator::truncate_after(Index last_kept) {
    while (!entries_.empty() && entries_.back().index > last_kept) {
        bytes_ -= entries_.back().payload->size();
        entries_.pop_back();
    }
}

void Replicator::forget_entries() {
    entries_.clear();
    bytes_ = 0;
}

void Replicator::trim(Index durable) {
    const size_t bytes_max = raft_.member_count() > 1 ? bytes_max_ : 0;
    while (!entries_.empty() && bytes_ > bytes_max && entries_.front().index <= durable) {
        bytes_ -= entries_.front().payload->size();
        entries_.pop_front();
    }
}

const raft::Entry* Replicator::find(Index index) const {
    if (entries_.empty() || index < entries_.front().index || index > entries_.back().index) return nullptr;
    return &entries_[static_cast<size_t>(index.value - entries_.front().index.value)];
}

// ---- messages ----

// A message of an office that has ended names entries that may not be the log's any more.
bool Replicator::is_current(const raft::Message& message) const {
    return raft_.role() == raft::Role::leader && message.term == raft_.term();
}

bool Replicator::still_fetches(uint64_t peer, Index offered) const {
    return raft_.role() == raft::Role::leader && offered == previous_offer_.last && offered > raft_.boundary() &&
           raft_.match_index(peer) < offered;
}

const raft::InstallSnapshot& Replicator::offer_to(uint64_t peer) {
    Index& offered = offered_[peer];
    if (still_fetches(peer, offered)) return previous_offer_;
    offered = offer_.last;
    return offer_;
}

Index Replicator::fetched_still() const {
    for (const raft::Member& member : raft_.members()) {
        const auto found = offered_.find(member.id);
        if (found != offered_.end() && still_fetches(member.id, found->second)) return previous_offer_.last;
    }
    return {};
}

void Replicator::add(raft::Message message, std::vector<MemberMessage>& out) {
    const uint64_t peer = message.peer;
    if (auto* install = std::get_if<raft::InstallSnapshot>(&message.body)) {
        if (offer_.last == Index{}) return;
        sent_.forget(peer);
        *install = offer_to(peer);
    }
    if (replaces_newest(message, out)) return;
    if (!std::holds_alternative<raft::AppendEntries>(message.body)) return out.push_back({peer, std::move(message)});
    leave_out_sent(message);
    const auto found = waiting_.find(peer);
    const bool must_wait = found != waiting_.end() && !found->second.empty();
    const auto in_memory = [&](Index index) { return find(index); };
    if (!must_wait && send(message, in_memory, out)) return;
    Queue& queue = waiting_[peer];
    if (queue.size() < waiting_messages_max) queue.push_back(std::move(message));
}

void Replicator::note(const raft::Message& received, uint64_t now_ms) {
    const auto* const result = std::get_if<raft::AppendEntriesResult>(&received.body);
    if (result == nullptr || !is_current(received)) return;
    if (result->rejected <= raft_.match_index(received.peer)) return;  // taken, or a late answer
    sent_.refused(received.peer, received.term, result->last, now_ms);
}

// What is left names the last of them as the entry before it.
void Replicator::leave_out_sent(raft::Message& message) const {
    auto& body = std::get<raft::AppendEntries>(message.body);
    const Index end{body.previous.value + body.count};
    const Index sent = std::min(sent_.of(message.peer, message.term, body.previous), end);
    if (sent <= body.previous || raft_.term_of(sent) == Term{}) return;
    body.count = static_cast<uint32_t>(end.value - sent.value);
    body.previous = sent;
    body.previous_term = raft_.term_of(sent);
}

template <class Find>
bool Replicator::send(raft::Message& message, Find find_entry, std::vector<MemberMessage>& out) {
    auto& whole = std::get<raft::AppendEntries>(message.body);
    const Index before = whole.previous;
    raft::AppendEntries* part = open_message(message, out);
    do {
        raft::AppendEntries begun{whole.previous, whole.previous_term, {}, 0, {}};
        raft::AppendEntries& filled = part != nullptr ? *part : begun;
        size_t bytes = 0;
        for (const raft::Entry& entry : filled.entries) bytes += entry.payload->size();
        uint32_t taken = 0;
        while (taken < whole.count && filled.count < raft::message_entries_max &&
               bytes < limits::member_message_bytes_aim) {
            const raft::Entry* const entry = find_entry(Index{filled.previous.value + filled.count + 1});
            if (entry == nullptr) break;
            filled.entries.push_back(*entry);
            bytes += entry->payload->size();
            ++filled.count;
            ++taken;
        }
        if (taken == 0 && whole.count > 0 && part == nullptr) return false;
        whole.count -= taken;
        if (taken > 0) {
            whole.previous = filled.entries.back().index;
            whole.previous_term = filled.entries.back().term;
        }
        const Index end{filled.previous.value + filled.count};
        filled.commit = std::max(filled.commit, std::min(whole.commit, end));
        if (taken > 0) sent_.sent(message.peer, message.term, before, end);
        if (part == nullptr) {
            out.push_back({message.peer, raft::Message{message.peer, message.version, message.term, std::move(begun)}});
        }
        part = nullptr;
    } while (whole.count > 0);
    return true;
}

std::optional<ReadEntries> Replicator::wants_read() {
    for (auto queue = waiting_.begin(); queue != waiting_.end();) {
        std::erase_if(queue->second, [&](const raft::Message& message) { return !is_current(message); });
        queue = queue->second.empty() ? waiting_.erase(queue) : std::next(queue);
    }
    if (waiting_.empty()) return std::nullopt;
    // Each member in turn.
    auto next = waiting_.upper_bound(read_for_);
    if (next == waiting_.end()) next = waiting_.begin();
    read_for_ = next->first;
    const auto& first = std::get<raft::AppendEntries>(next->second.front().body);
    return ReadEntries{first.previous.next(), Index{first.previous.value + first.count}, limits::replay_bytes};
}

void Replicator::on_read(const std::vector<raft::Entry>& entries, std::vector<MemberMessage>& out) {
    const auto found = waiting_.find(read_for_);
    if (found == waiting_.end()) return;
    Queue& queue = found->second;
    const auto lookup = [&](Index index) -> const raft::Entry* {
        if (const raft::Entry* const kept = find(index)) return kept;
        if (entries.empty() || index < entries.front().index || index > entries.back().index) return nullptr;
        return &entries[static_cast<size_t>(index.value - entries.front().index.value)];
    };
    const size_t before = out.size();
    while (!queue.empty()) {
        leave_out_sent(queue.front());
        if (is_current(queue.front()) && !send(queue.front(), lookup, out)) break;
        queue.pop_front();
    }
    // The log does not have them any more: Raft will notice and offer a snapshot.
    if (out.size() == before || queue.empty()) waiting_.erase(found);
}

}  // namespace belfry::hub::core
