// Sequential puts and claims, singly and against a reference that knows nothing of tables.
#include <catch2/generators/catch_generators_range.hpp>

#include <map>
#include <random>

#include "sdk/protocol/claim.hpp"
#include "sdk/protocol/sequence.hpp"
#include "tests/unit/hub/model/fixture.hpp"

using namespace belfry;
using namespace belfry::hub::model;
using namespace belfry::hub::model::test;

namespace {

const Bytes items = "q/item/", claims = "q/held/";

p::ClaimRequest claim_of(uint64_t lease, uint64_t limit = 1) { return {items, claims, {lease}, 5, limit}; }
p::TxnRequest txn_of(std::vector<p::TxnOp> ops) { return {{}, std::move(ops), {}}; }

p::ClaimReply claim(Hub& hub, uint64_t lease, uint64_t limit = 1) {
    const auto applied = hub.apply(txn_of({{claim_of(lease, limit)}}));
    return std::get<p::ClaimReply>(reply_of<p::TxnReply>(applied).replies.at(0).reply);
}

std::vector<Bytes> names(const p::ClaimReply& reply) {
    std::vector<Bytes> all;
    for (const auto& claimed : reply.items) all.push_back(claimed.item.key.substr(items.size()));
    return all;
}

Bytes push(Hub& hub, const Bytes& value, const Bytes& prefix = items) {
    return reply_of<p::PutReply>(hub.apply(p::PutRequest{prefix, value, {}, false, {}, true})).key;
}

uint64_t grant_lease(Hub& hub) { return reply_of<p::LeaseGrantReply>(hub.apply(p::LeaseGrantRequest{{}, 10})).lease.value; }
void end_lease(Hub& hub, uint64_t id) { hub.apply(hub::log::LeaseRevoke{{id}, hub.keys().leases().find({id})->number}); }

// Acknowledges an item that is held since a revision: the guard of a worker. What it answers is whether it was.
bool acknowledge(Hub& hub, const Bytes& name, Revision since) {
    p::TxnRequest txn = txn_of({{erase(items + name)}, {erase(claims + name)}});
    txn.compares = {{KeyRange::one(claims + name), p::Compare::Target::mod, p::Compare::Op::equal, since.value, {}}};
    return reply_of<p::TxnReply>(hub.apply(txn)).succeeded;
}

std::vector<Bytes> list(std::initializer_list<Bytes> some) { return some; }

}  // namespace

TEST_CASE("sequential puts: key order is the order of the puts, and the answer names the key", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    CHECK(push(hub, "a") == items + "00000000000000000001-0000");
    CHECK(push(hub, "b") == items + "00000000000000000002-0000");
    const p::PutRequest one{items, "c", {}, false, {}, true};
    const auto applied = hub.apply(txn_of({{one}, {one}, {put("other", "x")}}));
    const auto& replies = reply_of<p::TxnReply>(applied).replies;
    CHECK(std::get<p::PutReply>(replies[0].reply).key == p::sequential_key(items, {3}, 0));
    CHECK(std::get<p::PutReply>(replies[1].reply).key == p::sequential_key(items, {3}, 1));
    CHECK(std::get<p::PutReply>(replies[2].reply).key.empty());
    CHECK(applied.change->events.size() == 3);
    CHECK(hub.keys().key_count() == 5);
}

TEST_CASE("sequential puts: a key that is there is not overwritten, and no key is changed twice", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put(p::sequential_key(items, {2}, 0), "by hand"));
    const Bytes before = hub.image();
    const p::PutRequest one{items, "c", {}, false, {}, true};
    CHECK(refusal_code(hub.apply(one)) == Code::conflict);
    CHECK(refusal_code(hub.apply(txn_of({{put("a", "1")}, {one}}))) == Code::conflict);
    CHECK(refusal_code(hub.apply(txn_of({{put(p::sequential_key("r/", {2}, 0), "guessed")},
                                         {p::PutRequest{"r/", "c", {}, false, {}, true}}}))) == Code::conflict);
    CHECK(refusal_code(hub.apply(txn_of({{p::PutRequest{"r/", "c", {}, false, {}, true}},
                                         {put(p::sequential_key("r/", {2}, 0), "guessed")}}))) == Code::invalid_argument);
    CHECK(refusal_code(hub.apply(txn_of({{p::PutRequest{"r/", "c", {}, false, {}, true}}, {erase("r/", "r0")}}))) ==
          Code::invalid_argument);
    CHECK(hub.image() == before);
}

