#include "tests/sim/counter_users.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace belfry::sim {

namespace {

using protocol::Compare;
using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::TxnRequest;

constexpr uint64_t counter_tries_max = 64;
constexpr uint64_t counter_doublings_max = 8;  // of the pause, from 1 ms
constexpr uint64_t counter_pause_ms_max = 200;
constexpr uint64_t counter_stop_ms_max = 4000;  // longer than a timeout
constexpr int64_t far_away = std::numeric_limits<int64_t>::max() - 5;

KeyRange counter_key() { return KeyRange::one(CounterKeys::number); }

}  // namespace

void CounterUser::rest() {
    world_.after(world_.random.below(counter_pause_ms_max), [this] {
        if (!stopped_) act();
    });
}

// Far away: so that others are refused what would overflow.
void CounterUser::act() {
    const uint64_t dice = world_.random.below(100);
    const auto some = static_cast<int64_t>(world_.random.below(12)) - 4;
    if (dice < 15) return get();
    if (dice < 30) return begin({CounterCall::Kind::compare_and_set, some, last_seen_});
    if (dice < 38) return begin({CounterCall::Kind::set, dice < 36 ? some : dice < 37 ? far_away : -far_away});
    if (dice < 40) return begin({CounterCall::Kind::spoil});
    begin({CounterCall::Kind::add, some});
}

void CounterUser::begin(const CounterCall& call) {
    call_ = call;
    tries_ = 0;
    number_ = checks_.begins(client_.name, call, client_.has_session);
    if (call.kind == CounterCall::Kind::set) return put(std::to_string(call.number));
    if (call.kind == CounterCall::Kind::spoil) return put(world_.random.chance(50) ? std::optional("many") : std::nullopt);
    change();
}

// ---- reading ----

void CounterUser::get() {
    read([this](const KeyValue*) { rest(); }, [this] { rest(); });
}

void CounterUser::read(std::function<void(const KeyValue* found)> then, std::function<void()> otherwise) {
    protocol::RangeRequest request;
    request.range = counter_key();
    const auto take = [this, floor = ledger_.newest(), then = std::move(then), otherwise](const auto& reply) {
        if (reply) ledger_.answered_get(CounterKeys::number, floor, *reply);
        const auto* const range = reply ? std::get_if<protocol::RangeReply>(&reply->result) : nullptr;
        if (range == nullptr || reply->error.code != Code::ok) return otherwise();
        const KeyValue* const found = first_of(range);
        last_seen_ = counter_number(found).value_or(last_seen_);
        then(found);
    };
    ask(std::move(request), {}, take);
}

// ---- changing ----

// Without an answer to a read nothing is under way.
void CounterUser::change() {
    const auto write_it = [this](const KeyValue* found) {
        if (calm_ || !world_.random.chance(5)) return write_next(found);
        const auto kept = found == nullptr ? nullptr : std::make_shared<KeyValue>(*found);
        world_.after(world_.random.below(counter_stop_ms_max), [this, kept] { write_next(kept.get()); });
    };
    read(write_it, [this] { end(Code::unavailable); });
}

void CounterUser::write_next(const KeyValue* found) {
    const auto standing = counter_number(found);
    if (!standing) return end(Code::invalid_argument);
    const auto next = counter_next(call_, *standing);
    if (!next) return end(next.error().code);
    const uint64_t read_at = found == nullptr ? 0 : found->mod_revision.value;
    const Compare unchanged{counter_key(), Compare::Target::mod, Compare::Op::equal, read_at, {}};
    TxnRequest txn;
    if (!plants_.add_unguarded) txn.compares = {unchanged};
    txn.then_ops = {{PutRequest{CounterKeys::number, std::to_string(*next), {}}}};
    const auto guard = plants_.add_unguarded ? std::nullopt : std::optional(unchanged);
    write(std::move(txn), guard, [this, number = *next](const Result<protocol::Reply>& reply) {
        const auto* const done = reply ? std::get_if<protocol::TxnReply>(&reply->result) : nullptr;
        const Code code = reply ? reply->error.code : Code::uncertain;
        if (plants_.add_again && code == Code::uncertain) return try_again();
        if (code != Code::ok || done == nullptr) return end(code);
        if (!done->succeeded) return try_again();
        checks_.answered_ok(number_, number);
        rest();
    });
}

void CounterUser::try_again() {
    if (++tries_ == counter_tries_max) return end(Code::busy);
    world_.after(world_.random.below(uint64_t{1} << std::min(tries_, counter_doublings_max)), [this] { change(); });
}

// Whatever it was; none = the key goes.
void CounterUser::put(const std::optional<Bytes>& value) {
    protocol::RequestOp op = DeleteRequest{counter_key()};
    if (value) op = PutRequest{CounterKeys::number, *value, {}};
    write(std::move(op), std::nullopt, [this](const Result<protocol::Reply>& reply) {
        const Code code = reply ? reply->error.code : Code::uncertain;
        if (code != Code::ok) return end(code);
        if (call_.kind == CounterCall::Kind::set) checks_.answered_ok(number_, call_.number);
        rest();
    });
}

void CounterUser::end(Code code) {
    checks_.answered(number_, code);
    rest();
}

void CounterUser::write(protocol::RequestOp op, std::optional<Compare> guard, Take take) {
    const Bytes comment = client_.name + "#" + std::to_string(++writes_);
    checks_.sends(number_, comment);
    const bool may_change_nothing = !guard;
    Ledger::Write write{client_.name, comment, {}, std::move(guard), ledger_.newest(), {}, may_change_nothing};
    ask(std::move(op), comment, [this, write = std::move(write), take = std::move(take)](const auto& reply) {
        if (reply) ledger_.answered(write, *reply);
        take(reply);
    });
}

void CounterUser::ask(protocol::RequestOp op, const Bytes& comment, Take take) {
    const auto once = [heard = std::make_shared<bool>(false),
                       take = std::move(take)](const Result<protocol::Reply>& reply) {
        if (!std::exchange(*heard, true)) take(reply);
    };
    client_.send({std::move(op), comment}, once);
    world_.after(client_.timeout_ms, [once] { once(Error{Code::timeout, "no answer"}); });
}

}  // namespace belfry::sim
