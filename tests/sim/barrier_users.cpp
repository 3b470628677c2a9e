#include "tests/sim/barrier_users.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::TxnRequest;

}  // namespace

BarrierUser::BarrierUser(RecipeParts parts, BarrierChecks& checks, RecipeClient client, BarrierPlants plants)
    : world_(parts.world), checks_(checks), process_(parts, std::move(client)), plants_(plants) {
    process_.on_begin = [this] {
        own_prefix_ = BarrierKeys::all + process_.object_name() + "-";
        times_joined_ = 0;
        round_.clear();
        rest();
    };
}

void BarrierUser::start() { process_.begin(world_.random.below(1000)); }

void BarrierUser::calm_down() {
    calm_ = true;
    process_.go_on();
}

void BarrierUser::rest() {
    if (!stopped_) process_.after(world_.random.below(300), [this] { enter(); });
}

// ---- entering ----

void BarrierUser::enter() {
    if (stopped_) return;
    key_ = own_prefix_ + hex(++times_joined_, 8);
    TxnRequest txn;
    txn.compares = {{KeyRange::one(key_), Compare::Target::version, Compare::Op::equal, 0, {}}};
    if (times_joined_ > 1) txn.then_ops.push_back({DeleteRequest{{own_prefix_, key_}}});
    txn.then_ops.push_back({PutRequest{key_, process_.name(), process_.lease()}});
    process_.insist(txn, std::nullopt, [this](const auto&, Revision) { look_for_round(); });
}

// All at one revision.
void BarrierUser::look(Look then) {
    process_.read(
        KeyRange::prefix(BarrierKeys::all), [this, then] { look(then); },
        [then](const protocol::RangeReply& range, Revision at) {
            Standing now{at, {}, range.kvs};
            for (const KeyValue& kv : now.line) {
                if (kv.key == BarrierKeys::round) now.round = kv;
            }
            std::erase_if(now.line, [](const KeyValue& kv) { return kv.key == BarrierKeys::round; });
            std::sort(now.line.begin(), now.line.end(), [](const KeyValue& a, const KeyValue& b) {
                return std::tie(a.create_revision, a.key) < std::tie(b.create_revision, b.key);
            });
            then(now);
        });
}

bool BarrierUser::holds(const std::vector<KeyValue>& line, const Bytes& key) const {
    return std::any_of(line.begin(), line.end(), [&](const KeyValue& kv) { return kv.key == key; });
}

// Now and then it gives up, and so it does when there will be no others.
void BarrierUser::look_for_round() {
    look([this](const Standing& now) { on_look(now); });
}

void BarrierUser::on_look(const Standing& now) {
    if (!process_.alive() || !holds(now.line, key_)) return process_.begin_soon();
    const std::vector<Bytes> named = now.round ? named_in(now.round->value) : std::vector<Bytes>();
    if (std::find(named.begin(), named.end(), key_) != named.end()) {
        round_ = named;
        round_created_ = now.round->create_revision;
        checks_.entered(key_);
        return inside();
    }
    const auto again = [this, seen = now.revision] { await(BarrierKeys::round, seen, [this] { look_for_round(); }); };
    if (stopped_ || (!calm_ && world_.random.chance(4))) return leave();
    if (!now.round && now.line.size() >= BarrierKeys::members) return begin_round(now.line);
    const bool over = std::none_of(named.begin(), named.end(), [&](const Bytes& key) { return holds(now.line, key); });
    if (now.round && over) return end_round(now.round->create_revision, again);
    again();
}

// Or not, if another one was quicker, or one of them has gone.
void BarrierUser::begin_round(const std::vector<KeyValue>& line) {
    TxnRequest txn;
    txn.compares = {{KeyRange::one(BarrierKeys::round), Compare::Target::version, Compare::Op::equal, 0, {}}};
    Bytes names;
    for (size_t i = 0; i < BarrierKeys::members; ++i) {
        names += line[i].key.substr(Bytes(BarrierKeys::all).size()) + '\n';
        txn.compares.push_back(
            {KeyRange::one(line[i].key), Compare::Target::create, Compare::Op::equal, line[i].create_revision.value, {}});
    }
    txn.then_ops = {{PutRequest{BarrierKeys::round, names, {}}}};
    process_.insist(txn, std::nullopt, [this](const auto&, Revision) { look_for_round(); });
}

// ---- inside, and leaving ----

void BarrierUser::inside() {
    process_.stay(calm_, [this] { leave(); });
}

// Also who was not in; then there is nobody to wait for.
void BarrierUser::leave() {
    if (!process_.alive()) return process_.begin_soon();
    process_.write(DeleteRequest{{own_prefix_, key_ + '\0'}}, std::nullopt, [this](const Result<protocol::Reply>& reply) {
        if (!reply || reply->error.code != Code::ok) return process_.after(process_.pause_ms(), [this] { leave(); });
        if (round_.empty()) return rest();
        look_for_others();
    });
}

void BarrierUser::look_for_others() {
    look([this](const Standing& now) {
        std::vector<Bytes> left = round_;
        std::erase_if(left, [&](const Bytes& key) { return key == key_ || !holds(now.line, key); });
        if (!left.empty() && !plants_.leave_alone) return await(left[0], now.revision, [this] { look_for_others(); });
        checks_.left(key_);
        round_.clear();
        end_round(round_created_, [this] { rest(); });
    });
}

// Once: who comes next does it otherwise.
void BarrierUser::end_round(Revision created, std::function<void()> then) {
    TxnRequest txn;
    txn.compares = {{KeyRange::one(BarrierKeys::round), Compare::Target::create, Compare::Op::equal, created.value, {}}};
    txn.then_ops = {{DeleteRequest{KeyRange::one(BarrierKeys::round)}}};
    const Compare guard = txn.compares[0];
    process_.write(std::move(txn), guard, [then = std::move(then)](const auto&) { then(); });
}

void BarrierUser::await(const Bytes& key, Revision seen, std::function<void()> then) {
    if (!process_.alive()) return process_.begin_soon();
    process_.await({"exact", key}, seen, [then = std::move(then)](const auto*) { then(); });
}

}  // namespace belfry::sim
