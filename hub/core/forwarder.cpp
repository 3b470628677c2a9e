#include "hub/core/forwarder.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

namespace {

constexpr size_t message_bytes_aim = 256 * 1024;

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
    std::erase_if(sent_, [&](const auto& entry) { return entry.second.connection == connection; });
}

void Forwarder::flush(uint64_t leader, Term term, uint64_t now_ms, std::vector<MemberMessage>& out,
                      std::vector<OutgoingReply>& replies) {
    const bool another = leader != leader_ || term != term_;
    leader_ = leader;
    term_ = term;
    for (auto sent = sent_.begin(); sent != sent_.end();) {
        const Sent& one = sent->second;
        const bool late = one.deadline_ms <= now_ms;
        if (!late && !another) break;
        const std::string who = "member " + std::to_string(one.leader);
        const std::string why = late ? who + ", the leader, has not answered in time" : who + " leads no more";
        replies.push_back(refusal(one.connection, one.request, Code::uncertain, why + "; the change is perhaps made"));
        sent = sent_.erase(sent);
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
        for (size_t bytes = 0; !waiting_.empty() && bytes < message_bytes_aim; waiting_.pop_front()) {
            if (message.requests.size() >= belfry::limits::frame_requests_max) break;
            Waiting& next = waiting_.front();
            if (bytes > 0 && bytes + next.bytes > message_bytes_aim) break;
            bytes += next.bytes;
            bytes_ -= next.bytes;
            protocol::Request& request = next.request.request;
            sent_[++last_number_] = {next.request.connection, request.id, leader, now_ms + limits::leader_wait_ms_max};
            request.id = last_number_;
            message.requests.push_back(std::move(request));
        }
        out.push_back({leader, std::move(message)});
    }
}

void Forwarder::receive(uint64_t peer, std::vector<protocol::Reply>& answers, std::vector<OutgoingReply>& replies) {
    for (protocol::Reply& answer : answers) {
        const auto found = sent_.find(answer.id);
        if (found == sent_.end() || found->second.leader != peer) continue;
        answer.id = found->second.request;
        replies.push_back({found->second.connection, std::move(answer), {}});
        sent_.erase(found);
    }
}

uint64_t Forwarder::wake_at_ms() const {
    uint64_t wake = UINT64_MAX;
    if (!waiting_.empty()) wake = waiting_.front().deadline_ms;
    if (!sent_.empty()) wake = std::min(wake, sent_.begin()->second.deadline_ms);
    return wake;
}

}  // namespace belfry::hub::core
