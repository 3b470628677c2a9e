#include "hub/core/read_gate.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"

namespace belfry::hub::core {

namespace {

constexpr uint64_t question_resend_ms = 100;
constexpr uint64_t question_pause_ms = 20;  // after a refusal: the member asked does not lead, or not yet

}  // namespace

bool ReadGate::full() const { return count() >= limits::gated_reads_max; }

void ReadGate::add(RequestReceived read, uint64_t now_ms) {
    BELFRY_ASSERT(!full());
    fresh_.push_back({std::move(read), now_ms + limits::leader_wait_ms_max, {}});
}

void ReadGate::forget(uint64_t connection) {
    for (auto* reads : {&fresh_, &asked_, &granted_}) {
        std::erase_if(*reads, [&](const Read& read) { return read.request.connection == connection; });
    }
}

// ---- other members ----

void ReadGate::receive(const raft::Message& message, std::vector<MemberMessage>& out) {
    if (std::holds_alternative<raft::ReadProbe>(message.body)) {
        if (auto answer = raft::ReadBarrier::answer(raft_, message)) out.push_back({message.peer, std::move(*answer)});
    } else {
        barrier_.receive(message);
    }
}

void ReadGate::receive(uint64_t peer, const ReadIndexAsk& ask) { questions_fresh_[peer] = ask.round; }

void ReadGate::receive(uint64_t peer, const ReadIndexAnswer& answer, uint64_t now_ms) {
    if (!round_ || leads() || round_->leader != peer || round_->number != answer.round) return;
    if (answer.granted) return grant(answer.index);
    not_before_ms_ = now_ms + question_pause_ms;
    give_back();
}

// ---- rounds ----

void ReadGate::flush(uint64_t now_ms, std::vector<MemberMessage>& out) {
    const bool same_office = round_ && round_->leader == raft_.leader() && round_->term == raft_.term();
    if (round_ && !same_office) give_back();
    begin(now_ms, out);
    std::vector<raft::Message> probes;
    barrier_.flush(now_ms, probes);
    for (raft::Message& probe : probes) out.push_back({probe.peer, std::move(probe)});
    if (const auto failed = barrier_.take_failed(); failed && round_ && leads() && *failed >= round_->number) give_back();
    if (const auto ready = barrier_.take_ready(); ready && round_ && leads() && ready->read >= round_->number) {
        answer_questions(ready->index, out);
        grant(ready->index);
    }
    if (!round_ || !leads()) answer_questions(std::nullopt, out);
}

void ReadGate::answer_questions(std::optional<Index> index, std::vector<MemberMessage>& out) {
    for (const Question& question : questions_asked_) {
        out.push_back({question.peer, ReadIndexAnswer{question.round, index.has_value(), index.value_or(Index{})}});
    }
    questions_asked_.clear();
}

void ReadGate::begin(uint64_t now_ms, std::vector<MemberMessage>& out) {
    const uint64_t leader = leads() ? id_ : raft_.leader();
    if (!leads()) {
        for (const auto& [peer, round] : questions_fresh_) out.push_back({peer, ReadIndexAnswer{round, false, {}}});
        questions_fresh_.clear();
    }
    if (round_ && !leads() && now_ms >= round_->resend_at_ms) {
        round_->resend_at_ms = now_ms + question_resend_ms;
        out.push_back({leader, ReadIndexAsk{round_->number}});
    }
    if (round_ || leader == 0 || now_ms < not_before_ms_ || (fresh_.empty() && questions_fresh_.empty())) return;
    asked_.swap(fresh_);
    for (const auto& [peer, number] : questions_fresh_) questions_asked_.push_back({peer, number});
    questions_fresh_.clear();
    round_ = Round{leader, raft_.term(), leads() ? barrier_.ask() : ++last_question_, UINT64_MAX};
    if (leads()) return;
    round_->resend_at_ms = now_ms + question_resend_ms;
    out.push_back({leader, ReadIndexAsk{round_->number}});
}

void ReadGate::grant(Index index) {
    round_.reset();
    for (Read& read : asked_) {
        read.index = index;
        granted_.push_back(std::move(read));
    }
    asked_.clear();
}

void ReadGate::give_back() {
    round_.reset();
    fresh_.insert(fresh_.begin(), std::make_move_iterator(asked_.begin()), std::make_move_iterator(asked_.end()));
    asked_.clear();
}

// ---- results ----

RequestReceived ReadGate::take_ready() {
    RequestReceived ready = std::move(granted_.front().request);
    granted_.pop_front();
    return ready;
}

// All wait equally long and keep their order, so the oldest of each kind is the first to be late.
std::vector<RequestReceived> ReadGate::take_late(std::deque<Read>& reads, uint64_t now_ms) {
    std::vector<RequestReceived> late;
    while (!reads.empty() && reads.front().deadline_ms <= now_ms) {
        late.push_back(std::move(reads.front().request));
        reads.pop_front();
    }
    return late;
}

std::vector<RequestReceived> ReadGate::take_late(uint64_t now_ms) {
    std::vector<RequestReceived> late = take_late(asked_, now_ms);
    for (RequestReceived& fresh : take_late(fresh_, now_ms)) late.push_back(std::move(fresh));
    return late;
}

std::vector<RequestReceived> ReadGate::take_late_granted(uint64_t now_ms) { return take_late(granted_, now_ms); }

std::vector<RequestReceived> ReadGate::take_granted() {
    std::vector<RequestReceived> granted;
    for (Read& read : granted_) granted.push_back(std::move(read.request));
    granted_.clear();
    return granted;
}

uint64_t ReadGate::wake_at_ms() const {
    uint64_t wake = barrier_.wake_at_ms();
    for (const auto* reads : {&granted_, &asked_, &fresh_}) {
        if (!reads->empty()) wake = std::min(wake, reads->front().deadline_ms);
    }
    if (round_) wake = std::min(wake, round_->resend_at_ms);
    if (!round_ && !fresh_.empty() && raft_.leader() != 0) wake = std::min(wake, not_before_ms_);
    return wake;
}

}  // namespace belfry::hub::core
