// Services on real hubs: who registers is found, by those who ask once and by those who watch; who is gone, is not; also
// while leaders are killed, and when it is the instance that is paused.
#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>

#include "sdk/discovery/service_view.hpp"
#include "tests/support/cluster_processes.hpp"
#include "tests/support/cpu_time.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/sanitizers.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;
using State = RegistrationState;

// For what a view hears late on a busy machine, whose disk may stall.
constexpr auto slack = sanitized ? 10s : 5s;

Instance instance_of(const std::string& id, uint16_t port = 80, std::map<std::string, std::string> labels = {}) {
    return {.service = "web", .id = id, .address = "10.0.0.5", .port = port, .labels = std::move(labels)};
}

std::unique_ptr<Registration> enter(const Registry& registry, Instance instance, RegistrationOptions options = {}) {
    auto registration = registry.register_instance(std::move(instance), std::move(options));
    if (!registration) throw std::runtime_error(to_string(registration.error()));
    return *std::move(registration);
}

std::string ids(const std::vector<Instance>& instances) {
    std::string all;
    for (const Instance& instance : instances) all += (all.empty() ? "" : " ") + instance.id;
    return all;
}

std::string found(const Registry& registry, const FindOptions& options = {}) {
    const auto result = registry.find("web", options);
    return result ? ids(result->instances) : to_string(result.error());
}

std::unique_ptr<ServiceView> open_view(const std::shared_ptr<Client>& client, ServiceViewOptions options = {}) {
    auto view = ServiceView::open(client, "web", std::move(options));
    if (!view) throw std::runtime_error(to_string(view.error()));
    REQUIRE((*view)->wait_current(20s));
    return *std::move(view);
}

// What was said, in order: states of a registration, changes of a view.
class Told {
public:
    void say(const std::string& word) {
        const std::lock_guard lock(mutex_);
        text_ += (text_.empty() ? "" : ", ") + word;
    }
    std::string text() const {
        const std::lock_guard lock(mutex_);
        return text_;
    }
    auto states() {
        return [this](State state, const Error& reason) {
            say(std::string(to_string(state)) + (reason.code == Code::ok ? "" : " " + std::string(to_string(reason.code))));
        };
    }
    auto changes() {
        return [this](const std::vector<InstanceChange>& list) {
            for (const InstanceChange& change : list) {
                const Instance& shown = change.after ? *change.after : *change.before;
                say((!change.before ? "+" : !change.after ? "-" : "~") + shown.id);
            }
        };
    }

private:
    mutable std::mutex mutex_;
    std::string text_;
};

}  // namespace

