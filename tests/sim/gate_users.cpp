#include "tests/sim/gate_users.hpp"

#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::TxnRequest;

const KeyRange& closed_key() {
    static const KeyRange range = KeyRange::one(GateKeys::closed);
    return range;
}

const KeyValue* found_in(const protocol::TxnReply& reply) {
    const auto* const range = reply.replies.empty() ? nullptr : std::get_if<protocol::RangeReply>(&reply.replies[0].reply);
    return first_of(range);
}

}  // namespace

GateUser::GateUser(RecipeParts parts, GateChecks& checks, RecipeClient client, GatePlants plants)
    : world_(parts.world),
      checks_(checks),
      process_(parts, std::move(client)),
      plants_(plants),
      is_opener_(world_.random.chance(25)) {
    checks_.add(process_.name(), is_opener_);
    process_.on_begin = [this] {
        checks_.is_gone(process_.name());
        mark_.clear();
        rest();
    };
}

void GateUser::calm_down() {
    calm_ = true;
    process_.go_on();
}

void GateUser::rest() {
    if (stopped_) return;
    process_.after(world_.random.below(300), [this] {
        if (stopped_) return;
        const uint64_t dice = world_.random.below(100);
        if (is_opener_ && dice < 10) return open();
        if (dice < 40) return hold();
        come();
    });
}

// ---- closing and opening ----

void GateUser::hold() {
    mark_ = process_.next_comment();
    protocol::RangeRequest whose;
    whose.range = closed_key();
    const TxnRequest txn{{{closed_key(), Compare::Target::version, Compare::Op::equal, 0, {}}},
                         {{PutRequest{GateKeys::closed, mark_, process_.lease()}}},
                         {{whose}}};
    process_.insist(txn, std::nullopt, [this](const protocol::TxnReply& reply, Revision) {
        const KeyValue* const found = found_in(reply);
        if (reply.succeeded || (found != nullptr && found->value == mark_)) return inside();
        rest();
    });
}

void GateUser::inside() {
    process_.stay(calm_, [this] { release(); });
}

// Its own closing, and no later one: the comparison tells them apart.
void GateUser::release() {
    if (plants_.open_anybody) return open();
    const TxnRequest txn{
        {{closed_key(), Compare::Target::value, Compare::Op::equal, 0, mark_}}, {{DeleteRequest{closed_key()}}}, {}};
    process_.insist(txn, std::nullopt, [this](const auto&, Revision) { rest(); });
}

void GateUser::open() {
    process_.write(DeleteRequest{closed_key()}, std::nullopt, [this](const auto&) { rest(); });
}

// ---- waiting ----

void GateUser::come() {
    closed_ = {};
    checks_.comes(process_.name());
    look();
}

void GateUser::look() {
    process_.read(
        closed_key(), [this] { look(); }, [this](const protocol::RangeReply& range, Revision at) { on_look(range, at); });
}

void GateUser::on_look(const protocol::RangeReply& range, Revision at) {
    if (range.kvs.empty()) return pass();
    const Revision created = range.kvs[0].create_revision;
    if (closed_ == Revision()) closed_ = created;
    if (created != closed_) return pass();
    process_.await({"exact", GateKeys::closed}, at, [this](const auto*) {
        if (plants_.pass_unlooked) return pass();
        look();
    });
}

void GateUser::pass() {
    checks_.goes_through(process_.name());
    rest();
}

}  // namespace belfry::sim
