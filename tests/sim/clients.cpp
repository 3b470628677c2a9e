#include "tests/sim/clients.hpp"

#include <memory>
#include <set>
#include <utility>

namespace belfry::sim {

namespace {

// One value in five says what it is; by its text, so that who sends it again says the same.
Bytes type_of(const Bytes& value) { return value.ends_with('0') || value.ends_with('5') ? "json" : Bytes(); }

// Half of the writes are marked, by their number.
Labels labels_of(uint64_t write) {
    if (write % 4 == 0) return {"canary", "rollout=" + std::to_string(write % 3)};
    return write % 4 == 1 ? Labels{"rollout=1"} : Labels();
}

}  // namespace

Client::Client(World& world, const Truth& truth, Ledger& ledger, Send send, Bytes name)
    : world_(world), truth_(truth), ledger_(ledger), send_(std::move(send)), name_(std::move(name)) {}

void Client::start(uint64_t pause_ms_max) {
    pause_ms_max_ = pause_ms_max;
    world_.after(world_.random.below(pause_ms_max_ + 1), [this] {
        if (stopped_) return;
        act();
        start(pause_ms_max_);
    });
}

void Client::act() {
    const uint64_t dice = world_.random.below(100);
    if (dice < 45) return put(some_key(), some_value());
    if (dice < 65) return txn();
    if (dice < 75) return erase();
    if (dice < 98) return get();
    compact();
}

Bytes Client::some_key() {
    return Bytes(1, static_cast<char>('a' + world_.random.below(4))) + "/" + std::to_string(world_.random.below(6));
}

Bytes Client::some_value() {
    const Bytes value = name_ + "-" + std::to_string(++values_);
    return world_.random.chance(2) ? value + Bytes(world_.random.between(60'000, 100'000), '.') : value;
}

void Client::put(const Bytes& key, const Bytes& value) {
    Event event{EventType::put, {key, value, {}, {}, 0, {}, type_of(value)}};
    write(protocol::PutRequest{key, value, {}, false, type_of(value)}, {std::move(event)}, std::nullopt);
}

// Without a type: that may be refused until all members have said that they know types.
void Client::insist(const Bytes& key, const Bytes& value) {
    Event event{EventType::put, {key, value, {}, {}, 0, {}}};
    write(protocol::PutRequest{key, value, {}, false}, {std::move(event)}, std::nullopt,
          [this, key, value] { insist(key, value); });
}

void Client::txn() {
    protocol::TxnRequest txn;
    std::vector<Event> events;
    std::set<Bytes> keys;
    while (keys.size() < 3) keys.insert(some_key());
    for (const Bytes& key : keys) {
        const Bytes value = some_value();
        txn.then_ops.push_back({protocol::PutRequest{key, value, {}, false, type_of(value)}});
        events.push_back({EventType::put, {key, value, {}, {}, 0, {}, type_of(value)}});
    }
    std::optional<protocol::Compare> guard;
    if (world_.random.chance(40)) {
        guard = {KeyRange::one(*keys.begin()),
                 protocol::Compare::Target::version,
                 protocol::Compare::Op::equal,
                 world_.random.below(3),
                 {}};
        txn.compares.push_back(*guard);
    }
    write(std::move(txn), std::move(events), std::move(guard));
}

void Client::erase() {
    const Bytes key = some_key();
    write(
        protocol::DeleteRequest{world_.random.chance(30) ? KeyRange::prefix(key.substr(0, 2)) : KeyRange::one(key), false},
        {}, std::nullopt);
}

void Client::write(protocol::RequestOp op, std::vector<Event> events, std::optional<protocol::Compare> guard,
                   std::function<void()> when_refused) {
    const Bytes comment = name_ + "#" + std::to_string(++writes_);
    const Labels labels = labels_of(writes_);
    Ledger::Write write{name_, comment, std::move(events), std::move(guard), ledger_.newest(), labels};
    send_({std::move(op), comment, {}, labels}, [this, write = std::move(write), when_refused = std::move(when_refused),
                                                 answered = std::make_shared<bool>(false)](const auto& reply) {
        if (!reply || std::exchange(*answered, true)) return;
        ledger_.answered(write, *reply);
        if (reply->error.code == Code::ok) ++acknowledged_;
        if (reply->error.code == Code::unavailable && when_refused) when_refused();
    });
}

void Client::get() {
    const Bytes key = some_key();
    protocol::RangeRequest range;
    range.range = KeyRange::one(key);
    range.local = world_.random.chance(30);  // may be old, but never wrong
    if (world_.random.chance(20)) range.min_revision = ledger_.newest();
    const Revision floor = range.local ? range.min_revision : ledger_.newest();
    send_({std::move(range), {}}, [this, key, floor](const auto& reply) {
        if (reply) ledger_.answered_get(key, floor, *reply);
    });
}

void Client::compact() {
    if (truth_.revision() == Revision{}) return;
    send_({protocol::CompactRequest{{world_.random.between(1, truth_.revision().value)}}, {}}, [](const auto&) {});
}

}  // namespace belfry::sim
