#include "tests/sim/member_net.hpp"

namespace belfry::sim {

void MemberNet::connect(Hub& hub) {
    hubs_[hub.id()] = &hub;
    hub.on_message = [this, from = hub.id()](const hub::core::MemberMessage& message) { send(from, message); };
    hub.find = [this, to = hub.id()](uint64_t id) -> const Hub* {
        const auto found = hubs_.find(id);
        if (found == hubs_.end() || is_cut(id, to) || is_cut(to, id)) return nullptr;
        return found->second->alive() && !found->second->stalled() ? found->second : nullptr;
    };
}

bool MemberNet::may_come_twice(const hub::core::MemberMessage& message) const {
    const bool forwarded = std::holds_alternative<hub::core::ForwardedRequests>(message.body) ||
                           std::holds_alternative<hub::core::ForwardedReplies>(message.body);
    return requests_twice || !forwarded;
}

void MemberNet::send(uint64_t from, const hub::core::MemberMessage& message) {
    const uint64_t to = message.peer;
    if (const auto* digest = std::get_if<hub::core::StateDigest>(&message.body)) {
        const Status agreed = truth_.learn_digest(*digest);
        if (!agreed) return world_.fail("hub " + std::to_string(from) + ": " + agreed.error().detail);
    }
    if (is_cut(from, to) || !hubs_.contains(to) || world_.random.chance(loss_percent)) return;
    const auto arrive = [this, from, to, octets = hub::core::encode_member_message(message)] { deliver(from, to, octets); };
    const auto delay = [&] {
        return world_.random.chance(late_percent) ? world_.random.between(20, 900) : world_.random.below(6);
    };
    if (may_come_twice(message) && world_.random.chance(twice_percent)) world_.after(delay(), arrive);
    world_.after(delay(), arrive);
}

void MemberNet::deliver(uint64_t from, uint64_t to, const Bytes& octets) {
    if (is_cut(from, to)) return;
    auto decoded = hub::core::decode_member_message(from, octets);
    if (!decoded) return world_.fail("a member's message is not understood: " + decoded.error().detail);
    hubs_.at(to)->receive(std::move(*decoded));
}

}  // namespace belfry::sim