TEST_CASE("claims: in key order, each to one, with what it held before and how often", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    for (const char* name : {"c", "a", "b", "d"}) hub.apply(put(items + name, name));
    const uint64_t one = grant_lease(hub), two = grant_lease(hub);
    const p::ClaimReply first = claim(hub, one, 2);
    CHECK(names(first) == list({"a", "b"}));
    CHECK(first.items[0].item.value == "a");
    CHECK(first.items[0].attempts == 1);
    CHECK(first.more);
    CHECK(first.held == 0);
    const Revision since = hub.keys().revision();
    CHECK(hub.value(claims + "a") == p::encode_claim({{one}, one, 5, 1}));
    const p::ClaimReply second = claim(hub, two, 9);
    CHECK(names(second) == list({"c", "d"}));
    CHECK_FALSE(second.more);
    CHECK(second.held == 2);
    CHECK(claim(hub, one, 9).items.empty());
    CHECK(acknowledge(hub, "a", since));
    CHECK_FALSE(acknowledge(hub, "a", since));

    end_lease(hub, one);
    const p::ClaimReply again = claim(hub, two, 9);
    CHECK(names(again) == list({"b"}));
    CHECK(again.items[0].attempts == 2);
    CHECK_FALSE(acknowledge(hub, "b", since));
    CHECK(acknowledge(hub, "b", hub.keys().revision()));
    CHECK(hub.value(items + "b") == "-");
}

TEST_CASE("claims: one that is given back keeps its place and its count", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    for (const char* name : {"a", "b"}) hub.apply(put(items + name, name));
    const uint64_t lease = grant_lease(hub);
    claim(hub, lease, 2);
    hub.apply(put(claims + "a", p::encode_claim({{}, 0, 0, 1})));
    const p::ClaimReply again = claim(hub, lease, 2);
    CHECK(names(again) == list({"a"}));
    CHECK(again.items[0].attempts == 2);
    hub.apply(put(claims + "b", "not a hub's"));
    CHECK(claim(hub, lease, 2).items.at(0).attempts == 1);
}

TEST_CASE("claims: a lease that is granted anew under a number that another had holds nothing of it", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put(items + "a", "a"));
    hub.apply(p::LeaseGrantRequest{{7}, 10});
    claim(hub, 7);
    end_lease(hub, 7);
    hub.apply(p::LeaseGrantRequest{{7}, 10});
    CHECK(claim(hub, 7).items.at(0).attempts == 2);
}

TEST_CASE("claims: without a lease that lives nothing is claimed", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put(items + "a", "a"));
    const Bytes before = hub.image();
    CHECK(refusal_code(hub.apply(txn_of({{claim_of(3)}}))) == Code::not_found);
    CHECK(hub.image() == before);
}

TEST_CASE("claims: acknowledging and claiming the next is one transaction", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    for (const char* name : {"a", "b", "c"}) hub.apply(put(items + name, name));
    const uint64_t lease = grant_lease(hub);
    claim(hub, lease, 2);
    const auto applied =
        hub.apply(txn_of({{erase(items + "a")}, {erase(claims + "a")}, {erase(claims + "b")}, {claim_of(lease, 9)}}));
    // b's claim was erased by this transaction: its key is not changed twice, so b waits for the next.
    const auto& reply = std::get<p::ClaimReply>(reply_of<p::TxnReply>(applied).replies[3].reply);
    CHECK(names(reply) == list({"c"}));
    CHECK(names(claim(hub, lease, 9)) == list({"b"}));
    CHECK(refusal_code(hub.apply(txn_of(
              {{claim_of(lease, 9)}, {put(items + "d", "d")}, {claim_of(lease, 9)}, {erase(claims, claims + "z")}}))) ==
          Code::invalid_argument);
}

TEST_CASE("claims: of items that are gone are cleared away", "[model][claim]") {
    Hub hub(GENERATE(from_range(stores())));
    for (const char* name : {"a", "b", "c"}) hub.apply(put(items + name, name));
    const uint64_t lease = grant_lease(hub);
    claim(hub, lease, 2);
    hub.apply(erase(items, items + "c"));
    CHECK(hub.value(claims + "a") != "-");
    CHECK(names(claim(hub, lease)) == list({"c"}));
    CHECK(hub.value(claims + "a") == "-");
    hub.apply(erase(items, items + "z"));
    claim(hub, lease);
    CHECK(hub.keys().key_count() == 0);
}

