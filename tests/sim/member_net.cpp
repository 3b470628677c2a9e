#include "tests/sim/member_net.hpp"

namespace belfry::sim {

void MemberNet::connect(Hub& hub) {
    hubs_[hub.id()] = &hub;
    hub.on_message = [this, from = hub.id()](const hub::core::MemberMessage& message) { send(from, message); };
    hub.find = [this, to = hub.id()](uint64_t id) -> const Hub* {
        const auto found = hubs_.find(id);
        return found == hubs_.end() || !found->second->alive() || is_cut(id, to) ? nullptr : found->second;
    };
}

void MemberNet::send(uint64_t from, const hub::core::MemberMessage& message) {
    const uint64_t to = message.peer;
    if (is_cut(from, to) || !hubs_.contains(to) || world_.random.chance(loss_percent)) return;
    const auto deliver = [this, from, to, octets = hub::core::encode_member_message(message)] {
        if (is_cut(from, to)) return;
        auto decoded = hub::core::decode_member_message(from, octets);
        if (!decoded) return world_.fail("a member's message is not understood: " + decoded.error().detail);
        hubs_.at(to)->receive(std::move(*decoded));
    };
    const auto delay = [&] {
        return world_.random.chance(late_percent) ? world_.random.between(20, 900) : world_.random.below(6);
    };
    if (world_.random.chance(twice_percent)) world_.after(delay(), deliver);
    world_.after(delay(), deliver);
}

}  // namespace belfry::sim
