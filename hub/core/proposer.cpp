#include "hub/core/proposer.hpp"

#include <algorithm>
#include <utility>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::core {

bool Proposer::full() const { return waiting_.size() >= limits::inbox_requests_max || bytes_ >= limits::inbox_bytes_max; }

void Proposer::add(Client client, log::Command command, size_t bytes, model::Reach reach) {
    BELFRY_ASSERT(!full());
    bytes_ += bytes;
    waiting_.push_back({client, std::move(command), bytes, reach});
}

Proposal Proposer::take(uint64_t time_ms) {
    BELFRY_ASSERT(!waiting_.empty());
    Proposal proposal;
    proposal.entry.time_ms = time_ms;
    auto& commands = proposal.entry.commands;
    model::Reach reach;  // of all of them
    while (!waiting_.empty() && commands.size() < limits::entry_commands_max) {
        Waiting& next = waiting_.front();
        reach.keys += next.reach.keys;
        reach.octets += next.reach.octets;
        const bool fits = builder_.size() + next.bytes <= limits::entry_bytes_target &&
                          reach.keys <= limits::entry_keys_max && reach.octets <= limits::entry_reply_bytes_max;
        if (!commands.empty() && !fits) break;
        builder_.add(next.command);
        commands.push_back(std::move(next.command));
        proposal.clients.push_back(next.client);
        bytes_ -= next.bytes;
        waiting_.pop_front();
    }
    proposal.payload = std::make_shared<const Bytes>(builder_.take(time_ms));
    return proposal;
}

std::deque<Proposer::Waiting> Proposer::clear() {
    bytes_ = 0;
    return std::exchange(waiting_, {});
}

bool needs_leader(const protocol::RequestOp& op) {
    return protocol::can_change(op) || is_administration(op) || is_about_leases(op);
}

bool is_about_leases(const protocol::RequestOp& op) {
    return std::holds_alternative<protocol::LeaseGrantRequest>(op) ||
           std::holds_alternative<protocol::LeaseRevokeRequest>(op) ||
           std::holds_alternative<protocol::LeaseKeepAliveRequest>(op) || is_lease_read(op);
}

// The leader knows how long leases live.
bool is_lease_read(const protocol::RequestOp& op) {
    return std::holds_alternative<protocol::LeaseTimeToLiveRequest>(op) ||
           std::holds_alternative<protocol::LeasesRequest>(op);
}

bool is_administration(const protocol::RequestOp& op) {
    return std::holds_alternative<protocol::MembersRequest>(op) ||
           std::holds_alternative<protocol::MemberChangeRequest>(op) ||
           std::holds_alternative<protocol::LeaderTransferRequest>(op);
}

}  // namespace belfry::hub::core
