// Membership, one member at a time; the rules the engine does not keep are kept here (docs/raft.md, "Membership").
#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

namespace {

constexpr size_t voters_min = 2;  // D5: two voters shrunk to one can both lead in the same term

Error conflict(const std::string& sentence) { return {Code::conflict, sentence}; }
std::string name_of(uint64_t id) { return "member " + std::to_string(id); }

}  // namespace

std::vector<Member> Engine::members() const {
    return changes_.empty() ? std::vector<Member>() : members_of(*changes_.back().servers);
}

Status Engine::may_change() const {
    if (role() != Role::leader) return Error{Code::not_leader, "this member is not the leader"};
    if (raft_->configuration_uncommitted_index != 0) return conflict("another change of the members is under way");
    // A leader that has committed nothing of its own term may not know of the change before this one.
    if (trail_.term_of(commit_) != term()) return conflict("the leader is new; try again in a moment");
    if (transferring()) return conflict("the leadership is being transferred");
    return {};
}

Result<Bytes> Engine::changed_configuration(const MemberChange& change) const {
    std::vector<Member> now = members();
    const auto found = std::find_if(now.begin(), now.end(), [&](const Member& m) { return m.id == change.id; });
    if (change.kind == MemberChange::Kind::add_learner) {
        if (change.id == 0 || change.address.empty())
            return Error{Code::invalid_argument, "a member has an id and an address"};
        if (found != now.end()) return conflict(name_of(change.id) + " is one already");
        if (std::any_of(now.begin(), now.end(), [&](const Member& m) { return m.address == change.address; })) {
            return conflict("the address " + change.address + " belongs to another member");
        }
        now.push_back({change.id, change.address, MemberRole::learner});  // at the end: the others keep their places
        return encode_members(now);
    }
    if (found == now.end()) return Error{Code::not_found, "there is no " + name_of(change.id)};
    if (change.kind == MemberChange::Kind::promote) {
        if (found->role == MemberRole::voter) return conflict(name_of(change.id) + " votes already");
        if (catch_up_state(change.id) != CatchUp::finished) return conflict(name_of(change.id) + " has not caught up yet");
        found->role = MemberRole::voter;
        return encode_members(now);
    }
    if (change.id == options_.id) return conflict("the leader cannot remove itself; transfer the leadership first");
    if (found->role == MemberRole::voter && voters_in(now) <= voters_min) {
        return conflict(
            "two voters cannot safely become one while they run; add a third, or stop both and start anew from a "
            "snapshot");
    }
    now.erase(found);
    return encode_members(now);
}

Result<Index> Engine::change_members(const MemberChange& change, uint64_t now_ms, Effects& effects) {
    if (auto allowed = may_change(); !allowed) return allowed.error();
    auto configuration = changed_configuration(change);
    if (!configuration) return configuration.error();
    auto payload = std::make_shared<const Bytes>(std::move(*configuration));
    return submit_entry({trail_.last().next(), term(), EntryType::change, std::move(payload)}, now_ms, effects);
}

Status Engine::catch_up(uint64_t id, uint64_t now_ms, Effects& effects) {
    if (role() != Role::leader) return Error{Code::not_leader, "this member is not the leader"};
    const auto now = members();
    const Member* const found = find_member(now, id);
    if (found == nullptr) return Error{Code::not_found, "there is no " + name_of(id)};
    if (votes(found)) return conflict(name_of(id) + " votes already");
    if (raft_->leader_state.promotee_id != 0) return conflict("another member is catching up");
    raft_event started = event(RAFT_CATCH_UP, now_ms);
    started.catch_up.server_id = id;
    return step(started, {}, effects);
}

CatchUp Engine::catch_up_state(uint64_t id) const {
    int status = RAFT_CATCH_UP_NONE;
    if (raft_catch_up(raft_, id, &status) != 0) return CatchUp::none;
    switch (status) {
        case RAFT_CATCH_UP_RUNNING: return CatchUp::running;
        case RAFT_CATCH_UP_ABORTED: return CatchUp::aborted;
        case RAFT_CATCH_UP_FINISHED: return CatchUp::finished;
        default: return CatchUp::none;
    }
}

// The engine sends its one TimeoutNow at the first answer of the target, caught up or not, and a target that is not ignores
// it: so the target must hold everything before.
Status Engine::transfer(uint64_t id, uint64_t now_ms, Effects& effects) {
    if (role() != Role::leader) return Error{Code::not_leader, "this member is not the leader"};
    if (transferring()) return conflict("the leadership is being transferred already");
    if (id == options_.id) return conflict(name_of(id) + " leads already");
    if (match_index(id) != trail_.last()) return Error{Code::busy, name_of(id) + " does not hold the newest entries yet"};
    raft_event asked = event(RAFT_TRANSFER, now_ms);
    asked.transfer.server_id = id;
    return step(asked, {}, effects);
}

bool Engine::transferring() const { return raft_transferee(raft_) != 0; }

Index Engine::match_index(uint64_t id) const {
    raft_index index = 0;
    return raft_match_index(raft_, id, &index) == 0 ? Index{index} : Index{};
}

}  // namespace belfry::hub::raft