TEST_CASE("claims: not more stand than may, and an answer has its bound", "[model][claim]") {
    Hub hub("storage_memory");
    const uint64_t lease = grant_lease(hub);
    hub.begin();
    for (size_t i = 0; i < limits::claims_standing_max + 10; ++i) push(hub, "v");
    hub.commit();
    size_t held = 0;
    p::ClaimReply last;
    do {
        last = claim(hub, lease, limits::claim_items_max);
        held += last.items.size();
    } while (!last.items.empty());
    CHECK(held == limits::claims_standing_max);
    CHECK(last.more);
    end_lease(hub, lease);
    const uint64_t other = grant_lease(hub);
    CHECK(claim(hub, other, 20).items.front().attempts == 2);

    // One in front that waits for room does not keep those from being had that need none.
    push(hub, "v", items + "!");
    const p::ClaimReply behind = claim(hub, other, 20);
    REQUIRE(behind.items.size() == 20);
    CHECK(behind.items.front().attempts == 2);
    CHECK(behind.held == 20);
    CHECK(behind.more);
    // Nor does it keep claims from going whose items are gone, and then it has its room.
    hub.apply(erase(items + "0", items + "~"));
    CHECK(claim(hub, other, 20).items.empty());
    const p::ClaimReply front = claim(hub, other, 20);
    REQUIRE(front.items.size() == 1);
    CHECK(front.items.front().item.key.starts_with(items + "!"));

    Hub large("storage_memory");
    const uint64_t of_large = grant_lease(large);
    for (int i = 0; i < 3; ++i) push(large, Bytes(limits::claim_bytes_max / 2, 'v'));
    CHECK(claim(large, of_large, 9).items.size() == 1);
    CHECK(claim(large, of_large, 9).more);
}

TEST_CASE("claims: random pushes, claims, ends of leases and acknowledgements, against a reference", "[model][claim]") {
    const std::string store = GENERATE(from_range(stores()));
    const unsigned seed = GENERATE(range(1u, 6u));
    CAPTURE(store, seed);
    Hub hub(store);
    std::mt19937 random(seed);
    const auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
    struct Item {
        uint64_t lease = 0;
        uint64_t attempts = 0;
        Revision since;
    };
    std::map<Bytes, Item> queue;  // by name
    std::vector<uint64_t> leases{grant_lease(hub), grant_lease(hub), grant_lease(hub)};
    for (int step = 0; step < 300; ++step) {
        const size_t what = below(10);
        const size_t who = below(leases.size());
        if (what < 4) {
            queue[push(hub, "v", items + std::to_string(below(3)) + "/").substr(items.size())] = {};
        } else if (what < 7) {
            const size_t limit = 1 + below(4);
            std::vector<Bytes> expected;
            for (auto& [name, item] : queue) {
                if (item.lease != 0 || expected.size() == limit) continue;
                expected.push_back(name);
                item.lease = leases[who];
                ++item.attempts;
                item.since = hub.keys().revision().next();
            }
            const p::ClaimReply reply = claim(hub, leases[who], limit);
            REQUIRE(names(reply) == expected);
            for (const auto& claimed : reply.items)
                REQUIRE(claimed.attempts == queue[claimed.item.key.substr(items.size())].attempts);
        } else if (what < 9) {
            if (queue.empty()) continue;
            const auto item = std::next(queue.begin(), static_cast<std::ptrdiff_t>(below(queue.size())));
            const bool held = item->second.lease != 0;
            const Bytes name = item->first;
            const bool gone = acknowledge(hub, name, held ? item->second.since : Revision{1'000'000});
            REQUIRE(gone == held);
            if (gone) queue.erase(item);
        } else {
            end_lease(hub, leases[who]);
            for (auto& [name, item] : queue) item.lease = item.lease == leases[who] ? 0 : item.lease;
            leases[who] = grant_lease(hub);
        }
    }
    hub.restart();
    const auto left = hub.keys().range([] {
        p::RangeRequest request;
        request.range = KeyRange::prefix(items);
        return request;
    }());
    REQUIRE(left);
    CHECK(left->count == queue.size());
}
