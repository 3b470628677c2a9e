// Members of several releases in one cluster. Entries with a record of the hub's own stand for "a newer format": here not
// everybody reads them.
#include "hub/core/releases.hpp"

#include "sdk/protocol/policy.hpp"
#include "tests/unit/hub/core/cluster.hpp"

namespace belfry::hub::core {

namespace {

constexpr uint64_t old_format = 2, new_format = 3;

// What needs the newer format.
protocol::RequestOp newer_write() {
    return protocol::RecordChangeRequest{"policy/app/*", false, protocol::encode_policy({"app/*", {{"any", ""}}}), {}};
}
class Anything : public ValueRule {
    bool may_block() const override { return false; }
    Status check(BytesView, const std::optional<Bytes>&, const std::optional<Bytes>&) const override { return {}; }
};
Result<std::shared_ptr<const ValueRule>> anything(const protocol::PolicyRule&) {
    return std::shared_ptr<const ValueRule>(std::make_shared<Anything>());
}

Options options(uint64_t format) {
    Options options = World::default_options();
    options.entry_format_of_all = old_format;
    options.entry_format = format;
    return options;
}

// All of the newer release, but these.
struct Mixed {
    explicit Mixed(std::set<uint64_t> old = {}) : cluster(3, options(new_format), anything) {
        for (const uint64_t id : old) run_release(id, old_format);
    }
    void run_release(uint64_t id, uint64_t format) {
        cluster.crash(id);
        cluster.at(id).options.entry_format = format;
        cluster.restart(id);
    }
    Cluster cluster;
};

Bytes status_of(World& world, const std::string& name) {
    const uint64_t id = world.send(protocol::StatusRequest{});
    for (const auto& [figure, value] : std::get<protocol::StatusReply>(world.reply(id)->result).figures) {
        if (figure == name) return value.index() == 0 ? std::to_string(std::get<0>(value)) : std::get<1>(value);
    }
    return "(none)";
}

}  // namespace

TEST_CASE("a newer format is written when every member has said that it reads it", "[core][releases]") {
    Mixed mixed({3});
    Cluster& cluster = mixed.cluster;
    cluster.elect();
    cluster.run(Releases::believed_ms + 500);
    const uint64_t leader = cluster.leader();
    const auto refused = cluster.ask(leader, newer_write());
    CHECK(refused.error.code == Code::unsupported);
    CHECK(refused.error.detail.find("read it: 3 run an older release") != std::string::npos);
    CHECK(cluster.put(leader, "a", "1").error.code == Code::ok);  // what all can read goes on
    CHECK(status_of(cluster.at(leader), "entry_format") == "2");
    if (leader != 3) CHECK(status_of(cluster.at(leader), "entry_format.behind") == "3");

    mixed.run_release(3, new_format);
    cluster.run(2000);
    CHECK(status_of(cluster.at(leader), "entry_format.behind") == "");
    CHECK(cluster.ask(cluster.elect(), newer_write()).error.code == Code::ok);
    cluster.run(500);
    for (uint64_t id = 1; id <= 3; ++id) CHECK(status_of(cluster.at(id), "entry_format") == "3");
}

TEST_CASE("a format that was announced stays allowed, whoever is down and whoever leads", "[core][releases]") {
    Mixed mixed;
    Cluster& cluster = mixed.cluster;
    cluster.elect();
    cluster.run(2000);
    REQUIRE(cluster.ask(cluster.leader(), newer_write()).error.code == Code::ok);
    cluster.crash(cluster.leader());
    const uint64_t next = cluster.elect();
    cluster.run(Releases::believed_ms + 500);
    CHECK(status_of(cluster.at(next), "entry_format.behind") != "");
    CHECK(cluster.ask(next, newer_write()).error.code == Code::ok);
}

TEST_CASE("a dry run is refused where the write would be, and announces nothing", "[core][releases]") {
    Mixed mixed({3});
    Cluster& cluster = mixed.cluster;
    cluster.elect();
    cluster.run(Releases::believed_ms + 500);
    World& leader = cluster.at(cluster.leader());
    const auto try_out = [&](protocol::RequestOp op) {
        const uint64_t id = leader.try_out(std::move(op));
        REQUIRE(leader.reply(id) != nullptr);
        return leader.reply(id)->error.code;
    };
    CHECK(try_out(newer_write()) == Code::unsupported);
    CHECK(try_out(protocol::PutRequest{"a", "1", {}, false}) == Code::ok);
    mixed.run_release(3, new_format);
    cluster.run(2000);
    REQUIRE(cluster.leader() == leader.options.member_id);
    const size_t entries = leader.written.size();
    CHECK(try_out(newer_write()) == Code::ok);
    CHECK(leader.written.size() == entries);
}

TEST_CASE("a new leader that has not heard of all yet says so, and that nothing was changed", "[core][releases]") {
    Mixed mixed;
    Cluster& cluster = mixed.cluster;
    cluster.crash(3);
    cluster.at(3).messages.clear();  // it has told nobody
    cluster.elect();
    const auto early = cluster.ask(cluster.leader(), newer_write());
    CHECK(early.error.code == Code::unavailable);
    cluster.run(Releases::believed_ms + 500);
    CHECK(cluster.ask(cluster.leader(), newer_write()).error.code == Code::unsupported);
    cluster.restart(3);
    cluster.run(2000);
    CHECK(cluster.ask(cluster.leader(), newer_write()).error.code == Code::ok);
}

TEST_CASE("a follower sends nothing to an older leader that this one cannot read", "[core][releases]") {
    Mixed mixed({1, 2, 3});
    Cluster& cluster = mixed.cluster;
    const uint64_t leader = cluster.elect();
    const uint64_t follower = cluster.other_than(leader);
    mixed.run_release(follower, new_format);
    cluster.run(2000);
    REQUIRE(cluster.leader() == leader);
    const auto refused = cluster.ask(follower, newer_write());
    CHECK(refused.error.code == Code::unsupported);
    CHECK(refused.error.detail.find("upgrade it") != std::string::npos);
    CHECK(cluster.put(follower, "a", "1").error.code == Code::ok);
}

TEST_CASE("labels are written when all read them, and go with a write that is forwarded or handed over",
          "[core][releases]") {
    Cluster cluster(3);
    cluster.crash(3);
    cluster.at(3).options.entry_format = 5;  // before labels
    cluster.restart(3);
    cluster.elect();
    cluster.run(Releases::believed_ms + 500);
    World& first = cluster.at(cluster.leader());
    World& second = cluster.at(cluster.other_than(cluster.leader()));
    const auto put = [&](World& world, const Bytes& key, Labels labels) {
        world.labels = std::move(labels);
        const uint64_t id = world.send(protocol::PutRequest{key, "v", {}, false});
        world.labels.clear();
        return id;
    };
    const auto answer = [&](World& world, uint64_t id) {
        cluster.run_until([&] { return world.reply(id) != nullptr; });
        return world.reply(id)->error;
    };
    const Error refused = answer(first, put(first, "a", {"canary"}));
    CHECK(refused.code == Code::unsupported);
    CHECK(refused.detail.find("read it: 3 run an older release") != std::string::npos);
    CHECK(answer(first, put(first, "a", {})).code == Code::ok);
    cluster.crash(3);
    cluster.at(3).options.entry_format = log::entry_format;
    cluster.restart(3);
    cluster.run(2000);

    World& leader = cluster.at(cluster.elect());
    World& follower = &leader == &first ? second : first;
    CHECK(answer(follower, put(follower, "a", {"forwarded"})).code == Code::ok);
    leader.send(protocol::LeaderTransferRequest{follower.options.member_id});
    const uint64_t late = put(leader, "a", {"handed-over", "n=1"});
    CHECK(leader.reply(late) == nullptr);
    CHECK(answer(leader, late).code == Code::ok);
    CHECK(cluster.leader() == follower.options.member_id);
    const auto history = cluster.ask(3, protocol::HistoryRequest{"a", 0, {}});
    const auto& versions = std::get<protocol::HistoryReply>(history.result).versions;
    REQUIRE(versions.size() == 3);
    CHECK(versions[0].labels == Labels{"handed-over", "n=1"});
    CHECK(versions[1].labels == Labels{"forwarded"});
    CHECK(versions[2].labels.empty());
}

TEST_CASE("leases are granted when all members read of them, and a put names none before", "[core][releases][lease]") {
    Cluster cluster(3);
    cluster.crash(3);
    cluster.at(3).options.entry_format = 6;  // before leases
    cluster.restart(3);
    const uint64_t leader = cluster.elect();
    cluster.run(Releases::believed_ms + 500);
    CHECK(cluster.ask(leader, protocol::LeaseGrantRequest{{}, 10}).error.code == Code::unsupported);
    CHECK(cluster.ask(leader, protocol::PutRequest{"a", "v", {1}, false}).error.code == Code::unsupported);
    CHECK(cluster.put(leader, "a", "v").error.code == Code::ok);
    cluster.crash(3);
    cluster.at(3).options.entry_format = log::entry_format;
    cluster.restart(3);
    cluster.run(2000);
    CHECK(cluster.ask(cluster.elect(), protocol::LeaseGrantRequest{{}, 10}).error.code == Code::ok);
}

TEST_CASE("an older release does not start on a state whose cluster writes what it cannot read", "[core][releases]") {
    World world(options(new_format));
    world.compile_rule = anything;
    world.start();
    world.sync();
    REQUIRE(world.write(newer_write()).error.code == Code::ok);
    REQUIRE(world.core->settle());
    world.crash();
    world.options.entry_format = old_format;
    Core older(world.options, *world.store, world.filters, anything);
    Output output;
    raft::Restored restored;
    const Status refused = older.start(std::move(restored), world.now, output);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Code::incompatible);
    CHECK(refused.error().detail.find("run a newer release") != std::string::npos);
}

