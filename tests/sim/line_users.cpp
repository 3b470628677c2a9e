#include "tests/sim/line_users.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::RangeRequest;
using protocol::TxnRequest;

constexpr size_t place_octets = 16 + 1 + 8 + 1 + 8;  // LEASE-OBJECT-COUNT

RangeRequest keys_in(const KeyRange& range) {
    RangeRequest request;
    request.range = range;
    request.keys_only = true;
    return request;
}

bool is_place(const Bytes& line, Bytes key) {
    if (is_shared(key)) key.resize(key.size() - Bytes(LineKeys::shared_mark).size());
    return key.size() == line.size() + place_octets && key.find('/', line.size()) == Bytes::npos;
}

const char* name_of(LineKind kind) {
    return kind == LineKind::alone ? "alone" : kind == LineKind::shared ? "shared" : "permit";
}

}  // namespace

LineUser::LineUser(RecipeParts parts, LineChecks& checks, RecipeClient client, LinePlants plants)
    : world_(parts.world), checks_(checks), process_(parts, std::move(client)), plants_(plants) {
    process_.on_begin = [this] { begin(); };
}

void LineUser::start() { process_.begin(world_.random.below(1000)); }

void LineUser::calm_down() {
    calm_ = true;
    process_.go_on();
}

// Each life is another object, of one kind.
void LineUser::begin() {
    const uint64_t dice = world_.random.below(4);
    kind_ = dice < 2 ? LineKind::alone : dice == 2 ? LineKind::shared : LineKind::permit;
    line_ = kind_ == LineKind::permit ? LineKeys::places_of_permits : LineKeys::all;
    own_prefix_ = line_ + process_.object_name() + "-";
    times_joined_ = 0;
    rest();
}

void LineUser::rest() {
    if (stopped_) return;
    process_.after(world_.random.below(400), [this] { join(); });
}

// ---- joining ----

void LineUser::join() {
    if (stopped_) return;
    key_ = own_prefix_ + hex(++times_joined_, 8) + (kind_ == LineKind::shared ? LineKeys::shared_mark : "");
    const TxnRequest txn = joining();
    process_.insist(txn, std::nullopt, [this](const protocol::TxnReply& reply, Revision at) { on_joined(reply, at); });
}

TxnRequest LineUser::joining() const {
    std::vector<protocol::TxnOp> puts;
    if (times_joined_ > 1) puts.push_back({DeleteRequest{{own_prefix_, key_}}});
    puts.push_back({PutRequest{key_, process_.name(), process_.lease()}});
    const Compare not_there{KeyRange::one(key_), Compare::Target::version, Compare::Op::equal, 0, {}};
    TxnRequest txn{{not_there}, puts, {{keys_in(KeyRange::one(key_))}}};
    if (kind_ != LineKind::permit) return txn;
    const Bytes number = std::to_string(LineKeys::permit_count);
    TxnRequest first = txn;
    first.compares.push_back({KeyRange::prefix(line_), Compare::Target::version, Compare::Op::equal, 0, {}});
    first.then_ops.push_back({PutRequest{LineKeys::permits, number, {}}});
    txn.compares.push_back({KeyRange::one(LineKeys::permits), Compare::Target::value, Compare::Op::equal, 0, number});
    txn.else_ops = {{std::move(first)}};
    return txn;
}

// If it was there already, an earlier try has put it, and its answer was lost.
void LineUser::on_joined(const protocol::TxnReply& reply, Revision at) {
    const auto* const first = std::get_if<protocol::TxnReply>(&reply.replies.at(0).reply);
    const auto& replies = first != nullptr ? first->replies : reply.replies;
    const auto* const found = std::get_if<protocol::RangeReply>(&replies.at(0).reply);
    const bool is_new = reply.succeeded || (first != nullptr && first->succeeded);
    if (!is_new && (found == nullptr || found->kvs.empty())) return process_.begin_soon();
    created_ = is_new ? at : found->kvs[0].create_revision;
    look();
}

// ---- waiting ----

void LineUser::look() {
    if (!calm_ && world_.random.chance(4)) return leave();
    process_.read(
        KeyRange::prefix(line_), [this] { look(); },
        [this](const protocol::RangeReply& range, Revision at) {
            seen_ = at;
            std::vector<KeyValue> line = range.kvs;
            std::erase_if(line, [&](const KeyValue& kv) { return !is_place(line_, kv.key); });
            std::sort(line.begin(), line.end(), [](const KeyValue& a, const KeyValue& b) {
                return std::tie(a.create_revision, a.key) < std::tie(b.create_revision, b.key);
            });
            const auto own = std::find_if(line.begin(), line.end(), [&](const KeyValue& kv) {
                return kv.key == key_ && kv.create_revision == created_;
            });
            if (own == line.end()) return process_.begin_soon();
            const auto ahead = ahead_in(line, static_cast<size_t>(own - line.begin()));
            if (ahead) return outlast(*ahead);
            tell_next(own + 1 != line.end());
        });
}

