// Policies, as an operator sets them and a writer meets them: on every member, across a fail-over, and after a restart.
#include <catch2/catch_test_macros.hpp>
#include <fstream>

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
    CHECK(belfry_at(hub, {"put", "n/1", "0"}).exit_code == 5);
    CHECK(belfry_at(hub, {"put", "n/1", "0", "--dry-run"}).exit_code == 5);
    CHECK(belfry_at(hub, {"put", "n/1", "7", "--dry-run"}).output == "OK, nothing was changed\n");
    CHECK(belfry_at(hub, {"get", "n/1"}).exit_code == 1);
    CHECK(belfry_at(hub, {"put", "n/1", "7"}).output == "OK revision 1\n");
    CHECK(has(belfry_at(hub, {"del", "n/", "--prefix", "--dry-run"}).output, "1 key would be deleted"));
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
