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
// Until a leader that could not do it is asked again.
constexpr uint64_t refused_pause_ms = 20;

OutgoingReply refusal(uint64_t connection, uint64_t request, Code code, std::string why) {
    return {connection, {request, {}, Error{code, std::move(why)}, {}}, {}};
}

}  // namespace

bool Forwarder::full() const { return count() >= limits::forwards_max || bytes_ >= limits::forwards_bytes_max; }

void Forwarder::add(RequestReceived request, uint64_t now_ms) {
    BELFRY_ASSERT(!full());
    const size_t bytes = protocol::approximate_bytes(request.request);
    bytes_ += bytes;
    wait({std::move(request), bytes, now_ms + limits::leader_wait_ms_max});
}

void Forwarder::wait(Waiting waiting) {
    const uint64_t deadline_ms = waiting.deadline_ms;
    waiting_.emplace(deadline_ms, std::move(waiting));
}

void Forwarder::wait_again(uint64_t until_ms) {
    const auto end = refused_.upper_bound(until_ms);
    for (auto at = refused_.begin(); at != end; ++at) wait(std::move(at->second));
    refused_.erase(refused_.begin(), end);
}

// Their answers have nowhere to go; what was sent may still be done.
void Forwarder::forget(uint64_t connection) {
    const auto is_theirs = [&](const Waiting& one) {
        if (one.request.connection != connection) return false;
        bytes_ -= one.bytes;
        return true;
    };
    std::erase_if(waiting_, [&](const auto& entry) { return is_theirs(entry.second); });
    std::erase_if(refused_, [&](const auto& entry) { return is_theirs(entry.second); });
    std::erase_if(sent_, [&](const auto& entry) { return is_theirs(entry.second.waiting); });
}

void Forwarder::flush(uint64_t leader, Term term, uint64_t now_ms, std::vector<MemberMessage>& out,
                      std::vector<OutgoingReply>& replies) {
    const bool is_another = leader != leader_ || term != term_;
    if (is_another) {
        leader_ = leader;
        term_ = term;
        last_of_earlier_ = last_number_;
        give_up_ms_ = now_ms + earlier_leader_patience_ms;
    }
    wait_again(is_another ? UINT64_MAX : now_ms);
    give_up_sent(now_ms, replies);
    if (leader != 0) send_waiting(leader, now_ms, out);
    give_up_waiting(now_ms, replies);
}

void Forwarder::give_up_sent(uint64_t now_ms, std::vector<OutgoingReply>& replies) {
    while (!sent_.empty()) {
        const auto& [number, one] = *sent_.begin();
        const bool given_up = number <= last_of_earlier_ && now_ms >= give_up_ms_;
        if (!given_up && one.deadline_ms > now_ms) break;
        const std::string who = "member " + std::to_string(one.leader);
        replies.push_back(refusal(one.waiting.request.connection, one.waiting.request.request.id, Code::uncertain,
                                  who + (given_up ? " leads no more" : ", the leader, has not answered in time") +
                                      "; the change is perhaps made"));
        bytes_ -= one.waiting.bytes;
        sent_.erase(sent_.begin());
    }
}

void Forwarder::give_up_waiting(uint64_t now_ms, std::vector<OutgoingReply>& replies) {
    while (!waiting_.empty() && waiting_.begin()->first <= now_ms) {
        const Waiting& late = waiting_.begin()->second;
        replies.push_back(refusal(late.request.connection, late.request.request.id, Code::unavailable,
                                  "the cluster has no leader that this member knows of; is a majority of its members up?"));
        bytes_ -= late.bytes;
        waiting_.erase(waiting_.begin());
    }
}

void Forwarder::send_waiting(uint64_t leader, uint64_t now_ms, std::vector<MemberMessage>& out) {
    while (!waiting_.empty()) {
        ForwardedRequests message;
        for (size_t bytes = 0; !waiting_.empty() && bytes < limits::member_message_bytes_aim;) {
            if (message.requests.size() >= belfry::limits::frame_requests_max) break;
            Waiting& next = waiting_.begin()->second;
            if (bytes > 0 && bytes + next.bytes > limits::member_message_bytes_aim) break;
            bytes += next.bytes;
            const PrincipalPointer& principal = next.request.caller.principal;
            if (principal && message.callers.size() == message.requests.size()) message.callers.push_back(*principal);
            message.requests.push_back(next.request.request);
            message.requests.back().id = ++last_number_;
            sent_[last_number_] = {std::move(next), leader, now_ms + limits::leader_wait_ms_max};
            waiting_.erase(waiting_.begin());
        }
        if (message.callers.size() != message.requests.size()) message.callers.clear();
        out.push_back({leader, std::move(message)});
    }
}

std::vector<RequestReceived> Forwarder::take_waiting() {
    wait_again(UINT64_MAX);
    std::vector<RequestReceived> taken;
    for (auto& [deadline_ms, one] : waiting_) {
        bytes_ -= one.bytes;
        taken.push_back(std::move(one.request));
    }
    waiting_.clear();
    return taken;
}

void Forwarder::receive(uint64_t peer, std::vector<protocol::Reply>& answers, uint64_t now_ms,
                        std::vector<OutgoingReply>& replies) {
    for (protocol::Reply& answer : answers) {
        const auto found = sent_.find(answer.id);
        if (found == sent_.end() || found->second.leader != peer) continue;
        Waiting& asked = found->second.waiting;
        const bool may_wait = now_ms + refused_pause_ms < asked.deadline_ms;
        if (answer.error.code == Code::unavailable && may_wait) {  // not done: another leader may do it
            if (peer != leader_)
                wait(std::move(asked));
            else
                refused_.emplace(now_ms + refused_pause_ms, std::move(asked));
        } else {
            answer.id = asked.request.request.id;
            replies.push_back({asked.request.connection, std::move(answer), {}});
            bytes_ -= asked.bytes;
        }
        sent_.erase(found);
    }
}

uint64_t Forwarder::wake_at_ms() const {
    uint64_t wake = UINT64_MAX;
    if (!waiting_.empty()) wake = waiting_.begin()->first;
    if (!refused_.empty()) wake = std::min(wake, refused_.begin()->first);
    if (!sent_.empty()) wake = std::min(wake, sent_.begin()->second.deadline_ms);
    if (!sent_.empty() && sent_.begin()->first <= last_of_earlier_) wake = std::min(wake, give_up_ms_);
    return wake;
}

}  // namespace belfry::hub::core
