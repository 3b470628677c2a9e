#include "tests/sim/administrator.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace belfry::sim {

using protocol::LeaderTransferRequest;
using protocol::MemberChangeRequest;

namespace {

constexpr size_t members_kept_min = 3;  // removals stop there

}  // namespace

Administrator::Administrator(World& world, const Truth& truth, Members& members, Send send)
    : world_(world), truth_(truth), members_(members), send_(std::move(send)) {}

void Administrator::act() {
    world_.after(world_.random.between(100, 1500), [this] {
        members_.retire_removed();
        if (!wanted_ && !stopped_) begin();
        if (wanted_) return ask();
        act();
    });
}

void Administrator::begin() {
    const auto& now = truth_.members();
    if (now.empty()) return;
    const uint64_t chosen = now[world_.random.below(now.size())].id;
    const uint64_t dice = world_.random.below(10);
    if (dice < 5 && admitted_ < members_.joiners().size()) {
        const uint64_t id = members_.joiners()[admitted_++];
        members_.admit(id);
        wanted_ = MemberChangeRequest{MemberChangeRequest::Kind::add, id, Hub::address_of(id)};
    } else if (dice < 7 && now.size() > members_kept_min) {
        wanted_ = MemberChangeRequest{MemberChangeRequest::Kind::remove, chosen, {}};
    } else if (dice < 8) {
        wanted_ = LeaderTransferRequest{world_.random.chance(50) ? chosen : 0};
    }
}

bool Administrator::is_member(uint64_t id) const {
    return std::any_of(truth_.members().begin(), truth_.members().end(), [&](const auto& one) { return one.id == id; });
}

void Administrator::ask() {
    send_({*wanted_, {}}, [this, heard = std::make_shared<bool>(false)](const auto& reply) {
        if (std::exchange(*heard, true)) return;
        answered(reply);
        act();
    });
}

// What is acknowledged is in the log. A joiner is asked for until it is in; a removal may be refused (the last voters), and
// a transfer fail, and that is all.
void Administrator::answered(const Result<protocol::Reply>& reply) {
    const auto* const change = std::get_if<MemberChangeRequest>(&*wanted_);
    if (change == nullptr) return wanted_.reset();
    const bool adds = change->kind == MemberChangeRequest::Kind::add;
    const bool made = is_member(change->id) == adds;
    const bool uncertain = !reply || reply->error.code == Code::uncertain;
    if (!uncertain && reply->error.code == Code::ok) {
        ++changes_;
        if (!made) world_.fail("member " + std::to_string(change->id) + ": its change was acknowledged and is not made");
    }
    if (made || (!adds && !uncertain)) wanted_.reset();
}

}  // namespace belfry::sim
