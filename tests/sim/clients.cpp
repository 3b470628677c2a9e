#include "tests/sim/clients.hpp"

#include <algorithm>

namespace belfry::sim {

void Ledger::check(World& world, const Truth& truth) const {
    for (const Write& write : acknowledged) {
        const std::string what = "acknowledged write at revision " + std::to_string(write.revision.value);
        if (write.revision > truth.revision()) return world.fail(what + " is lost");
        const ChangeSet& change = truth.history().at(write.revision);
        if (change.author != write.author) return world.fail(what + " is another's");
        for (const Event& event : write.events) {
            const bool there = std::any_of(change.events.begin(), change.events.end(), [&](const Event& other) {
                return other.type == event.type && other.kv.key == event.kv.key && other.kv.value == event.kv.value;
            });
            if (!there) return world.fail(what + " lacks its key " + event.kv.key);
        }
    }
}

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
    Event event{EventType::put, {key, value, {}, {}, 0, {}}};
    write(protocol::PutRequest{key, value, {}, false}, {std::move(event)});
}

void Client::txn() {
    protocol::TxnRequest txn;
    std::vector<Event> events;
    std::set<Bytes> keys;
    while (keys.size() < 3) keys.insert(some_key());
    for (const Bytes& key : keys) {
        const Bytes value = some_value();
        txn.then_ops.push_back({protocol::PutRequest{key, value, {}, false}});
        events.push_back({EventType::put, {key, value, {}, {}, 0, {}}});
    }
    if (world_.random.chance(40)) {
        // May fail: then nothing is written, and nothing is to be found.
        txn.compares.push_back({KeyRange::one(*keys.begin()),
                                protocol::Compare::Target::version,
                                protocol::Compare::Op::equal,
                                world_.random.below(3),
                                {}});
        events.clear();
    }
    write(std::move(txn), std::move(events));
}

void Client::erase() {
    const Bytes key = some_key();
    write(
        protocol::DeleteRequest{world_.random.chance(30) ? KeyRange::prefix(key.substr(0, 2)) : KeyRange::one(key), false},
        {});
}

void Client::write(protocol::RequestOp op, std::vector<Event> events) {
    send_(std::move(op), [this, events = std::move(events), answered = std::make_shared<bool>(false)](auto reply) {
        if (!reply || reply->error.code != Code::ok || *answered) return;
        *answered = true;
        ++acknowledged_;
        ledger_.newest = std::max(ledger_.newest, reply->revision);
        if (!events.empty()) ledger_.acknowledged.push_back({reply->revision, name_, events});
    });
}

void Client::get() {
    const Bytes key = some_key();
    protocol::RangeRequest range;
    range.range = KeyRange::one(key);
    range.local = world_.random.chance(20);  // may be old, but never wrong
    const Revision floor = range.local ? Revision{} : ledger_.newest;
    send_(std::move(range), [this, key, floor](auto reply) {
        if (reply && reply->error.code == Code::ok) check_get(key, floor, *reply);
    });
}

void Client::check_get(const Bytes& key, Revision floor, const protocol::Reply& reply) {
    const auto* range = std::get_if<protocol::RangeReply>(&reply.result);
    if (range == nullptr) return world_.fail("a get was answered with something else");
    const std::string what = "get " + key + " at revision " + std::to_string(reply.revision.value);
    if (reply.revision < floor) return world_.fail(what + " is older than " + std::to_string(floor.value));
    if (reply.revision > truth_.revision()) return world_.fail(what + ": there is no such revision in the log");
    const auto expected = truth_.get(key, reply.revision);
    const bool same = expected ? range->kvs.size() == 1 && range->kvs[0] == *expected : range->kvs.empty();
    if (!same) return world_.fail(what + " shows something else than the log");
    ++ledger_.reads;
    ledger_.newest = std::max(ledger_.newest, reply.revision);
}

void Client::compact() {
    if (truth_.revision() == Revision{}) return;
    send_(protocol::CompactRequest{{world_.random.between(1, truth_.revision().value)}}, [](auto) {});
}

}  // namespace belfry::sim
