// Policies, as an operator sets them and a writer meets them: on every member, across a fail-over, and after a restart.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Outcome belfry_at(const HubProcess& hub, std::vector<std::string> words) {
    words.insert(words.begin(), {program("belfry"), "--endpoint", hub.client_options().endpoints[0]});
    return run_program(std::move(words));
}

std::string file(const TemporaryDirectory& directory, const std::string& name, const std::string& content) {
    const std::string path = directory.path() + "/" + name;
    std::ofstream(path) << content;
    return path;
}

constexpr const char* schema =
    R"({"type": "object", "properties": {"port": {"type": "integer", "maximum": 65535}}, "required": ["port"]})";

}  // namespace

TEST_CASE("policy: what it refuses is refused on every member, and by the next leader", "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const uint64_t other = leader % 3 + 1, third = 6 - leader - other;
    const auto set =
        belfry_at(cluster.at(other), {"policy", "set", "app/*/db", "--schema", file(directory, "s.json", schema)});
    INFO(set.output);
    REQUIRE(set.exit_code == 0);
    const auto refused = [&](uint64_t id, const std::string& value) {
        const auto put = belfry_at(cluster.at(id), {"put", "app/shop/db", value});
        return put.exit_code == 5 && has(put.output, "'app/shop/db': policy 'app/*/db' (schema): /port");
    };
    for (const uint64_t id : cluster.ids()) {
        CHECK(refused(id, R"({"port": 70000})"));
        CHECK(belfry_at(cluster.at(id), {"put", "app/shop/db", R"({"port": 5432})"}).exit_code == 0);
        CHECK(has(belfry_at(cluster.at(id), {"policy", "list"}).output, "app/*/db\tschema\tversion 1"));
    }
    cluster.at(leader).kill();
    CHECK(refused(other, R"({"port": "x"})"));
    CHECK(refused(third, R"({"port": 65536})"));
    CHECK(cluster.client(std::chrono::milliseconds(5000), other)->put("app/shop/db", R"({"port": 1})").ok());
    REQUIRE(cluster.at(leader).start());
    CHECK(refused(leader, R"({"port": -1.5})"));
    CHECK(cluster.client()->get("app/shop/db")->value == R"({"port": 1})");
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("policy: set, tried, shown, removed; dry runs of writes", "[integration]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const std::string rules = file(directory, "r.json", R"({"type": "integer", "min": 1})");
    CHECK(has(belfry_at(hub, {"policy", "set", "n/*", "--rules", rules, "--dry-run"}).output, "nothing was changed"));
    CHECK(belfry_at(hub, {"policy", "list"}).output.empty());
    CHECK(belfry_at(hub, {"policy", "set", "n/*", "--rules", rules, "--expect", "0"}).exit_code == 0);
    CHECK(belfry_at(hub, {"policy", "set", "n/*", "--rules", rules, "--expect", "0"}).exit_code == 1);
    CHECK(has(belfry_at(hub, {"policy", "show", "n/*"}).output, R"("min": 1)"));
    CHECK(has(belfry_at(hub, {"policy", "list", "-o", "json"}).output, R"("rules":[{"kind":"rules","spec":)"));
    CHECK(belfry_at(hub, {"put", "n/1", "0"}).exit_code == 5);
    CHECK(belfry_at(hub, {"put", "n/1", "0", "--dry-run"}).exit_code == 5);
    CHECK(belfry_at(hub, {"put", "n/1", "7", "--dry-run"}).output == "OK, nothing was changed\n");
    CHECK(belfry_at(hub, {"get", "n/1"}).exit_code == 1);
    CHECK(belfry_at(hub, {"put", "n/1", "7"}).output == "OK revision 1\n");
    CHECK(has(belfry_at(hub, {"del", "n/", "--prefix", "--dry-run"}).output, "1 key would be deleted"));
    CHECK(has(belfry_at(hub, {"del", "n/1", "--dry-run", "-o", "json"}).output, R"("dry_run":true)"));
    CHECK(belfry_at(hub, {"get", "n/1"}).output == "7\n");
    hub.kill();
    REQUIRE(hub.start());
    CHECK(belfry_at(hub, {"put", "n/1", "0"}).exit_code == 5);
    CHECK(belfry_at(hub, {"policy", "remove", "n/*"}).exit_code == 0);
    CHECK(belfry_at(hub, {"policy", "remove", "n/*"}).exit_code == 1);
    CHECK(belfry_at(hub, {"put", "n/1", "0"}).exit_code == 0);
    // What no hub could keep is refused before it is taken.
    const std::string loop = file(directory, "loop.json", R"({"$ref": "#"})");
    CHECK(belfry_at(hub, {"policy", "set", "x", "--schema", loop}).exit_code == 5);
    CHECK(
        has(belfry_at(hub, {"policy", "set", "x", "--rule", "nonsense=" + rules}).output, "'nonsense' is not known here"));
    CHECK(belfry_at(hub, {"policy", "set", "x"}).exit_code == 2);
    CHECK(hub.stop() == 0);
}

TEST_CASE("quota: exact under 60 writers on three members, with the leader killed in the middle",
          "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const uint64_t other = leader % 3 + 1;
    const auto set =
        belfry_at(cluster.at(other), {"policy", "set", "q/**", "--quota-keys", "100", "--quota-bytes", "1 MiB"});
    INFO(set.output);
    REQUIRE(set.exit_code == 0);
    const auto client = cluster.client(std::chrono::milliseconds(20'000), other);
    std::vector<std::future<Result<protocol::Reply>>> puts;
    for (int i = 0; i < 300; ++i) {
        puts.push_back(client->send(protocol::PutRequest{"q/" + std::to_string(i), "value", {}, false}));
        if (i == 60) cluster.at(leader).kill();
    }
    int taken = 0, over = 0, unknown = 0;
    for (auto& put : puts) {
        const auto reply = put.get();
        const Code code = reply ? reply->error.code : reply.error().code;
        ++(code == Code::ok ? taken : code == Code::too_large ? over : unknown);
    }
    INFO(taken << " taken, " << over << " over, " << unknown << " unknown");
    protocol::RangeRequest all;
    all.range = KeyRange::prefix("q/");
    CHECK(client->range(all)->kvs.size() == 100);
    CHECK(taken <= 100);
    CHECK(taken + unknown >= 100);
    CHECK(over >= 150);
    REQUIRE(cluster.at(leader).start());
    for (const uint64_t id : cluster.ids()) {
        const auto put = belfry_at(cluster.at(id), {"put", "q/more", "x"});
        CHECK(put.exit_code == 5);
        CHECK(has(put.output, "'q/more': policy 'q/**' (quota): 101 keys where 100 are allowed; there are 100"));
        CHECK(belfry_at(cluster.at(id), {"put", "q/more", "x", "--dry-run"}).exit_code == 5);
    }
    CHECK(has(belfry_at(cluster.at(other), {"status"}).output, "quota.q/**.keys"));
    CHECK(belfry_at(cluster.at(other), {"del", "q/1", "--prefix"}).exit_code == 0);
    CHECK(belfry_at(cluster.at(leader), {"put", "q/more", "x"}).exit_code == 0);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

TEST_CASE("policy: a program of the operator's decides, within its time", "[integration]") {
    const TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path() + "/programs");
    const auto program_of = [&](const std::string& name, const std::string& script) {
        const std::string path = file(directory, "programs/" + name, "#!/bin/sh\n" + script + "\n");
        std::filesystem::permissions(path, std::filesystem::perms(0755));
    };
    program_of("check", "grep -q '^listen ' || { echo \"$BELFRY_KEY: no line begins with 'listen '\"; exit 1; }");
    program_of("slow", "sleep 60");
    const std::string plugin = program("../lib/belfry/plugins/validate_command.so");
    HubProcess hub(directory.path() + "/data");
    hub.use_config(file(directory, "belfry.toml",
                        "[[plugins]]\npath = \"" + plugin + "\"\nsettings = { directory = \"" + directory.path() +
                            "/programs\", timeout = \"2s\" }\n"));
    hub.run_as(program("belfryd"), {"env", "--ignore-signal=CHLD"});  // inherited, and then no program's end is seen
    const bool started = hub.start();
    INFO(hub.log());
    REQUIRE(started);
    const auto set = belfry_at(hub, {"policy", "set", "conf/*", "--command", "check"});
    INFO(set.output);
    REQUIRE(set.exit_code == 0);
    CHECK(belfry_at(hub, {"policy", "set", "x", "--command", "/bin/true"}).exit_code == 5);
    CHECK(belfry_at(hub, {"policy", "set", "x", "--command", "none"}).exit_code == 5);
    CHECK(belfry_at(hub, {"policy", "set", "slow/*", "--command", "slow"}).exit_code == 0);
    CHECK(belfry_at(hub, {"put", "conf/a", "listen 80"}).exit_code == 0);
    const auto refused = belfry_at(hub, {"put", "conf/a", "80"});
    CHECK(refused.exit_code == 5);
    CHECK(has(refused.output, "'conf/a': policy 'conf/*' (command): conf/a: no line begins with 'listen '"));
    const auto client = hub.client();
    auto slow = client->send(protocol::PutRequest{"slow/a", "v", {}, false});
    CHECK(client->put("free", "others go on").ok());
    const auto ended = slow.get();
    REQUIRE(ended);
    CHECK(ended->error.code == Code::timeout);
    CHECK(hub.stop() == 0);
}
