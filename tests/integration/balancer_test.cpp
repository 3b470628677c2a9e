// A Balancer whose instances come, go and fail, and a LocalTable whose hub is paused, at a real hub.
#include "sdk/balance/balancer.hpp"

#include <signal.h>

#include <set>

#include "sdk/recipes/local_table.hpp"
#include "tests/support/guarded_hub.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

std::unique_ptr<Registration> registered(const std::shared_ptr<Client>& client, const std::string& id, uint16_t port) {
    Instance instance;
    instance.service = "web";
    instance.id = id;
    instance.address = "127.0.0.1";
    instance.port = port;
    auto registration = Registry(client).register_instance(instance);
    if (!registration) throw std::runtime_error(to_string(registration.error()));
    return *std::move(registration);
}

std::set<std::string> picked(Balancer& balancer, int picks = 300) {
    std::set<std::string> ids;
    for (int i = 0; i < picks; ++i) {
        auto one = balancer.pick();
        if (!one) continue;
        ids.insert(one->instance().id);
        one->succeed();
    }
    return ids;
}

bool soon(Balancer& balancer, const std::set<std::string>& ids) {
    return wait_for([&] { return picked(balancer) == ids; }, 20s);
}

}  // namespace

TEST_CASE("balancer: who registers is picked, who drains, fails its check or leaves is not", "[integration][balance]") {
    const OneHub one;
    const auto client = one.hub.client();
    auto opened = Balancer::open(client, "web");
    REQUIRE(opened);
    Balancer& balancer = **opened;
    REQUIRE(balancer.wait_current(20s));
    CHECK(balancer.pick().error().code == Code::unavailable);
    CHECK(balancer.pick().error().detail == "service 'web': no instance takes work");

    auto a = registered(client, "a", 1), b = registered(client, "b", 2), c = registered(client, "c", 3);
    CHECK(soon(balancer, {"a", "b", "c"}));
    REQUIRE(a->set_weight(0));
    CHECK(soon(balancer, {"b", "c"}));
    b->report(Health::critical, "broken");
    CHECK(soon(balancer, {"c"}));
    b->report(Health::passing);
    CHECK(soon(balancer, {"b", "c"}));
    c.reset();
    CHECK(soon(balancer, {"b"}));
}

TEST_CASE("balancer: an instance that fails is left out by this client, and the hub still says that it passes",
          "[integration][balance]") {
    OneHub one;
    const auto client = one.hub.client();
    auto a = registered(client, "a", 1), b = registered(client, "b", 2), c = registered(client, "c", 3);
    auto opened = Balancer::open(client, "web");
    REQUIRE(opened);
    Balancer& balancer = **opened;
    REQUIRE(soon(balancer, {"a", "b", "c"}));
    for (int failures = 0; failures < 5;) {
        auto request = balancer.pick();
        const bool bad = request->instance().id == "b";
        failures += bad ? 1 : 0;
        bad ? request->fail() : request->succeed();
    }
    CHECK((picked(balancer) == std::set<std::string>{"a", "c"}));
    CHECK(balancer.view().instances()->size() == 3);
    // Without a hub everything goes on as it was.
    one.hub.kill();
    CHECK((picked(balancer) == std::set<std::string>{"a", "c"}));
    REQUIRE(one.hub.start());  // or each registration would wait for it at its end
}

TEST_CASE("local table: a read of 3 s is as fresh, and a hub that is paused makes it fail, not lie",
          "[integration][balance]") {
    OneHub one;
    const auto client = one.hub.client();
    REQUIRE(client->put("codes/EUR", "978"));
    auto opened = LocalTable::open(one.hub.client(), {.prefix = "codes/", .probe_interval = 200ms});
    REQUIRE(opened);
    const LocalTable& table = **opened;
    CHECK(LocalTable::open(client, {.probe_interval = 1ms}).error().code == Code::invalid_argument);
    REQUIRE(table.wait_fresh(3s, 20s));
    CHECK(table.get("codes/EUR", 60s)->value == "978");
    CHECK(table.get("codes/XYZ", 60s).error().code == Code::not_found);
    CHECK(table.get("other/EUR", 60s).error().code == Code::invalid_argument);

    // Writers that nobody coordinates with the reader: what was acknowledged 3 s before a read is in it, or the read fails.
    std::vector<Clock::time_point> acknowledged;
    size_t reads = 0;
    for (int round = 0; round < 40; ++round) {
        REQUIRE(client->put("codes/COUNT", std::to_string(round)));
        acknowledged.push_back(Clock::now());
        const auto read_at = Clock::now();
        const auto count = table.get("codes/COUNT", 3s);
        if (count) {
            ++reads;
            const auto next = static_cast<size_t>(std::stoul(count->value)) + 1;
            CHECK((next >= acknowledged.size() || read_at - acknowledged[next] <= 3s));
        }
        std::this_thread::sleep_for(50ms);
    }
    CHECK(reads > 0);

    one.hub.process().signal(SIGSTOP);
    CHECK(wait_for([&] { return !table.get("codes/EUR", 3s); }, 20s));
    CHECK(table.get("codes/EUR", 3s).error().code == Code::unavailable);
    CHECK(table.get("codes/EUR", 1h)->value == "978");  // who can live with that
    CHECK(table.staleness() > 3s);
    one.hub.process().signal(SIGCONT);
    CHECK(table.wait_fresh(3s, 30s));
    CHECK(table.view(3s));
}

TEST_CASE("local table: one of all keys is proven; who may watch and not read is told so, not that it is not known",
          "[integration][balance]") {
    const GuardedHub guarded;
    const auto root = guarded.root();
    REQUIRE(root->put("codes/EUR", "978"));
    const auto all = LocalTable::open(root, {.probe_interval = 100ms});
    REQUIRE(all);
    REQUIRE((*all)->wait_fresh(3s, 20s));
    CHECK((*all)->get("codes/EUR", 60s)->value == "978");

    const auto watcher = guarded.user("ann", {"watch"}, "codes/"), reader = guarded.user("bob", {"read"}, "codes/");
    const auto watched = LocalTable::open(watcher, {.prefix = "codes/", .probe_interval = 100ms});
    REQUIRE(watched);
    CHECK(wait_for([&] { return (*watched)->get("codes/EUR", 60s).error().code == Code::denied; }, 20s));
    const auto read = LocalTable::open(reader, {.prefix = "codes/", .probe_interval = 100ms});
    REQUIRE(read);
    CHECK((*read)->wait_fresh(3s, 20s));
    CHECK((*read)->get("codes/EUR", 60s)->value == "978");
}
