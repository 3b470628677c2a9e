// What only a leader does: at once; or, in order of arrival, when it can and has time for it.
//
//   lead ─▶ must_wait ─▶ early_writes_ ─▶ resume ─▶ lead_now ─▶ a write (writes.cpp), or administration
//              └──────────────────────────────────────▲
//
// A new leader that has not applied what was there before its office knows neither all policies nor all users yet: writes
// and administration wait for that. And what a write is about is looked at before it is proposed: past what one round takes
// on the rest waits for the next.
#include "hub/core/impl.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

// "member add 4 tcp://...", "leader transfer 2"
std::string task_text(const protocol::RequestOp& op) {
    using Kind = protocol::MemberChangeRequest::Kind;
    if (const auto* transfer = std::get_if<protocol::LeaderTransferRequest>(&op)) {
        return "leader transfer " + (transfer->id != 0 ? std::to_string(transfer->id) : std::string("to the best"));
    }
    const auto& change = std::get<protocol::MemberChangeRequest>(op);
    const char* const word = change.kind == Kind::add ? "add " : change.kind == Kind::promote ? "promote " : "remove ";
    const std::string text = "member " + (word + std::to_string(change.id));
    return change.kind == Kind::add ? text + " " + change.address : text;
}

}  // namespace

void Core::Impl::lead(RequestReceived& input, Instant now, Output& output) {
    if (std::holds_alternative<protocol::LeaseKeepAliveRequest>(input.request.op)) return keep_alive(input, now, output);
    if (!must_wait(input, output)) lead_now(input, now, output);
}

void Core::Impl::lead_now(RequestReceived& input, Instant now, Output& output) {
    if (!is_administration(input.request.op)) return on_write(input, now, output);
    if (!access_.is_open() && !is_permitted(input, now, output)) return;
    audit_administration(input, "begin " + task_text(input.request.op), output);
    add_task(input, now, output);
}

bool Core::Impl::knows_policies() const { return alone() || applied_ >= office_begins_at_; }

// True: it waits, or is answered.
bool Core::Impl::must_wait(RequestReceived& input, Output& output) {
    const bool administers = is_administration(input.request.op);
    if (knows_policies() && early_writes_.empty() && !round_.is_full(keyspace_.looked_at(), output.reply_bytes))
        return false;
    if (administers && access_.is_open()) return false;
    Status possible = administers ? Status() : can_write_now();
    const bool full = early_writes_.size() >= limits::inbox_requests_max || early_bytes_ >= limits::inbox_bytes_max;
    if (possible && full) possible = Error{Code::busy, "too much waits for the leader"};
    if (!possible) return answer(input.connection, input.request.id, possible.error(), output), true;
    early_bytes_ += protocol::approximate_bytes(input.request);
    early_writes_.push_back(std::move(input));
    return true;
}

bool Core::Impl::can_resume() const {
    return !stopped_ && !early_writes_.empty() && (role() != raft::Role::leader || knows_policies());
}

void Core::Impl::resume_early_writes(Instant now, Output& output) {
    while (can_resume() && has_time(Round::Work::writes, output)) {
        RequestReceived write = std::move(early_writes_.front());
        early_writes_.pop_front();
        early_bytes_ -= protocol::approximate_bytes(write.request);
        resume(write, now, output);
    }
}

// The office may have been lost meanwhile; what another member has sent here does not travel further.
void Core::Impl::resume(RequestReceived& write, Instant now, Output& output) {
    if (role() == raft::Role::leader) return lead_now(write, now, output);
    if ((write.connection & member_connection_bit) == 0) return forward(write, now, output);
    answer(write.connection, write.request.id, Error{Code::unavailable, "this member leads no more; nothing was changed"},
           output);
}

}  // namespace belfry::hub::core
