#include "hub/core/forwarder.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

// A leader that has handed its office on still answers what it had committed.
constexpr uint64_t earlier_leader_patience_ms = 200;

OutgoingReply refusal(uint64_t connection, uint64_t request, Code code, std::string why) {
    return {connection, {request, {}, Error{code, std::move(why)}, {}}, {}};
}

}  // namespace

bool Forwarder::full() const { return count() >= limits::forwards_max || bytes_ >= limits::forwards_bytes_max; }

void Forwarder::add(RequestReceived request, uint64_t now_ms) {
    BELFRY_ASSERT(!full());
    const size_t bytes = protocol::approximate_bytes(request.request);
    bytes_ += bytes;
    waiting_.push_back({std::move(request), bytes, now_ms + limits::leader_wait_ms_max});
}

// Their answers have nowhere to go; what was sent may still be done.
void Forwarder::forget(uint64_t connection) {
    std::erase_if(waiting_, [&](const Waiting& one) {
        if (one.request.connection != connection) return false;
        bytes_ -= one.bytes;
        return true;
    });
    std::erase_if(sent_, [&](const auto& entry) { return entry.second.waiting.request.connection == connection; });
}

void Forwarder::flush(uint64_t leader, Term term, uint64_t now_ms, std::vector<MemberMessage>& out,
                      std::vector<OutgoingReply>& replies) {
    if (leader != leader_ || term != term_) {
        leader_ = leader;
        term_ = term;
        last_of_earlier_ = last_number_;
        give_up_ms_ = now_ms + earlier_leader_patience_ms;
    }
    while (!sent_.empty()) {
        const auto& [number, one] = *sent_.begin();
        const bool given_up = number <= last_of_earlier_ && now_ms >= give_up_ms_;
        if (!given_up && one.deadline_ms > now_ms) break;
        const std::string who = "member " + std::to_string(one.leader);
        replies.push_back(refusal(one.waiting.request.connection, one.waiting.request.request.id, Code::uncertain,
                                  who + (given_up ? " leads no more" : ", the leader, has not answered in time") +
                                      "; the change is perhaps made"));
        sent_.erase(sent_.begin());
    }
    if (leader != 0) send_waiting(leader, now_ms, out);
    while (!waiting_.empty() && waiting_.front().deadline_ms <= now_ms) {
        const Waiting& late = waiting_.front();
        replies.push_back(refusal(late.request.connection, late.request.request.id, Code::unavailable,
                                  "the cluster has no leader that this member knows of; is a majority of its members up?"));
        bytes_ -= late.bytes;
        waiting_.pop_front();
    }
}

void Forwarder::send_waiting(uint64_t leader, uint64_t now_ms, std::vector<MemberMessage>& out) {
    while (!waiting_.empty()) {
        ForwardedRequests message;
        for (size_t bytes = 0; !waiting_.empty() && bytes < limits::member_message_bytes_aim; waiting_.pop_front()) {
            if (message.requests.size() >= belfry::limits::frame_requests_max) break;
            Waiting& next = waiting_.front();
            if (bytes > 0 && bytes + next.bytes > limits::member_message_bytes_aim) break;
            bytes += next.bytes;
            bytes_ -= next.bytes;
            const PrincipalPointer& principal = next.request.caller.principal;
            if (principal && message.callers.size() == message.requests.size()) message.callers.push_back(*principal);
            message.requests.push_back(next.request.request);
            message.requests.back().id = ++last_number_;
            sent_[last_number_] = {std::move(next), leader, now_ms + limits::leader_wait_ms_max};
        }
        if (message.callers.size() != message.requests.size()) message.callers.clear();
        out.push_back({leader, std::move(message)});
    }
}

std::vector<RequestReceived> Forwarder::take_waiting() {
    std::vector<RequestReceived> taken;
    for (Waiting& one : waiting_) taken.push_back(std::move(one.request));
    waiting_.clear();
    bytes_ = 0;
    return taken;
}

void Forwarder::receive(uint64_t peer, std::vector<protocol::Reply>& answers, std::vector<OutgoingReply>& replies) {
    for (protocol::Reply& answer : answers) {
        const auto found = sent_.find(answer.id);
        if (found == sent_.end() || found->second.leader != peer) continue;
        Waiting& asked = found->second.waiting;
        if (answer.error.code == Code::unavailable) {  // not done: another leader may do it
            bytes_ += asked.bytes;
            waiting_.push_back(std::move(asked));
        } else {
            answer.id = asked.request.request.id;
            replies.push_back({asked.request.connection, std::move(answer), {}});
        }
        sent_.erase(found);
    }
}

uint64_t Forwarder::wake_at_ms() const {
    uint64_t wake = UINT64_MAX;
    if (!waiting_.empty()) wake = waiting_.front().deadline_ms;
    if (!sent_.empty()) wake = std::min(wake, sent_.begin()->second.deadline_ms);
    if (!sent_.empty() && sent_.begin()->first <= last_of_earlier_) wake = std::min(wake, give_up_ms_);
    return wake;
}

}  // namespace belfry::hub::core