std::optional<LineUser::Ahead> LineUser::ahead_in(const std::vector<KeyValue>& line, size_t own) const {
    if (kind_ == LineKind::permit && own < LineKeys::permit_count) return {};
    if (kind_ == LineKind::permit && own == LineKeys::permit_count)
        return Ahead{{line.begin(), line.begin() + static_cast<ptrdiff_t>(own)}};
    while (kind_ == LineKind::shared && own > 0 && is_shared(line[own - 1].key)) --own;
    if (own == 0) return {};
    return Ahead{{line[own - 1]}, kind_ == LineKind::permit};
}

// Until one of them may be gone.
void LineUser::outlast(const Ahead& ahead) {
    if (!process_.alive()) return process_.begin_soon();
    const bool one = ahead.any_of.size() == 1;
    const protocol::FilterSpec filter{one ? "exact" : "prefix", one ? ahead.any_of[0].key : line_};
    process_.await(filter, seen_, [this, ahead, one](const protocol::ChangesReply* told) {
        if (one) return look_at(ahead.any_of[0], ahead.or_put);
        if (told == nullptr || told->changes.empty()) return look();
        const auto went = [&](const Event& event) {
            const auto same = [&](const KeyValue& other) { return other.key == event.kv.key; };
            return event.type == EventType::erase && std::any_of(ahead.any_of.begin(), ahead.any_of.end(), same);
        };
        for (const ChangeSet& change : told->changes) {
            if (std::any_of(change.events.begin(), change.events.end(), went)) return look();
        }
        seen_ = told->to;
        outlast(ahead);
    });
}

// What was told is a hint; this decides, and then the line.
void LineUser::look_at(const KeyValue& other, bool or_put) {
    process_.read(
        KeyRange::one(other.key),
        [this, other, or_put] {
            outlast({{other}, or_put});
        },
        [this, other, or_put](const protocol::RangeReply& now, Revision at) {
            const bool gone = now.kvs.empty() || now.kvs[0].create_revision != other.create_revision;
            if (gone && plants_.turn_unlooked) return tell_next(true);
            if (gone || (or_put && now.kvs[0].mod_revision != other.mod_revision)) return look();
            seen_ = at;
            outlast({{other}, or_put});
        });
}

// With permits who is behind hears of his turn only so.
void LineUser::tell_next(bool followed) {
    writes_left_ = world_.random.between(1, 3);
    if (kind_ != LineKind::permit || !followed) return hold();
    process_.insist(
        {{guard()}, {{PutRequest{key_, process_.name(), process_.lease()}}}, {}}, guard(),
        [this](const protocol::TxnReply& reply, Revision) { reply.succeeded ? hold() : process_.begin_soon(); });
}

// ---- holding ----

Compare LineUser::guard() const {
    return {KeyRange::one(key_), Compare::Target::create, Compare::Op::equal, created_.value, {}};
}

// One that was stopped goes on as if nothing had been.
void LineUser::hold() {
    World& world = world_;
    if (!process_.alive()) return process_.begin_soon();
    checks_.holds(key_, created_);
    if (writes_left_ == 0) return leave();
    --writes_left_;
    const uint64_t dice = calm_ ? 100 : world.random.below(100);
    if (dice < 3) return process_.begin(world.random.below(3000));
    if (dice < 6) return process_.revoke();
    if (dice < 14) process_.stop_until(world.now() + process_.lease_ms() + world.random.below(2000));
    process_.after(world.random.below(calm_ ? 20 : 200), [this] { write(); });
}

// A leader says now and then anew what it has to say, in its own key.
void LineUser::write() {
    const Bytes kind = name_of(kind_);
    TxnRequest txn;
    if (!plants_.write_unguarded) txn.compares = {guard()};
    txn.then_ops = {{PutRequest{LineKeys::writes + kind, std::to_string(created_.value), {}}}};
    const bool proclaims = kind_ == LineKind::alone && !plants_.write_unguarded && world_.random.chance(25);
    if (proclaims) txn.then_ops.push_back({PutRequest{key_, process_.name() + " anew", process_.lease()}});
    std::optional<Compare> condition;
    if (!plants_.write_unguarded) condition = guard();
    process_.write(std::move(txn), condition, [this](const Result<protocol::Reply>& reply) {
        const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
        if (done != nullptr && !done->succeeded) return process_.begin_soon();
        process_.after(0, [this] { hold(); });
    });
}

// What stays in the line if nobody answers goes when it joins again, after a keep-alive, or with the lease.
void LineUser::leave() {
    if (!process_.alive()) return process_.begin_soon();
    const DeleteRequest own{{own_prefix_, key_ + '\0'}};
    process_.write(own, std::nullopt, [this, own](const Result<protocol::Reply>& reply) {
        const bool done = reply && reply->error.code == Code::ok;
        if (!done && stopped_) return process_.after(process_.pause_ms(), [this] { leave(); });
        if (!done) process_.owe(own);
        rest();
    });
}

}  // namespace belfry::sim
