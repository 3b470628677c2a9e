#include "hub/model/leases.hpp"

#include <catch2/generators/catch_generators_range.hpp>

#include <map>
#include <random>
#include <set>

#include "tests/unit/hub/model/fixture.hpp"

using namespace belfry;
using namespace belfry::hub::model;
using namespace belfry::hub::model::test;

namespace {

p::PutRequest bound(const Bytes& key, uint64_t lease, const Bytes& value = "v") { return {key, value, {lease}, false}; }

uint64_t grant(Hub& hub, uint64_t id = 0, uint64_t ttl_s = 10) {
    return reply_of<p::LeaseGrantReply>(hub.apply(p::LeaseGrantRequest{{id}, ttl_s})).lease.value;
}

hub::log::LeaseRevoke revoke_of(Hub& hub, uint64_t id) {
    const Lease* const lease = hub.keys().leases().find({id});
    return {{id}, lease == nullptr ? 0 : lease->number};
}

Applied expire(Hub& hub, const std::vector<uint64_t>& ids) {
    hub::log::LeaseExpiry expiry;
    for (const uint64_t id : ids) expiry.leases.push_back(revoke_of(hub, id));
    return hub.apply(expiry);
}

std::vector<Bytes> keys_of(Hub& hub, uint64_t id) {
    auto keys = hub.keys().keys_of_lease({id}, {}, 10'000);
    REQUIRE(keys);
    return *keys;
}

}  // namespace

TEST_CASE("leases: the hub's numbers are greater than all that there ever were, a client's are its own", "[model][lease]") {
    Hub hub(GENERATE(from_range(stores())));
    CHECK(grant(hub) == 1);
    CHECK(grant(hub, 3) == 3);
    CHECK(grant(hub) == 4);
    CHECK(grant(hub, 1'000'000) == 1'000'000);
    CHECK(grant(hub) == 1'000'001);
    CHECK(refusal_code(hub.apply(p::LeaseGrantRequest{{3}, 10})) == Code::conflict);
    CHECK(hub.keys().leases().find({1})->owner == "ada");
    CHECK(hub.keys().revision() == Revision{0});
    const uint64_t before = hub.keys().leases().find({3})->number;
    hub.apply(revoke_of(hub, 3));
    hub.restart();
    CHECK(hub.keys().leases().all().size() == 4);
    CHECK(hub.keys().leases().find({4})->ttl_s == 10);
    CHECK(grant(hub, 3) == 3);
    CHECK(hub.keys().leases().find({3})->number > before);
    CHECK(grant(hub) == 1'000'003);
}

TEST_CASE("leases: a revoke of one that was granted again since, or was not there, hits nobody", "[model][lease]") {
    Hub hub("storage_memory");
    grant(hub, 7);
    const auto late = revoke_of(hub, 7), early = revoke_of(hub, 9);
    hub.apply(late);
    grant(hub, 7);
    grant(hub, 9);
    CHECK(refusal_code(hub.apply(late)) == Code::not_found);
    CHECK(refusal_code(hub.apply(early)) == Code::not_found);
    CHECK(hub.keys().leases().all().size() == 2);
}

TEST_CASE("leases: a key is bound to the lease of its last put alone", "[model][lease]") {
    Hub hub(GENERATE(from_range(stores())));
    const uint64_t one = grant(hub), two = grant(hub);
    hub.apply(bound("a", one));
    hub.apply(bound("b", one));
    hub.apply(bound("c", one));
    CHECK(keys_of(hub, one) == std::vector<Bytes>{"a", "b", "c"});
    hub.apply(bound("a", two));
    hub.apply(put("b", "free"));
    hub.apply(erase("c"));
    CHECK(keys_of(hub, one).empty());
    CHECK(keys_of(hub, two) == std::vector<Bytes>{"a"});
    hub.apply(bound("c", two));
    hub.apply(bound("c", two, "again"));
    CHECK(keys_of(hub, two) == std::vector<Bytes>{"a", "c"});
    auto page = hub.keys().keys_of_lease({two}, "a", 1);
    REQUIRE(page);
    CHECK(*page == std::vector<Bytes>{"c"});
    CHECK(hub.rows(table_leases) == 4);  // two leases, two keys
}

TEST_CASE("leases: a put that names none there is is refused, and its transaction with it", "[model][lease]") {
    Hub hub(GENERATE(from_range(stores())));
    const uint64_t one = grant(hub);
    CHECK(refusal_code(hub.apply(bound("a", 77))) == Code::not_found);
    p::TxnRequest txn;
    txn.then_ops = {{bound("a", one)}, {bound("b", 77)}};
    CHECK(refusal_code(hub.apply(txn)) == Code::not_found);
    CHECK(hub.value("a") == "-");
    CHECK(keys_of(hub, one).empty());
    hub.apply(bound("a", one, "old"));
    txn.then_ops = {{put("a", "new")}, {bound("b", 77)}};
    CHECK(refusal_code(hub.apply(txn)) == Code::not_found);
    CHECK(hub.value("a") == "old");
    CHECK(keys_of(hub, one) == std::vector<Bytes>{"a"});  // bound again
    txn.then_ops = {{erase("a")}, {bound("b", 77)}};
    CHECK(refusal_code(hub.apply(txn)) == Code::not_found);
    CHECK(keys_of(hub, one) == std::vector<Bytes>{"a"});
}

TEST_CASE("leases: when one ends its keys go in one change set, with the lease", "[model][lease]") {
    Hub hub(GENERATE(from_range(stores())));
    const uint64_t one = grant(hub), two = grant(hub), three = grant(hub);
    hub.apply(bound("a", one, "x"));
    hub.apply(bound("b", one));
    hub.apply(bound("c", two));
    hub.apply(put("free", ""));
    const auto before = hub.keys().history_digest();
    const bool by_expiry = GENERATE(false, true);
    const Applied ended = by_expiry ? expire(hub, {one, three}) : hub.apply(revoke_of(hub, one));
    CHECK(reply_of<p::LeaseRevokeReply>(ended).deleted == 2);
    CHECK_FALSE(reply_of<p::LeaseRevokeReply>(ended).more);
    REQUIRE(ended.change);
    CHECK(ended.change->events.size() == 2);
    CHECK(ended.change->events[0].type == EventType::erase);
    CHECK(hub.keys().revision() == Revision{5});
    CHECK(hub.value("a") == "-");
    CHECK(hub.value("a", 4) == "x");
    CHECK(hub.value("c") == "v");
    CHECK(hub.keys().key_count() == 2);
    CHECK(hub.keys().history_digest() != before);
    CHECK(hub.keys().leases().find({one}) == nullptr);
    CHECK((hub.keys().leases().find({three}) == nullptr) == by_expiry);
    CHECK(refusal_code(hub.apply(bound("a", one))) == Code::not_found);
    CHECK(refusal_code(hub.apply(revoke_of(hub, one))) == Code::not_found);
    hub.apply(put("a", "again"));
    CHECK(hub.value("a") == "again");
}

TEST_CASE("leases: the end of a lease that was granted again since is not this one's", "[model][lease]") {
    Hub hub("storage_memory");
    grant(hub, 7);
    hub::log::LeaseExpiry late{{{{7}, hub.keys().leases().find({7})->number}}};
    hub.apply(revoke_of(hub, 7));
    grant(hub, 7);
    hub.apply(bound("a", 7));
    CHECK(reply_of<p::LeaseRevokeReply>(hub.apply(late)).deleted == 0);
    CHECK(hub.value("a") == "v");
    late.leases[0].number = hub.keys().leases().find({7})->number;
    CHECK(reply_of<p::LeaseRevokeReply>(hub.apply(late)).deleted == 1);
}

TEST_CASE("leases: more keys than one change set takes go in several, and the lease last", "[model][lease]") {
    Hub hub(GENERATE(from_range(stores())));
    const uint64_t one = grant(hub), two = grant(hub);
    hub.begin();
    for (size_t i = 0; i < leased_keys_at_once + 10; ++i) hub.apply(bound("k" + std::to_string(i), one));
    hub.apply(bound("other", two));
    hub.commit();
    Applied part = expire(hub, {one, two});
    CHECK(reply_of<p::LeaseRevokeReply>(part).deleted == leased_keys_at_once);
    CHECK(reply_of<p::LeaseRevokeReply>(part).more);
    REQUIRE(hub.keys().leases().find({one}) != nullptr);
    CHECK(hub.keys().leases().find({one})->is_ending);
    CHECK_FALSE(hub.keys().leases().find({two})->is_ending);
    CHECK(refusal_code(hub.apply(bound("late", one))) == Code::not_found);
    hub.restart();
    CHECK(hub.keys().leases().find({one})->is_ending);
    part = expire(hub, {one, two});
    CHECK(reply_of<p::LeaseRevokeReply>(part).deleted == 11);
    CHECK_FALSE(reply_of<p::LeaseRevokeReply>(part).more);
    CHECK(hub.keys().key_count() == 0);
    CHECK(hub.rows(table_leases) == 0);
}

TEST_CASE("leases: large values go in several change sets", "[model][lease]") {
    Hub hub("storage_memory");
    const uint64_t one = grant(hub);
    for (int i = 0; i < 40; ++i) hub.apply(bound("k" + std::to_string(i), one, Bytes(limits::value_bytes_max, 'v')));
    uint64_t deleted = 0, steps = 0;
    for (bool more = true; more; ++steps) {
        const auto part = hub.apply(revoke_of(hub, one));
        deleted += reply_of<p::LeaseRevokeReply>(part).deleted;
        more = reply_of<p::LeaseRevokeReply>(part).more;
        REQUIRE(steps < 100);
    }
    CHECK(deleted == 40);
    CHECK(steps > 1);
    CHECK(hub.keys().leases().all().empty());
}

TEST_CASE("leases: an entry of an older release names leases as it likes", "[model][lease]") {
    Hub hub("storage_memory");
    hub.begin();
    hub::log::Command command{"ada", "", bound("a", 77)};
    command.names_any_lease = true;
    const auto applied = hub.keys().apply(command, 0);
    hub.commit();
    REQUIRE(applied);
    CHECK(applied->reply);
    CHECK(hub.rows(table_leases) == 0);
    grant(hub, 77);
    CHECK(keys_of(hub, 77).empty());
    hub.apply(bound("a", 77));
    CHECK(keys_of(hub, 77) == std::vector<Bytes>{"a"});
}

TEST_CASE("leases: what is rolled back was not", "[model][lease]") {
    Hub hub(GENERATE(from_range(stores())));
    const uint64_t one = grant(hub);
    hub.apply(bound("a", one));
    const Bytes image = hub.image();
    hub.begin();
    hub.apply(revoke_of(hub, one));
    grant(hub);
    grant(hub, 50);
    hub.apply(bound("b", 50));
    hub.rollback();
    CHECK(hub.image() == image);
    CHECK(hub.keys().leases().all().size() == 1);
    CHECK(grant(hub) == 2);
    CHECK(keys_of(hub, one) == std::vector<Bytes>{"a"});
}

TEST_CASE("leases: random commands agree with a map of what is bound where", "[model][lease][random]") {
    Hub hub(GENERATE(from_range(stores())));
    std::mt19937 random(GENERATE(1u, 2u, 3u));
    std::map<Bytes, uint64_t> lease_of;  // of each key that there is
    std::set<uint64_t> granted;
    for (int i = 0; i < 1500; ++i) {
        const Bytes key = "k" + std::to_string(random() % 20);
        const uint64_t dice = random() % 100;
        if (dice < 10) {
            const uint64_t wanted = random() % 3 == 0 ? 1 + random() % 2000 : 0;
            granted.insert(grant(hub, granted.contains(wanted) ? 0 : wanted));
        } else if (dice < 55) {
            const uint64_t lease = granted.empty() ? 0 : *std::next(granted.begin(), random() % granted.size());
            if (hub.apply(bound(key, lease)).reply) lease_of[key] = lease;
        } else if (dice < 70) {
            hub.apply(put(key, ""));
            lease_of[key] = 0;
        } else if (dice < 85) {
            hub.apply(erase(key));
            lease_of.erase(key);
        } else if (dice < 93 && !granted.empty()) {
            const uint64_t lease = *std::next(granted.begin(), random() % granted.size());
            random() % 2 == 0 ? expire(hub, {lease}) : hub.apply(revoke_of(hub, lease));
            granted.erase(lease);
            std::erase_if(lease_of, [&](const auto& entry) { return entry.second == lease; });
        } else {
            p::TxnRequest refused;
            refused.then_ops = {{bound(key, granted.empty() ? 0 : *granted.begin())}, {bound("z", 99'999)}};
            CHECK_FALSE(hub.apply(refused).reply);
        }
        if (i % 100 == 0) hub.restart();
    }
    std::map<uint64_t, std::vector<Bytes>> keys;
    for (const auto& [key, lease] : lease_of) {
        CHECK(hub.value(key) != "-");
        if (lease != 0) keys[lease].push_back(key);
    }
    CHECK(hub.keys().key_count() == lease_of.size());
    CHECK(hub.keys().leases().all().size() == granted.size());
    size_t bound_keys = 0;
    for (const uint64_t lease : granted) {
        CHECK(keys_of(hub, lease) == keys[lease]);
        bound_keys += keys[lease].size();
    }
    CHECK(hub.rows(table_leases) == granted.size() + bound_keys);
}
