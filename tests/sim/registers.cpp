#include "tests/sim/registers.hpp"

#include <set>
#include <utility>

namespace belfry::sim {

using protocol::Compare;
using protocol::RangeRequest;
using test::Operation;

namespace {

constexpr uint64_t keys = 2;
constexpr uint64_t operation_pause_ms_max = 250;
// Histories of this kind take some thousands; what needs more is counted and not judged.
constexpr uint64_t search_steps_max = 500'000;

RangeRequest read_of(const Bytes& key) {
    RangeRequest range;
    range.range = KeyRange::one(key);
    return range;
}

protocol::PutRequest put_of(const Operation& operation) { return {operation.key, *operation.value, {}, false}; }

// If it is as expected, put; otherwise say what is there.
protocol::TxnRequest swap_of(const Operation& operation) {
    Compare compare{KeyRange::one(operation.key), Compare::Target::version, Compare::Op::equal, 0, {}};
    if (operation.expected) {
        compare.target = Compare::Target::value;
        compare.value = *operation.expected;
    }
    protocol::TxnRequest txn;
    txn.compares.push_back(std::move(compare));
    txn.then_ops.push_back({put_of(operation)});
    txn.else_ops.push_back({read_of(operation.key)});
    return txn;
}

std::optional<Bytes> value_in(const protocol::RangeReply& reply) {
    return reply.kvs.empty() ? std::nullopt : std::optional(reply.kvs[0].value);
}

}  // namespace

void Registers::start(Send send, const Bytes& name) {
    clients_.push_back(std::make_unique<Client>(Client{std::move(send), name}));
    act(*clients_.back());
}

void Registers::act(Client& client) {
    world_.after(world_.random.below(operation_pause_ms_max), [this, &client] {
        if (stopped_) return;
        Operation operation;
        operation.key = "r/" + std::to_string(world_.random.below(keys));
        const uint64_t dice = world_.random.below(10);
        if (dice < 4) return call(client, {read_of(operation.key), {}}, operation);
        const Bytes comment = client.name + "#" + std::to_string(++client.calls);
        operation.value = comment;
        if (dice < 6) {
            operation.kind = Kind::put;
            return call(client, {put_of(operation), comment}, operation);
        }
        operation.kind = Kind::swap;
        operation.expected = last_seen_[operation.key];
        call(client, {swap_of(operation), comment}, operation);
    });
}

void Registers::call(Client& client, Call call, Operation operation) {
    operation.called = world_.now();
    operation.returned = Operation::never;
    history_.push_back(std::move(operation));
    const size_t place = history_.size() - 1;
    client.send(std::move(call), [this, &client, place, heard = std::make_shared<bool>(false)](const auto& reply) {
        if (std::exchange(*heard, true)) return;
        answered(history_[place], reply);
        act(client);
    });
}

void Registers::answered(Operation& operation, const Result<protocol::Reply>& reply) {
    if (!reply || reply->error.code == Code::uncertain) return;
    if (reply->error.code != Code::ok) {  // certainly not done: as a read without an answer
        operation.kind = Kind::get;
        return;
    }
    operation.returned = world_.now();
    if (const auto* range = std::get_if<protocol::RangeReply>(&reply->result)) operation.value = value_in(*range);
    if (const auto* txn = std::get_if<protocol::TxnReply>(&reply->result)) swap_answered(operation, *txn);
    last_seen_[operation.key] = operation.value;
}

// A refused swap has read.
void Registers::swap_answered(Operation& operation, const protocol::TxnReply& reply) {
    if (reply.succeeded) return;
    operation.kind = Kind::get;
    operation.value = value_in(std::get<protocol::RangeReply>(reply.replies.at(0).reply));
    if (operation.value == operation.expected) world_.fail("a swap of " + operation.key + " was refused for no reason");
}

// Values are unique: a write without an answer that nobody has seen explains nothing.
std::vector<Operation> Registers::without_the_unseen() const {
    std::set<std::pair<Bytes, Bytes>> seen;
    for (const Operation& operation : history_) {
        if (operation.returned == Operation::never) continue;
        if (operation.kind == Kind::get && operation.value) seen.emplace(operation.key, *operation.value);
        if (operation.kind == Kind::swap && operation.expected) seen.emplace(operation.key, *operation.expected);
    }
    std::vector<Operation> rest;
    for (const Operation& operation : history_) {
        const bool pending = operation.returned == Operation::never;
        if (pending && (operation.kind == Kind::get || !seen.contains({operation.key, *operation.value}))) continue;
        rest.push_back(operation);
    }
    return rest;
}

bool Registers::check() const {
    const auto verdict = test::check_linearizability(without_the_unseen(), search_steps_max);
    if (verdict.kind == test::LinearizabilityVerdict::Kind::not_linearizable) {
        world_.fail("no order explains what was seen of " + verdict.key + ": " + verdict.longest);
    }
    return verdict.kind != test::LinearizabilityVerdict::Kind::gave_up;
}

}  // namespace belfry::sim
