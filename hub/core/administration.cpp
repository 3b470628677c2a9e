// What administrators ask the leader: members in and out, its office handed on (office.cpp). One task at a time; each is
// looked at in every round until it is done, refused, or too late.
#include <algorithm>

#include "hub/core/impl.hpp"

namespace belfry::hub::core {

namespace {

constexpr size_t tasks_max = 16;
// Less than what a follower waits for an answer it has forwarded (leader_wait_ms_max), so that the reason is heard.
constexpr uint64_t task_ms_max = 2500;
constexpr uint64_t task_attempt_ms_max = 1000;  // a transfer that has not begun by then is given up
constexpr uint64_t learners_pause_ms = 200;

}  // namespace

void Core::Impl::add_task(RequestReceived& input, Instant now, Output& output) {
    if (tasks_.size() >= tasks_max) {
        return answer(input.connection, input.request.id, Error{Code::busy, "too many changes of the cluster wait"},
                      output);
    }
    tasks_.push_back({std::move(input), now.monotonic_ms + task_ms_max, {}});
}

void Core::Impl::administer(Instant now, Output& output) {
    if (stopped_) return;
    if (role() != raft::Role::leader) return end_tasks_elsewhere(now, output);
    if (transfer_ && now.monotonic_ms >= transfer_->give_up_ms) transfer_.reset();  // goes on leading
    resign(now, output);
    while (!tasks_.empty() && work_on(tasks_.front(), now, output)) tasks_.pop_front();
    if (tasks_.empty() && !transfer_) promote_learners(now, output);
}

// The office has been handed on, or was lost.
void Core::Impl::end_tasks_elsewhere(Instant now, Output& output) {
    transfer_.reset();
    if (raft_->leader() == 0 && !tasks_.empty() && now.monotonic_ms < tasks_.front().deadline_ms) return;
    for (Task& task : tasks_) {
        const auto* change = std::get_if<protocol::MemberChangeRequest>(&task.request.request.op);
        const bool forwarded = (task.request.connection & member_connection_bit) != 0;
        if (change == nullptr && raft_->leader() != 0) {
            answer_members(task.request, output);  // the transfer has succeeded
        } else if (task.change == Index{} && !forwarded && !forwarder_.full()) {
            forwarder_.add(std::move(task.request), now.monotonic_ms);  // for instance the removal of this member
        } else {
            answer(
                task.request.connection, task.request.request.id,
                Error{task.change == Index{} ? Code::unavailable : Code::uncertain, "this member leads no more; ask again"},
                output);
        }
    }
    tasks_.clear();
}

// True when it is answered.
bool Core::Impl::work_on(Task& task, Instant now, Output& output) {
    if (const auto* change = std::get_if<protocol::MemberChangeRequest>(&task.request.request.op)) {
        return change_members(task, *change, now, output);
    }
    return transfer_to(task, std::get<protocol::LeaderTransferRequest>(task.request.request.op).id, now, output);
}

bool Core::Impl::change_members(Task& task, const protocol::MemberChangeRequest& op, Instant now, Output& output) {
    using Kind = protocol::MemberChangeRequest::Kind;
    if (task.change != Index{} && applied_ >= task.change) return answer_members(task.request, output), true;
    const auto refuse = [&](Error why) {
        answer(task.request.connection, task.request.request.id, std::move(why), output);
        return true;
    };
    const bool late = now.monotonic_ms >= task.deadline_ms;
    if (op.kind == Kind::promote) {
        const raft::Member* const found = raft::find_member(members_, op.id);
        if (found == nullptr) return refuse({Code::not_found, "there is no member " + std::to_string(op.id)});
        if (raft::votes(found) && raft_->configuration_index() <= applied_) {
            return answer_members(task.request, output), true;
        }
        if (late) {
            return refuse({Code::busy, "member " + std::to_string(op.id) + " has not caught up yet: it holds entry " +
                                           std::to_string(raft_->match_index(op.id).value) + " of " +
                                           std::to_string(raft_->last_index().value) + "; it will vote when it has"});
        }
        return promote_learners(now, output), false;
    }
    if (late) {
        return refuse({task.change == Index{} ? Code::busy : Code::uncertain,
                       "the change of the members takes long; look at the list before repeating it"});
    }
    if (task.change != Index{}) return false;
    if (op.kind == Kind::remove && op.id == options_.member_id) {  // somebody else must do it
        if (members_.size() > 1) return transfer_to(task, 0, now, output);
    }
    if (op.kind == Kind::add && !options_.reachable) {
        return refuse({Code::unsupported,
                       "this hub has no cluster.endpoint, so that no other member could reach it: set it, "
                       "start the hub again, then add the member"});
    }
    const auto kind = op.kind == Kind::add ? raft::MemberChange::Kind::add_learner : raft::MemberChange::Kind::remove;
    return propose_change(task, {kind, op.id, op.address}, now, output);
}

bool Core::Impl::propose_change(Task& task, const raft::MemberChange& change, Instant now, Output& output) {
    if (raft_->configuration_index() > raft_->commit_index() || raft_->transferring()) return false;  // the one before
    if (raft_->term_of(raft_->commit_index()) != raft_->term()) {  // a sole voter that has written nothing yet
        if (raft_->term_of(raft_->last_index()) != raft_->term()) append_nothing(now, output);
        return false;
    }
    raft::Effects effects;
    const auto index = raft_->change_members(change, now.monotonic_ms, effects);
    take_effects(effects, output);
    if (!index) return answer(task.request.connection, task.request.request.id, index.error(), output), true;
    task.change = *index;
    return false;
}

// Stops proposing, waits until the other one holds everything, and hands over: no client hears of it.
bool Core::Impl::transfer_to(Task& task, uint64_t id, Instant now, Output& output) {
    const auto refuse = [&](Error why) {
        transfer_.reset();
        answer(task.request.connection, task.request.request.id, std::move(why), output);
        return true;
    };
    if (!transfer_) {
        const uint64_t to = id != 0 ? id : best_follower();
        if (to == options_.member_id) return answer_members(task.request, output), true;
        if (!raft::votes(raft::find_member(members_, to))) {
            return refuse({Code::conflict, to == 0 ? std::string("there is no other voter")
                                                   : "member " + std::to_string(to) + " does not vote"});
        }
        if (now.monotonic_ms >= task.deadline_ms - (task_ms_max - task_attempt_ms_max)) {
            // Not `unavailable`: whoever repeats by itself would stop the writes again and again.
            return refuse(
                {Code::busy, "member " + std::to_string(to) + " did not take the office over in time; is it up?"});
        }
        begin_transfer(to, now);
    }
    const Status going = go_on_transferring(now, output);
    return going ? false : refuse(going.error());
}

// A learner that follows closely becomes a voter.
void Core::Impl::promote_learners(Instant now, Output& output) {
    if (now.monotonic_ms < learners_looked_at_ms_ + learners_pause_ms) return;
    learners_looked_at_ms_ = now.monotonic_ms;
    if (members_.size() < 2 || raft_->configuration_index() > raft_->commit_index()) return;
    if (raft_->term_of(raft_->commit_index()) != raft_->term()) return;
    for (const raft::Member& member : members_) {
        if (raft::votes(&member)) continue;
        raft::Effects effects;
        const raft::CatchUp state = raft_->catch_up_state(member.id);
        if (state == raft::CatchUp::finished) {
            (void)raft_->change_members({raft::MemberChange::Kind::promote, member.id, {}}, now.monotonic_ms, effects);
        } else if (state == raft::CatchUp::running) {  // the engine looks only when the learner has taken something new
            if (raft_->match_index(member.id) == raft_->last_index()) append_nothing(now, output);
        } else if (raft_->match_index(member.id) != Index{}) {
            (void)raft_->catch_up(member.id, now.monotonic_ms, effects);
        }
        return take_effects(effects, output);  // one at a time
    }
}

// The leader knows how far the others are.
void Core::Impl::on_members(const RequestReceived& asked, Output& output) {
    if (role() == raft::Role::leader) return answer_members(asked, output);
    answer(asked.connection, asked.request.id, Error{Code::unavailable, "this member leads no more; ask again"}, output);
}

void Core::Impl::answer_members(const RequestReceived& asked, Output& output) {
    protocol::MembersReply reply;
    reply.cluster = options_.epoch;
    reply.leader = raft_->leader();
    reply.term = raft_->term().value;
    reply.last = raft_->last_index().value;
    for (const raft::Member& member : members_) {
        const Index match = member.id == options_.member_id ? raft_->stored() : raft_->match_index(member.id);
        reply.members.push_back({member.id, member.address, raft::votes(&member), match.value});
    }
    deliver({asked.connection, {asked.request.id, keyspace_.revision(), {}, std::move(reply)}, {}}, output);
}

uint64_t Core::Impl::administration_wake_ms(Instant now) const {
    if (!tasks_.empty()) return std::min(tasks_.front().deadline_ms, now.monotonic_ms + 5);
    if (role() != raft::Role::leader || members_.size() < 2) return UINT64_MAX;
    const bool learns = raft::voters_in(members_) < members_.size();
    return learns ? learners_looked_at_ms_ + learners_pause_ms : UINT64_MAX;
}

}  // namespace belfry::hub::core
