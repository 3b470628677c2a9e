#include "hub/model/quotas.hpp"

#include <catch2/generators/catch_generators_range.hpp>

#include <random>

#include "sdk/protocol/policy.hpp"
#include "tests/unit/hub/model/fixture.hpp"

using namespace belfry;
using namespace belfry::hub::model;
using namespace belfry::hub::model::test;

namespace {

p::RecordChangeRequest quota(const Bytes& pattern, p::Quota bounds) {
    const p::PolicyRule rule{Bytes(p::quota_kind), p::encode_quota(bounds)};
    return {p::policy_name(pattern), false, p::encode_policy({pattern, {rule}}), {}};
}

std::string refusal(const Applied& applied) {
    REQUIRE_FALSE(applied.reply);
    CHECK(applied.reply.error().code == Code::too_large);
    CHECK_FALSE(applied.change);
    return applied.reply.error().detail;
}

QuotaUse use_of(Hub& hub, const Bytes& pattern) {
    QuotaUse found;
    hub.keys().quotas().for_each([&](BytesView name, const p::Quota&, const QuotaUse& use) {
        if (name == pattern) found = use;
    });
    return found;
}

}  // namespace

TEST_CASE("quota: the key that is one too many is refused, with all numbers", "[model][quota]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("app/1", "there before"));
    hub.apply(put("free/1", "x"));
    REQUIRE(hub.apply(quota("app/**", {2, {}})).reply);
    CHECK(use_of(hub, "app/**") == QuotaUse{1, 17});
    CHECK(hub.apply(put("app/2", "b")).reply);
    CHECK(refusal(hub.apply(put("app/3", "c"))) ==
          "'app/3': policy 'app/**' (quota): 3 keys where 2 are allowed; there are 2");
    CHECK(hub.value("app/3") == "-");
    CHECK(hub.apply(put("app/2", Bytes(1000, 'b'))).reply);  // no new key
    CHECK(hub.apply(put("free/2", "x")).reply);
    CHECK(hub.apply(erase("app/1")).reply);
    CHECK(hub.apply(put("app/3", "c")).reply);
    CHECK(hub.keys().key_count() == 4);
}

TEST_CASE("quota: octets of keys, values and content types; what shrinks is never refused", "[model][quota]") {
    Hub hub(GENERATE(from_range(stores())));
    REQUIRE(hub.apply(quota("a/*", {{}, 20})).reply);
    CHECK(hub.apply(put("a/1", "1234567")).reply);                           // 10
    CHECK(hub.apply(p::PutRequest{"a/2", "123", {}, false, "json"}).reply);  // 20
    CHECK(refusal(hub.apply(put("a/1", "12345678"))) ==
          "'a/1': policy 'a/*' (quota): 21 octets where 20 are allowed; there are 20");
    REQUIRE(hub.apply(quota("a/*", {{}, 5})).reply);  // what is there stays
    CHECK(use_of(hub, "a/*") == QuotaUse{2, 20});
    CHECK(hub.apply(put("a/1", "123456")).reply);
    CHECK(hub.apply(put("a/1", "654321")).reply);
    refusal(hub.apply(put("a/1", "6543210")));
    CHECK(hub.apply(erase("a/1")).reply);
    CHECK(hub.apply(erase("a/2")).reply);
    CHECK(use_of(hub, "a/*") == QuotaUse{});
    CHECK(hub.apply(put("a/1", "12")).reply);
}

TEST_CASE("quota: a transaction is counted whole, and refused whole", "[model][quota]") {
    Hub hub(GENERATE(from_range(stores())));
    REQUIRE(hub.apply(quota("a/*", {2, {}})).reply);
    p::TxnRequest two_in;
    two_in.then_ops = {{put("a/1", "1")}, {put("b/1", "1")}, {put("a/2", "2")}};
    CHECK(hub.apply(two_in).reply);
    const Bytes before = hub.image();
    p::TxnRequest over;
    over.then_ops = {{put("b/2", "1")}, {put("a/3", "3")}, {put("a/4", "4")}, {erase("a/1")}};
    CHECK(refusal(hub.apply(over)).starts_with("'a/3': policy 'a/*' (quota): 3 keys where 2"));
    CHECK(hub.image() == before);
    p::TxnRequest swap;  // three for a moment, two in the end
    swap.then_ops = {{put("a/3", "3")}, {erase("a/1")}};
    CHECK(hub.apply(swap).reply);
    p::TxnRequest other_branch;  // what does not run does not count
    other_branch.else_ops = {{put("a/8", "8")}, {put("a/9", "9")}};
    CHECK(hub.apply(other_branch).reply);
    CHECK(use_of(hub, "a/*") == QuotaUse{2, 8});
}

