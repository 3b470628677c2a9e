#include "tests/sim/presence_users.hpp"

#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::TxnRequest;

}  // namespace

PresenceUser::PresenceUser(RecipeParts parts, PresenceChecks& checks, RecipeClient client, PresencePlants plants)
    : world_(parts.world),
      checks_(checks),
      has_session_(client.has_session),
      process_(parts, std::move(client)),
      plants_(plants) {
    process_.on_begin = [this] { begin(); };
}

void PresenceUser::calm_down() {
    calm_ = true;
    process_.go_on();
}

void PresenceUser::perhaps_vanish() {
    if (!process_.alive() || !world_.random.chance(30)) return;
    checks_.keys().vanishes(process_.name());
    process_.vanish();
}

void PresenceUser::stop() {
    stopped_ = true;
    stays_ = world_.random.chance(50);
}

void PresenceUser::begin() {
    checks_.keys().begins(process_.name(), process_.promised_life());
    own_prefix_ = PresenceKeys::all + process_.object_name() + "-";
    times_joined_ = 0;
    rest();
}

void PresenceUser::rest() {
    if (stopped_) return;
    process_.after(world_.random.below(400), [this] { join(); });
}

// ---- joining ----

void PresenceUser::join() {
    if (stopped_) return;
    key_ = own_prefix_ + hex(++times_joined_, 8);
    looks_left_ = world_.random.between(1, 20);
    checks_.keys().comes(process_.name());
    process_.insist(joining(), std::nullopt,
                    [this](const protocol::TxnReply& reply, Revision at) { on_joined(reply, at); });
}

// A new key each time; what an earlier one may have left goes.
TxnRequest PresenceUser::joining() const {
    TxnRequest txn;
    txn.compares = {{KeyRange::one(key_), Compare::Target::version, Compare::Op::equal, 0, {}}};
    if (times_joined_ > 1) txn.then_ops.push_back({DeleteRequest{{own_prefix_, key_}}});
    txn.then_ops.push_back({PutRequest{key_, process_.name(), plants_.unbound ? LeaseId{} : process_.lease()}});
    protocol::RangeRequest mine;
    mine.range = KeyRange::one(key_);
    mine.keys_only = true;
    txn.else_ops = {{mine}};
    return txn;
}

// If it was there already, an earlier try has put it, and its answer was lost.
void PresenceUser::on_joined(const protocol::TxnReply& reply, Revision at) {
    created_ = at;
    if (reply.succeeded) return inside();
    const auto* const found = reply.replies.empty() ? nullptr : std::get_if<protocol::RangeReply>(&reply.replies[0].reply);
    if (found == nullptr || found->kvs.empty())
        return world_.fail("presence: the hub answers without the key that is there");
    created_ = found->kvs[0].create_revision;
    inside();
}

// ---- being there ----

// One that was stopped finds out that its lease has ended, and comes again as another one.
void PresenceUser::inside() {
    if (!process_.alive()) return process_.begin_soon();
    checks_.is_there(process_.name(), key_, created_);
    if (stopped_ && !stays_) return leave();
    if (!stopped_ && looks_left_-- == 0) return leave();
    if (calm_) return process_.after(world_.random.below(200), [this] { inside(); });
    process_.stay(false, [this] { inside(); });
}

// What stays there if nobody answers goes when it joins again, after a keep-alive, or with the lease.
void PresenceUser::leave() {
    if (!process_.alive()) return process_.begin_soon();
    const DeleteRequest own{{own_prefix_, key_ + '\0'}};
    process_.write(own, std::nullopt, [this, own](const Result<protocol::Reply>& reply) {
        const bool done = reply && reply->error.code == Code::ok;
        if (!done) process_.owe(own);
        if (done && has_session_) checks_.has_left(key_);
        rest();
    });
}

}  // namespace belfry::sim