TEST_CASE("discovery: who registers is found as it is, until it deregisters", "[integration][discovery]") {
    const OneHub one;
    const auto client = one.hub.client();
    const Registry registry(client);
    CHECK(found(registry) == "");
    Told told, states;
    const auto view = open_view(client, {.on_change = told.changes()});
    CHECK(view->instances()->empty());
    auto a = enter(registry, instance_of("a", 80, {{"zone", "x"}}), {.on_state = states.states()});
    auto b = enter(registry, instance_of("b", 81, {{"zone", "y"}}));
    auto options = one.hub.client_options();
    options.feed_endpoints.clear();
    const auto streaming = *Client::connect(options);
    const auto passing = open_view(streaming, {.find = {*Selector::parse({"zone=y"}), true}});
    CHECK(found(registry) == "a b");
    CHECK(found(registry, {*Selector::parse({"zone=x"}), false}) == "a");
    CHECK(found(registry, {*Selector::parse({"zone!=x"}), false}) == "b");
    CHECK(ids(*passing->instances()) == "b");
    const auto key = client->get("services/web/a");
    REQUIRE(key);
    CHECK(key->lease.value != 0);
    CHECK(key->content_type == "application/json");

    b->report(Health::warning, "the cache\nis cold");
    REQUIRE(b->sync(10s));
    CHECK(found(registry, {{}, true}) == "a");
    REQUIRE(a->set_labels({{"zone", "y"}}));
    CHECK(a->set_weight(70'000).error().code == Code::invalid_argument);
    REQUIRE(a->set_weight(7));
    REQUIRE(a->sync(10s));
    CHECK(wait_for([&] { return ids(*passing->instances()) == "a"; }));
    const auto now = registry.find("web");
    REQUIRE(now->instances.size() == 2);
    CHECK(now->instances[0].weight == 7);
    CHECK(now->instances[0].changed > now->instances[0].created);
    CHECK(now->instances[1].note == "the cache is cold");
    CHECK(wait_for([&] { return *view->instances() == now->instances; }));
    CHECK(view->staleness() < 10s);
    CHECK(registry.services().value() == std::vector<ServiceFacts>{{"web", 1, 1, 0}});

    REQUIRE(client->put("services/web/c", "10.0.0.5:80"));
    CHECK(wait_for([&] { return view->unreadable() == 1; }));
    CHECK(registry.find("web")->unreadable.size() == 1);
    CHECK(found(registry) == "a b");
    CHECK(a->deregister());
    CHECK(a->deregister());
    CHECK(found(registry) == "b");
    b.reset();
    CHECK(found(registry) == "");
    CHECK(client->leases()->empty());
    CHECK(wait_for([&] { return view->instances()->empty() && passing->instances()->empty(); }));
    CHECK(states.text() == "registered");
    CHECK(told.text().starts_with("+a, +b, "));
    CHECK(told.text().ends_with("-a, -b"));
}

TEST_CASE("discovery: what cannot be registered is refused at once", "[integration][discovery]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    const auto code = [&](Instance instance, RegistrationOptions options = {}) {
        return registry.register_instance(std::move(instance), std::move(options)).error().code;
    };
    CHECK(code(instance_of("A")) == Code::invalid_argument);
    CHECK(code(instance_of("a"), {.ttl = 0s}) == Code::invalid_argument);
    CHECK(code(instance_of("a"), {.checks = {Check{}}}) == Code::invalid_argument);
    CHECK(code(instance_of("a"), {.checks = std::vector<Check>(17)}) == Code::too_large);
    CHECK(code(instance_of("a"), {.ttl = 800h}) == Code::invalid_argument);  // the hub's word: a month at most
    CHECK(registry.find("Web").error().code == Code::invalid_argument);
    CHECK(ServiceView::open(one.hub.client(), "a/b").error().code == Code::invalid_argument);
}

TEST_CASE("discovery: an id belongs to who registered it last, and a key that was deleted comes back",
          "[integration][discovery]") {
    const OneHub one;
    const auto client = one.hub.client();
    const Registry registry(client);
    Told first_told, second_told;
    const auto first = enter(registry, instance_of("a", 80), {.look_interval = 100ms, .on_state = first_told.states()});
    REQUIRE(client->erase(KeyRange::one("services/web/a")));
    CHECK(wait_for([&] { return found(registry) == "a"; }));
    const auto second = enter(registry, instance_of("a", 81), {.look_interval = 100ms, .on_state = second_told.states()});
    CHECK(wait_for([&] { return first->state() == State::displaced; }));
    CHECK(first->sync(1s).error().code == Code::conflict);
    first->report(Health::critical);
    std::this_thread::sleep_for(300ms);
    CHECK(second->state() == State::registered);
    CHECK(registry.find("web")->instances.at(0).port == 81);
    CHECK(first_told.text() == "registered, displaced conflict");
    // By hand: its lease. It is not kept from coming back.
    REQUIRE(client->revoke_lease(client->get("services/web/a")->lease));
    CHECK(wait_for([&] { return second->times_registered() == 2; }, 20s));
    CHECK(registry.find("web")->instances.at(0).port == 81);
    CHECK(second_told.text() == "registered, registering not_found, registered");
}

TEST_CASE("discovery: without a beat it is critical, then gone, and with one it is there again",
          "[integration][discovery]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    Told told;
    const auto view = open_view(one.hub.client(), {.on_change = told.changes()});
    constexpr auto beat_ttl = sanitized ? 3000ms : 600ms;
    const auto a = enter(registry, instance_of("a"), {.beat_ttl = beat_ttl});
    Clock::time_point last;
    for (const auto end = Clock::now() + beat_ttl * 2; Clock::now() < end; std::this_thread::sleep_for(20ms)) {
        last = Clock::now();
        a->beat();
    }
    CHECK(found(registry, {{}, true}) == "a");
    CHECK(wait_for([&] { return found(registry) == "a" && found(registry, {{}, true}) == ""; }, beat_ttl + slack));
    CHECK(Clock::now() - last >= beat_ttl - 50ms);
    CHECK(wait_for([&] { return found(registry) == ""; }, beat_ttl + slack));
    CHECK(Clock::now() - last >= 2 * beat_ttl - 50ms);
    CHECK(wait_for([&] { return a->state() == State::withdrawn; }));
    CHECK(a->sync(1s).error().code == Code::unavailable);
    a->beat();
    CHECK(a->sync(10s));
    CHECK(a->times_registered() == 2);
    CHECK(found(registry, {{}, true}) == "a");
    CHECK(wait_for([&] { return told.text().starts_with("+a, ~a, -a, +a"); }));
}

TEST_CASE("discovery: one that is killed is gone within its lease and a second; one that is stopped too, and comes back",
          "[integration][discovery]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    const auto view = open_view(one.hub.client());
    const std::string output = one.directory.path() + "/output";
    constexpr auto ttl = 2s;
    const auto line = [&](const char* id) {
        return one.line({"service", "register", "web", "--address", "10.0.0.5", "--port", "80", "--id", id, "--ttl", "2s"});
    };
    Process killed(line("killed"), output + "1");
    Process stopped(line("stopped"), output + "2");
    REQUIRE(wait_for([&] { return ids(*view->instances()) == "killed stopped"; }, 20s));
    const auto created = view->instances()->at(1).created;
    const auto begin = Clock::now();
    killed.signal(SIGKILL);
    stopped.signal(SIGSTOP);
    CHECK(killed.wait(20) == 128 + SIGKILL);
    CHECK(wait_for([&] { return view->instances()->empty(); }, ttl + 1s + slack));
    CHECK(Clock::now() - begin >= ttl - ttl / 3 - 200ms);  // the last keep-alive was a third of the time before, at most
    CHECK(found(registry) == "");
    stopped.signal(SIGCONT);
    CHECK(wait_for([&] { return ids(*view->instances()) == "stopped"; }, 5s + slack));
    CHECK(view->instances()->at(0).created > created);
    CHECK(wait_for([&] { return read_text(output + "2").ends_with("belfry: registered\n"); }));
    CHECK(read_text(output + "2").starts_with("OK web/stopped 10.0.0.5:80\nbelfry: registering: "));
    stopped.signal(SIGTERM);
    CHECK(stopped.wait(20) == 0);
    CHECK(found(registry) == "");
}

TEST_CASE("discovery: nobody vanishes while the leader of three is killed, and views stay right",
          "[integration][cluster][discovery]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    constexpr uint16_t count = 9;
    constexpr auto ttl = sanitized ? 20s : 5s;
    Told states;
    std::vector<std::unique_ptr<Registration>> registrations;
    for (uint16_t i = 0; i < count; ++i) {
        const Registry registry(cluster.client(ttl / 2, 1 + i % 3));
        registrations.push_back(
            enter(registry, instance_of("i" + std::to_string(i)), {.ttl = ttl, .on_state = states.states()}));
    }
    Told told;
    std::vector<std::unique_ptr<ServiceView>> views;
    for (const uint64_t member : cluster.ids()) {
        views.push_back(open_view(cluster.client(1s, member), {.on_change = told.changes()}));
        REQUIRE(wait_for([&] { return views.back()->instances()->size() == count; }));
    }
    // A view shows a change before it tells of it.
    const auto told_of = [&] { return std::ranges::count(told.text(), '+'); };
    REQUIRE(wait_for([&] { return told_of() == count * std::ssize(views); }));
    const std::string before = told.text();
    cluster.at(leader).kill();
    // Longer than any lease lives that nobody keeps alive.
    bool all_there = true;
    for (const auto end = Clock::now() + ttl + 1s; Clock::now() < end; std::this_thread::sleep_for(10ms)) {
        for (const auto& view : views) all_there = all_there && view->instances()->size() == count;
    }
    CHECK(all_there);
    CHECK(told.text() == before);
    CHECK(states.text() ==
          "registered, registered, registered, registered, registered, registered, registered, registered, "
          "registered");
    // And they follow: a change, one that leaves, one that comes.
    registrations[0]->report(Health::critical, "after the fail-over");
    REQUIRE(registrations[0]->sync(20s));
    registrations.pop_back();
    const Registry registry(cluster.client(5s, 1 + leader % 3));
    registrations.push_back(enter(registry, instance_of("later")));
    const auto now = registry.find("web");
    REQUIRE(now);
    CHECK(ids(now->instances) == "i0 i1 i2 i3 i4 i5 i6 i7 later");
    CHECK(now->instances[0].health == Health::critical);
    for (const auto& view : views) CHECK(wait_for([&] { return *view->instances() == now->instances; }, 20s));
}

TEST_CASE("discovery: without a hub an instance waits, a view stays, and both go on when there is one",
          "[integration][discovery]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    const Registry registry(hub.client(500ms));
    CHECK(registry.register_instance(instance_of("a")).error().code == Code::unavailable);
    const auto patient = enter(registry, instance_of("a"), {.ttl = 2s, .look_interval = 100ms, .wait_for_hub = false});
    CHECK(patient->state() == State::registering);
    REQUIRE(hub.start());
    CHECK(patient->sync(20s));
    const auto view = open_view(hub.client(500ms));
    CHECK(ids(*view->instances()) == "a");
    const auto cpu_before = cpu_time(CLOCK_PROCESS_CPUTIME_ID);
    hub.kill();
    CHECK(wait_for([&] { return patient->state() == State::registering && view->staleness() > 2s; }, 20s));
    CHECK(cpu_time(CLOCK_PROCESS_CPUTIME_ID) - cpu_before < (sanitized ? 5s : 250ms));  // it does not ask without a pause
    CHECK(ids(*view->instances()) == "a");
    REQUIRE(hub.start());
    CHECK(patient->sync(20s));
    CHECK(patient->times_registered() == 2);
    CHECK(wait_for([&] { return view->staleness() < 2s && ids(*view->instances()) == "a"; }, 20s));
    CHECK(found(registry) == "a");
}

// The hub gives all leases their whole time once more when it starts: the key is there, with a lease that was lost.
TEST_CASE("discovery: who deregisters after his lease was lost is gone at once too", "[integration][discovery]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const Registry registry(hub.client(2s));
    const auto a = enter(registry, instance_of("a"), {.ttl = 5s});
    hub.kill();
    REQUIRE(wait_for([&] { return a->state() == State::registering; }, 20s));
    REQUIRE(hub.start());
    CHECK(a->deregister());
    CHECK(found(registry) == "");
    CHECK(a->deregister());
}