TEST_CASE("quota: the numbers are the same after a rollback, a refusal, and a restart", "[model][quota]") {
    Hub hub(GENERATE(from_range(stores())));
    REQUIRE(hub.apply(quota("**", {12, {}})).reply);
    REQUIRE(hub.apply(quota("k/1*", {{}, 60})).reply);
    std::mt19937 random(11);
    size_t refused = 0;
    for (int i = 0; i < 2000; ++i) {
        const bool alone = random() % 3 > 0;
        if (!alone) hub.begin();
        for (int n = alone ? 1 : 4; n > 0; --n) {
            const Bytes key = "k/" + std::to_string(random() % 20);
            const Applied done = random() % 3 ? hub.apply(put(key, Bytes(random() % 20, 'v'))) : hub.apply(erase(key));
            refused += done.reply ? 0 : 1;
        }
        if (!alone) random() % 2 ? hub.commit() : hub.rollback();
        if (i % 50 == 0) hub.restart();
        QuotaUse everything, some;
        const auto kvs = hub.keys().range(all())->kvs;
        for (const KeyValue& kv : kvs) {
            everything = {everything.keys + 1, everything.bytes + kv.key.size() + kv.value.size()};
            if (kv.key.starts_with("k/1")) some = {some.keys + 1, some.bytes + kv.key.size() + kv.value.size()};
        }
        REQUIRE(use_of(hub, "**") == everything);
        REQUIRE(use_of(hub, "k/1*") == some);
        REQUIRE(everything.keys <= 12);
        REQUIRE(some.bytes <= 60);
    }
    CHECK(refused > 100);
}

TEST_CASE("quota: removed with its policy; of many, malformed or doubled ones none is taken", "[model][quota]") {
    Hub hub(GENERATE(from_range(stores())));
    REQUIRE(hub.apply(quota("a/*", {0, {}})).reply);
    refusal(hub.apply(put("a/1", "1")));
    REQUIRE(hub.apply(p::RecordChangeRequest{p::policy_name("a/*"), true, {}, {}}).reply);
    CHECK(hub.apply(put("a/1", "1")).reply);
    CHECK(hub.rows(table_meta) == 1);
    REQUIRE(hub.apply(quota("a/*", {1, {}})).reply);
    // The policy without the quota.
    REQUIRE(
        hub.apply(p::RecordChangeRequest{p::policy_name("a/*"), false, p::encode_policy({"a/*", {{"rules", "{}"}}}), {}})
            .reply);
    CHECK(hub.apply(put("a/2", "1")).reply);
    const p::PolicyRule rule{"quota", "keys_max = 1\n"};
    for (const auto& rules : {std::vector<p::PolicyRule>{rule, rule},
                              {{"quota", ""}},
                              {{"quota", "keys_max = -1"}},
                              {{"quota", "keys_max = 1\nkeys_max = 1\n"}},
                              {{"quota", "keys = 1"}}}) {
        const auto done = hub.apply(p::RecordChangeRequest{p::policy_name("b"), false, p::encode_policy({"b", rules}), {}});
        REQUIRE_FALSE(done.reply);
        CHECK(done.reply.error().code == Code::invalid_argument);
    }
    hub.begin();
    for (size_t i = 0; i < quotas_max; ++i) REQUIRE(hub.apply(quota("q/" + std::to_string(i), {1, {}})).reply);
    refusal(hub.apply(quota("q/more", {1, {}})));
    CHECK(hub.apply(quota("q/0", {5, 5})).reply);  // one that is there
    hub.commit();
    CHECK(p::decode_quota(p::encode_quota({5, 7})).value() == p::Quota{5, 7});
}

TEST_CASE("quota: the octets of its row stay as they are", "[model][quota]") {
    Hub hub("storage_memory");
    REQUIRE(hub.apply(quota("a*", {300, {}})).reply);
    hub.apply(put("a", "12"));
    CHECK(*hub.store().get(table_meta, "quota/a*") == BytesView("\x01\x01\x03\xad\x02\0", 6));
}

TEST_CASE("quota, content type: the first one makes the state one of format 4", "[model][quota]") {
    const bool by_quota = GENERATE(true, false);
    Hub hub("storage_memory");
    const auto format = [&] { return static_cast<int>(hub.store().get(table_meta, meta_key)->front()); };
    hub.apply(put("a", "1"));
    CHECK(format() == 3);
    if (by_quota) {
        hub.apply(quota("a*", {300, {}}));
    } else {
        hub.apply(p::PutRequest{"a", "1", {}, false, "text"});
    }
    CHECK(format() == 4);
    hub.restart();
    hub.apply(put("a", "1"));
    CHECK(format() == 4);
}
