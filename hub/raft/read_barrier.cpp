#include "hub/raft/read_barrier.hpp"

#include <algorithm>

namespace belfry::hub::raft {

void ReadBarrier::watch_office() {
    const Term now = raft_.role() == Role::leader ? raft_.term() : Term{};
    if (now == office_term_) return;
    office_term_ = now;
    office_index_ = raft_.last_index();
    round_.reset();
    fail_waiting();  // whoever asked the leader of before asks again: not worth carrying a read into another term
}

void ReadBarrier::fail_waiting() {
    if (last_settled_ != last_asked_) failed_ = last_settled_ = last_asked_;
}

void ReadBarrier::flush(uint64_t now_ms, std::vector<Message>& messages) {
    watch_office();
    if (office_term_ == Term{}) return fail_waiting();
    if (round_ && now_ms >= round_->resend_at_ms) send_probes(now_ms, messages);
    const bool knows_what_is_committed = raft_.commit_index() >= office_index_;
    if (round_ || last_settled_ == last_asked_ || !knows_what_is_committed || raft_.transferring()) return;
    round_ = Round{++last_round_, last_asked_, raft_.commit_index(), {id_}, 0};
    send_probes(now_ms, messages);
    settle();
}

void ReadBarrier::send_probes(uint64_t now_ms, std::vector<Message>& messages) {
    round_->resend_at_ms = now_ms + resend_ms_;
    for (const Member& member : raft_.members()) {
        if (!votes(&member) || round_->agreed.contains(member.id)) continue;
        messages.push_back({member.id, 0, office_term_, ReadProbe{round_->number}});
    }
}

void ReadBarrier::receive(const Message& message) {
    const auto* result = std::get_if<ReadProbeResult>(&message.body);
    watch_office();
    if (result == nullptr || !round_ || result->round != round_->number || message.term != office_term_) return;
    if (!result->granted) return;
    round_->agreed.insert(message.peer);
    settle();
}

void ReadBarrier::settle() {
    // Of the voters by the newest configuration; ourselves only if we are one.
    if (!is_majority(raft_.members(), round_->agreed)) return;
    ready_ = Ready{round_->reads, round_->index};
    last_settled_ = round_->reads;
    round_.reset();
}

std::optional<ReadBarrier::Ready> ReadBarrier::take_ready() { return std::exchange(ready_, std::nullopt); }

std::optional<uint64_t> ReadBarrier::take_failed() { return std::exchange(failed_, std::nullopt); }

std::optional<Message> ReadBarrier::answer(const Raft& raft, const Message& probe) {
    const auto* body = std::get_if<ReadProbe>(&probe.body);
    if (body == nullptr || probe.term > raft.term()) return std::nullopt;  // ordinary traffic will bring us there
    const bool granted = probe.term == raft.term() && raft.role() != Role::leader;
    return Message{probe.peer, 0, raft.term(), ReadProbeResult{body->round, granted}};
}

}  // namespace belfry::hub::raft
