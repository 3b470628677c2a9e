#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "sdk/protocol/quota.hpp"
#include "tests/unit/hub/core/cluster.hpp"

namespace belfry::hub::core {
namespace {

using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::RecordChangeRequest;
using protocol::RecordsRequest;

// "length N": at most N octets; keys may not be erased. "slow N": the same, and may block.
class LengthRule : public ValueRule {
public:
    LengthRule(size_t bytes_max, bool slow) : bytes_max_(bytes_max), slow_(slow) {}
    bool may_block() const override { return slow_; }
    Status check(BytesView, const std::optional<Bytes>&, const std::optional<Bytes>& value) const override {
        if (!value) return Error{Code::invalid_argument, "it must stay"};
        if (value->size() <= bytes_max_) return {};
        return Error{Code::invalid_argument, "at most " + std::to_string(bytes_max_) + " octets"};
    }

private:
    const size_t bytes_max_;
    const bool slow_;
};

Result<std::shared_ptr<const ValueRule>> compile(const protocol::PolicyRule& rule) {
    if (rule.kind != "length" && rule.kind != "slow") return no_rules(rule);
    if (rule.spec.empty()) return Error{Code::invalid_argument, "length: a number is missing"};
    return std::shared_ptr<const ValueRule>(std::make_shared<LengthRule>(std::stoul(rule.spec), rule.kind == "slow"));
}

RecordChangeRequest policy(const Bytes& pattern, const std::string& kind, const Bytes& spec) {
    return {protocol::policy_name(pattern), false, protocol::encode_policy({pattern, {{kind, spec}}}), {}};
}

RecordChangeRequest quota(const Bytes& pattern, protocol::Quota bounds) {
    return policy(pattern, Bytes(protocol::quota_kind), protocol::encode_quota(bounds));
}

struct Hub : World {
    Hub() {
        compile_rule = compile;
        start();
        sync();
    }
    Code code(protocol::RequestOp op) { return write(std::move(op)).error.code; }
    std::string said(protocol::RequestOp op) { return write(std::move(op)).error.detail; }
};

}  // namespace

TEST_CASE("a policy refuses what its rules do not accept, with key, policy and reason", "[core][policy]") {
    Hub hub;
    CHECK(hub.code(put_of("app/a/db", "long before there was a policy")) == Code::ok);
    REQUIRE(hub.code(policy("app/*/db", "length", "3")) == Code::ok);
    CHECK(hub.code(put_of("app/a/db", "abc")) == Code::ok);
    CHECK(hub.said(put_of("app/a/db", "abcd")) == "'app/a/db': policy 'app/*/db' (length): at most 3 octets");
    CHECK(hub.code(put_of("app/a/other", "abcd")) == Code::ok);
    CHECK(hub.code(DeleteRequest{KeyRange::one("app/a/db"), false}) == Code::invalid_argument);
    CHECK(hub.code(DeleteRequest{KeyRange::prefix("app/"), false}) == Code::invalid_argument);
    CHECK(hub.code(DeleteRequest{KeyRange::prefix("app/a/o"), false}) == Code::ok);
    CHECK(hub.get("app/a/db") == "abc");
}

TEST_CASE("a policy looks at every branch of a transaction, nested ones too", "[core][policy]") {
    Hub hub;
    REQUIRE(hub.code(policy("p/*", "length", "3")) == Code::ok);
    protocol::TxnRequest inner, outer;
    inner.else_ops.push_back({put_of("p/deep", "too long")});
    outer.then_ops.push_back({put_of("free", "as long as you like")});
    outer.then_ops.push_back({inner});
    CHECK(hub.code(outer) == Code::invalid_argument);
    CHECK(hub.get("free") == "(none)");  // all or nothing
}

TEST_CASE("policies are records: listed, versioned, removed, and checked before they are taken", "[core][policy]") {
    Hub hub;
    CHECK(hub.said(policy("a", "unknown", "")).find("no validator 'unknown'") != std::string::npos);
    CHECK(hub.said(policy("a", "length", "")) == "length: a number is missing");
    CHECK(hub.code(policy("[", "length", "3")) == Code::invalid_argument);
    CHECK(hub.code(RecordChangeRequest{"policy/a", false, "nonsense", {}}) == Code::invalid_argument);
    CHECK(hub.code(RecordChangeRequest{"something/else", false, "x", {}}) == Code::invalid_argument);
    auto first = policy("a", "length", "3");
    first.expected = 0;
    auto reply = hub.write(first);
    REQUIRE(reply.error.code == Code::ok);
    CHECK(std::get<protocol::RecordChangeReply>(reply.result).version == 1);
    CHECK(hub.code(first) == Code::conflict);
    CHECK(hub.code(policy("a", "length", "5")) == Code::ok);
    CHECK(hub.code(put_of("a", "12345")) == Code::ok);
    reply = hub.write(RecordsRequest{"policy/", {}});
    const auto& records = std::get<protocol::RecordsReply>(reply.result).records;
    REQUIRE(records.size() == 1);
    CHECK(records[0].name == "policy/a");
    CHECK(records[0].version == 2);
    CHECK(records[0].author == "tester");
    CHECK(protocol::decode_policy(records[0].name, records[0].content)->rules[0].spec == "5");
    CHECK(hub.core->revision() == Revision{1});  // records are no keys
    CHECK(hub.code(RecordChangeRequest{"policy/a", true, {}, {}}) == Code::ok);
    CHECK(hub.code(RecordChangeRequest{"policy/a", true, {}, {}}) == Code::conflict);
    CHECK(hub.code(put_of("a", "123456")) == Code::ok);
}

TEST_CASE("a policy that is removed and set again within one batch is the new one", "[core][policy]") {
    Hub hub;
    REQUIRE(hub.code(policy("a", "length", "3")) == Code::ok);
    hub.enqueue(RecordChangeRequest{"policy/a", true, {}, {}});
    hub.send(policy("a", "length", "5"));  // at version 1, as the one before it was
    hub.sync();
    CHECK(hub.code(put_of("a", "12345")) == Code::ok);
    CHECK(hub.code(put_of("a", "123456")) == Code::invalid_argument);
}

TEST_CASE("policies survive a restart, and one that does not compile any more refuses what it is about", "[core][policy]") {
    Hub hub;
    REQUIRE(hub.code(policy("a", "length", "3")) == Code::ok);
    hub.restart(true);
    hub.sync();
    CHECK(hub.code(put_of("a", "1234")) == Code::invalid_argument);
    hub.compile_rule = no_rules;
    hub.restart();
    hub.sync();
    CHECK(hub.code(put_of("a", "1")) == Code::unsupported);
    CHECK(hub.code(put_of("b", "1234")) == Code::ok);
    CHECK(hub.code(RecordChangeRequest{"policy/a", true, {}, {}}) == Code::ok);
    CHECK(hub.code(put_of("a", "1")) == Code::ok);
}

TEST_CASE("a slow rule is asked elsewhere; others go on meanwhile", "[core][policy]") {
    Hub hub;
    REQUIRE(hub.code(policy("s/*", "slow", "3")) == Code::ok);
    const uint64_t good = hub.put("s/good", "abc"), bad = hub.put("s/bad", "abcd"), free = hub.put("free", "1");
    hub.sync();
    CHECK(hub.reply(good) == nullptr);
    REQUIRE(hub.reply(free) != nullptr);
    REQUIRE(hub.questions.size() == 2);
    for (size_t at : {1u, 0u}) {
        hub.step(RulesAnswered{hub.questions[at].write, hub.questions[at].questions.at(0).ask()});
        hub.sync();
    }
    REQUIRE(hub.reply(good) != nullptr);
    CHECK(hub.reply(good)->error.code == Code::ok);
    REQUIRE(hub.reply(bad) != nullptr);
    CHECK(hub.reply(bad)->error.code == Code::invalid_argument);
    CHECK(hub.get("s/good") == "abc");
    CHECK(hub.get("s/bad") == "(none)");
}

TEST_CASE("what waits for slow rules is bounded by octets, and their values are there once", "[core][policy]") {
    Hub hub;
    REQUIRE(hub.code(policy("s/*", "slow", "2000000")) == Code::ok);
    REQUIRE(hub.code(policy("s/k", "slow", "2000000")) == Code::ok);
    const Bytes value(1000 * 1000, 'v');
    constexpr size_t most = 34;  // of two such values each: what was asked for, and what is shown
    for (size_t i = 0; i < most; ++i) hub.put("s/k", value);
    CHECK(hub.questions.size() == most);
    CHECK(hub.replies.back().reply.error.code == Code::ok);
    const uint64_t refused = hub.put("s/k", value);
    REQUIRE(hub.reply(refused) != nullptr);
    CHECK(hub.reply(refused)->error.code == Code::busy);
    REQUIRE(hub.questions[0].questions.size() == 2);
    CHECK(hub.questions[0].questions[0].value == hub.questions[0].questions[1].value);
    CHECK(hub.questions[0].questions[0].old_value == hub.questions[0].questions[1].old_value);
    hub.step(RulesAnswered{hub.questions[0].write, {}});
    CHECK(hub.reply(hub.put("s/k", value)) == nullptr);
}

TEST_CASE("deletes look at 65,536 keys for all policies together, whether they match or not", "[core][policy]") {
    Hub hub;
    for (int i = 0; i < 64; ++i) REQUIRE(hub.code(policy("p/*" + std::to_string(5000 + i), "length", "3")) == Code::ok);
    for (int i = 0; i < 1024; ++i) hub.enqueue(put_of("p/" + std::to_string(i), ""));
    hub.flush();
    hub.sync();
    CHECK(hub.said(DeleteRequest{KeyRange::prefix("p/"), false}).find("65536 keys") != std::string::npos);
    CHECK(hub.code(DeleteRequest{KeyRange::one("p/7"), false}) == Code::ok);
    CHECK(hub.code(DeleteRequest{KeyRange::prefix("p/1"), false}) == Code::ok);
}

TEST_CASE("a dry run is answered as if, and nothing is done", "[core][policy]") {
    Hub hub;
    REQUIRE(hub.code(policy("p/*", "length", "3")) == Code::ok);
    hub.write(put_of("k", "old"));
    const auto said = [&](protocol::RequestOp op) {
        const uint64_t id = hub.try_out(std::move(op));
        REQUIRE(hub.reply(id) != nullptr);
        return *hub.reply(id);
    };
    const auto put = said(PutRequest{"k", "new", {}, true});
    REQUIRE(put.error.code == Code::ok);
    CHECK(std::get<protocol::PutReply>(put.result).previous->value == "old");
    CHECK(std::get<protocol::DeleteReply>(said(DeleteRequest{KeyRange::all(), false}).result).deleted == 1);
    CHECK(said(put_of("p/a", "abcd")).error.code == Code::invalid_argument);
    CHECK(said(policy("q", "length", "")).error.code == Code::invalid_argument);
    CHECK(said(policy("q", "length", "1")).error.code == Code::ok);
    CHECK(hub.get("k") == "old");
    CHECK(hub.core->revision() == Revision{1});
    CHECK(hub.code(put_of("q", "12")) == Code::ok);
    CHECK(hub.unsynced() == 0);
}

TEST_CASE("a quota counts what is on its way too; deletes are free, dry runs are told", "[core][policy]") {
    Hub hub;
    REQUIRE(hub.code(quota("q/**", {10, {}})) == Code::ok);
    std::vector<uint64_t> asked;
    for (int i = 0; i < 30; ++i) asked.push_back(hub.put("q/" + std::to_string(i), "v"));  // none is applied yet
    hub.sync();
    const auto taken =
        std::count_if(asked.begin(), asked.end(), [&](uint64_t id) { return hub.reply(id)->error.code == Code::ok; });
    CHECK(taken == 10);
    CHECK(hub.reply(asked[29])->error.detail ==
          "'q/29': policy 'q/**' (quota): 11 keys where 10 are allowed; there are 10");
    CHECK(hub.reply(hub.try_out(put_of("q/30", "v")))->error.code == Code::too_large);
    CHECK(hub.reply(hub.try_out(put_of("q/3", "other")))->error.code == Code::ok);
    CHECK(hub.code(put_of("q/30", "v")) == Code::too_large);
    // More than 1,024 keys at once may be deleted: a quota asks nothing of them.
    CHECK(hub.code(quota("q/**", {5000, {}})) == Code::ok);
    for (int i = 100; i < 1400; ++i) hub.enqueue(put_of("q/" + std::to_string(i), "v"));
    hub.flush(), hub.sync();
    CHECK(hub.code(DeleteRequest{KeyRange::prefix("q/"), false}) == Code::ok);
    CHECK(hub.code(put_of("q/30", "v")) == Code::ok);
    const auto status = std::get<protocol::StatusReply>(hub.write(protocol::StatusRequest{}).result).figures;
    using Figure = std::pair<std::string, std::variant<uint64_t, std::string>>;
    CHECK(std::count(status.begin(), status.end(), Figure{"quota.q/**.keys", uint64_t{1}}) == 1);
    CHECK(std::count(status.begin(), status.end(), Figure{"quota.q/**.keys_max", uint64_t{5000}}) == 1);
}

TEST_CASE("a quota holds across a change of leader with writes under way on every member", "[core][policy][cluster]") {
    Cluster cluster(3);
    const uint64_t first = cluster.elect();
    cluster.run(1500);  // until all have told what they read
    REQUIRE(cluster.ask(first, quota("q/**", {50, 2000})).error.code == Code::ok);
    std::vector<std::pair<uint64_t, uint64_t>> asked;  // member, request
    const auto ask_all = [&](int from, int to) {
        for (int i = from; i < to; ++i) {
            for (const uint64_t id : {1, 2, 3}) {
                if (!cluster.at(id).core) continue;
                asked.emplace_back(id, cluster.at(id).put("q/" + std::to_string(id) + "-" + std::to_string(i), "value"));
            }
        }
    };
    ask_all(0, 10);
    cluster.run(5);  // some are proposed, some forwarded, none need be applied
    cluster.crash(first);
    const uint64_t second = cluster.elect();
    cluster.run(100);  // until the other one knows: what it sent to the dead leader would be uncertain
    ask_all(10, 40);
    cluster.run(2000);
    uint64_t over = 0;
    for (const auto& [id, request] : asked) {
        const auto* reply = cluster.at(id).reply(request);
        if (reply != nullptr && reply->error.code == Code::too_large) ++over;
    }
    CHECK(over > 0);
    cluster.restart(first);
    cluster.run(1000);
    for (const uint64_t id : {second, first}) {
        protocol::RangeRequest all;
        all.range = KeyRange::prefix("q/");
        const auto kvs = std::get<protocol::RangeReply>(cluster.ask(id, all).result).kvs;
        CHECK(kvs.size() == 50);
    }
    CHECK(cluster.put(second, "q/more", "v").error.code == Code::too_large);
    CHECK(cluster.put(first, "q/more", "v").error.code == Code::too_large);  // forwarded, or decided by the old one itself
    CHECK(cluster.ask(second, DeleteRequest{KeyRange::prefix("q/1-"), false}).error.code == Code::ok);
    CHECK(cluster.put(first, "q/more", "v").error.code == Code::ok);
}

TEST_CASE("a new leader asks the policies of the one before, from its first write on", "[core][policy][cluster]") {
    Cluster cluster(3, World::default_options(), compile);
    const uint64_t first = cluster.elect();
    REQUIRE(cluster.ask(first, policy("p/*", "length", "3")).error.code == Code::ok);
    cluster.crash(first);
    const uint64_t second = cluster.elect();
    CHECK(cluster.put(second, "p/a", "abcd").error.code == Code::invalid_argument);
    CHECK(cluster.put(second, "p/a", "abc").error.code == Code::ok);
    const uint64_t third = 6 - first - second;
    CHECK(cluster.put(third, "p/a", "abcd").error.code == Code::invalid_argument);  // forwarded
    const auto listed = cluster.ask(third, RecordsRequest{"policy/", {}});
    CHECK(std::get<protocol::RecordsReply>(listed.result).records.size() == 1);
}

}  // namespace belfry::hub::core