TEST_CASE("members that decide by other plugins are named", "[core][releases]") {
    const protocol::PluginFacts glob{"filter_glob", "1.0.0", "filter 'glob'", "built in", "", true};
    const protocol::PluginFacts rules{"validate_rules", "1.0.0", "validator 'rules'", "built in", "", true};
    const protocol::PluginFacts lmdb{"storage_lmdb", "1.0.0", "state store", "built in", "", true};
    auto other = rules, elsewhere = rules;
    other.sha256 = "ab";
    elsewhere.origin = "/opt/rules.so";
    const auto digest = [](std::vector<protocol::PluginFacts> facts) { return Releases::digest_of(facts); };
    CHECK(digest({glob, rules}) == digest({rules, glob}));
    CHECK(digest({glob, rules}) == digest({glob, elsewhere, lmdb}));  // any store, from anywhere
    CHECK(digest({glob, rules}) != digest({glob}));
    CHECK(digest({glob, rules}) != digest({glob, other}));

    Releases releases(1, {6, digest({glob})}, 2);
    const std::vector<raft::Member> members{{1, "a", {}}, {2, "b", {}}, {3, "c", {}}, {4, "d", {}}};
    releases.receive(2, {6, digest({glob})}, 1000);
    releases.receive(3, {6, digest({glob, rules})}, 1000);
    releases.receive(4, {5, 0}, 1000);  // does not say
    CHECK(releases.unlike(members) == "3");
    releases.receive(3, {6, digest({glob})}, 2000);
    CHECK(releases.unlike(members) == "");
}

}  // namespace belfry::hub::core
