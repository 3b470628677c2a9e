// Leases on real hubs: keys that live as long as somebody keeps them alive, and not much longer; also while leaders are
// killed, and when the holder is the one who is paused.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <future>
#include <thread>

#include "sdk/client/lease.hpp"
#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

auto lines_of(const std::string& path) {
    const std::string text = read_text(path);
    return std::count(text.begin(), text.end(), '\n');
}

// Reads a key again and again, and notes since when it is gone.
class KeyWatch {
public:
    KeyWatch(std::shared_ptr<Client> client, Bytes key) : client_(std::move(client)), key_(std::move(key)) {
        thread_ = std::thread([this] { run(); });
    }
    ~KeyWatch() {
        stop_ = true;
        thread_.join();
    }
    KeyWatch(const KeyWatch&) = delete;
    KeyWatch& operator=(const KeyWatch&) = delete;

    bool gone() const { return gone_; }
    uint64_t seen() const { return seen_; }
    Clock::time_point gone_at() const { return gone_at_; }      // the first answer that it is not there
    Clock::time_point last_seen() const { return last_seen_; }  // before that, when the last read that found it was sent

private:
    void run() {
        while (!stop_ && !gone_) {
            const auto sent = Clock::now();
            const auto got = client_->get(key_);
            if (got) ++seen_, last_seen_ = sent;
            if (!got && got.error().code == Code::not_found) gone_at_ = Clock::now(), gone_ = true;
            std::this_thread::sleep_for(10ms);
        }
    }

    std::shared_ptr<Client> client_;
    const Bytes key_;
    std::atomic<bool> stop_{false}, gone_{false};
    std::atomic<uint64_t> seen_{0};
    std::atomic<Clock::time_point> gone_at_{}, last_seen_{};
    std::thread thread_;
};

}  // namespace

TEST_CASE("lease: the command grants, shows, revokes, and exits as a script expects", "[integration][lease]") {
    const OneHub one;
    CHECK(one.run({"lease", "list"}).output.empty());
    CHECK(one.run({"lease", "grant", "1m", "--id", "7"}).output == "OK lease 7, 60 s\n");
    CHECK(one.exit_of({"lease", "grant", "1m", "--id", "7"}) == 1);
    CHECK(one.exit_of({"lease", "grant", "1000h"}) == 5);
    const Outcome chosen = one.run({"lease", "grant", "90", "-o", "json"});
    CHECK(chosen.exit_code == 0);
    CHECK(chosen.output.starts_with("{\"lease\":"));
    CHECK(chosen.output.ends_with(",\"ttl_s\":90}\n"));

    for (const char* key : {"a/1", "a/2", "a/3"}) CHECK(one.exit_of({"put", key, "v", "--lease", "7"}) == 0);
    CHECK(one.exit_of({"put", "a/3", "mine"}) == 0);  // bound no more
    const Outcome shown = one.run({"lease", "timetolive", "7", "--keys"});
    CHECK(has(shown.output, "lease      7\nttl        60 s\nremaining  "));
    CHECK(shown.output.ends_with("key        a/1\nkey        a/2\n"));
    const Outcome json = one.run({"lease", "timetolive", "7", "--keys", "-o", "json"});
    CHECK(json.output.starts_with("{\"lease\":7,\"ttl_s\":60,\"remaining_ms\":"));
    CHECK(json.output.ends_with(",\"keys\":[\"a/1\",\"a/2\"]}\n"));
    const Outcome list = one.run({"lease", "list"});
    CHECK(std::count(list.output.begin(), list.output.end(), '\n') == 2);
    CHECK(has(list.output, "7\tttl 60 s\tremaining "));
    CHECK(one.run({"lease", "list", "-o", "json"}).output.starts_with("[{\"lease\":"));
    CHECK(one.run({"lease", "keep-alive", "7", "--once"}).output == "lease 7 kept alive, 60 s\n");
    CHECK(one.run({"lease", "keep-alive", "7", "--once", "-o", "json"}).output == "{\"lease\":7,\"ttl_s\":60}\n");

    CHECK(one.run({"lease", "revoke", "7"}).output == "OK lease 7 revoked, 2 keys deleted\n");
    CHECK(one.exit_of({"get", "a/1"}) == 1);
    CHECK(one.exit_of({"get", "a/3"}) == 0);
    CHECK(one.exit_of({"put", "a/1", "v", "--lease", "7"}) == 1);
    CHECK(one.exit_of({"get", "a/1"}) == 1);
    CHECK(one.exit_of({"lease", "revoke", "7"}) == 1);
    CHECK(one.exit_of({"lease", "timetolive", "7"}) == 1);
    CHECK(one.exit_of({"lease", "keep-alive", "7"}) == 1);
    const Outcome error = one.run({"lease", "keep-alive", "7", "-o", "json"});
    CHECK(has(error.output, "{\"error\":\"not_found\","));
    CHECK(has(error.output, "\"exit\":1}"));
}

TEST_CASE("lease: a key lives as long as its lease is kept alive, and a second more at most", "[integration][lease]") {
    OneHub one;
    auto client = one.hub.client();
    // An end is a write, which waits for a disk that stalls; then try again.
    constexpr int attempts_max = 4;
    bool in_time = false;
    for (int attempt = 0; attempt < attempts_max && !in_time; ++attempt) {
        const auto begin = Clock::now();
        const auto lease = client->grant_lease(2s);
        REQUIRE(lease);
        const bool bound = client->put("k", "v", {.lease = lease->lease}).ok();
        if (Clock::now() - begin > 700ms) continue;
        REQUIRE(bound);
        const KeyWatch watch(one.hub.client(), "k");
        Clock::time_point sent, answered;
        for (int times = 0; times < 3; ++times) {
            std::this_thread::sleep_for(1s);
            sent = Clock::now();
            const auto kept = client->keep_alive({lease->lease});
            answered = Clock::now();
            REQUIRE(kept);
            REQUIRE(kept->front() == 2s);
            REQUIRE_FALSE(watch.gone());
        }
        REQUIRE(wait_for([&] { return watch.gone(); }));
        CHECK(watch.gone_at() >= sent + 2s);
        in_time = watch.gone_at() <= answered + 3s;
        CHECK(client->keep_alive({lease->lease})->front() == 0s);
        const auto put = client->put("k", "v", {.lease = lease->lease});
        REQUIRE_FALSE(put);
        CHECK(put.error().code == Code::not_found);
        const auto history = client->history({"k", 0, {}});
        REQUIRE(history);
        CHECK(history->versions.front().type == EventType::erase);
    }
    CHECK(in_time);
}

TEST_CASE("lease: of 3,000 keys all go with it, and all are named before", "[integration][lease]") {
    OneHub one;
    auto client = one.hub.client();
    const auto lease = client->grant_lease(600s);
    REQUIRE(lease);
    std::vector<std::future<Result<protocol::Reply>>> puts;
    for (int i = 0; i < 3000; ++i) {
        puts.push_back(client->send(protocol::PutRequest{"many/" + std::to_string(i), "v", lease->lease}));
    }
    for (auto& put : puts) REQUIRE(put.get());
    std::vector<std::future<Result<protocol::Reply>>> grants;
    for (int i = 0; i < 1500; ++i) grants.push_back(client->send(protocol::LeaseGrantRequest{{}, 600}));
    for (auto& grant : grants) REQUIRE(grant.get());
    const auto facts = client->lease_time_to_live(lease->lease, true);
    REQUIRE(facts);
    CHECK(facts->keys.size() == 3000);
    CHECK(std::is_sorted(facts->keys.begin(), facts->keys.end()));
    CHECK(client->leases()->size() == 1501);
    REQUIRE(client->revoke_lease(lease->lease));
    protocol::RangeRequest rest;
    rest.range = KeyRange::prefix("many/");
    CHECK(wait_for([&] { return client->range(rest)->count == 0; }));
}

TEST_CASE("lease: `keep-alive` goes on until a signal, or says that the lease has ended", "[integration][lease]") {
    const OneHub one;
    REQUIRE(one.exit_of({"lease", "grant", "2", "--id", "7"}) == 0);
    const std::string output = one.directory.path() + "/output";
    {
        Process keeper(one.line({"lease", "keep-alive", "7"}), output);
        REQUIRE(wait_for([&] { return lines_of(output) >= 5; }));  // three in the time that it lives
        CHECK(one.exit_of({"lease", "timetolive", "7"}) == 0);
        keeper.signal(SIGINT);
        CHECK(keeper.wait(20) == 0);
    }
    CHECK(read_text(output).starts_with("lease 7 kept alive, 2 s\n"));
    Process keeper(one.line({"lease", "keep-alive", "7"}), output + "2");
    REQUIRE(wait_for([&] { return lines_of(output + "2") >= 1; }));
    REQUIRE(one.exit_of({"lease", "revoke", "7"}) == 0);
    CHECK(keeper.wait(20) == 1);
    CHECK(has(read_text(output + "2"), "not_found: there is no lease 7"));
}

TEST_CASE("lease: a holder that was stopped for longer hears it when it goes on", "[integration][lease]") {
    const OneHub one;
    REQUIRE(one.exit_of({"lease", "grant", "3", "--id", "7"}) == 0);
    REQUIRE(one.exit_of({"put", "k", "v", "--lease", "7"}) == 0);
    const std::string output = one.directory.path() + "/output";
    Process keeper(one.line({"lease", "keep-alive", "7"}), output);
    REQUIRE(wait_for([&] { return lines_of(output) >= 1; }));
    REQUIRE(one.exit_of({"get", "k"}) == 0);
    keeper.signal(SIGSTOP);
    CHECK(wait_for([&] { return one.exit_of({"get", "k"}) == 1; }));
    CHECK(keeper.wait(0) == -1);
    keeper.signal(SIGCONT);
    CHECK(keeper.wait(20) == 1);
    CHECK(has(read_text(output), "not_found: there is no lease 7"));
}

TEST_CASE("lease: a hub that is killed and comes back ends no lease that is kept alive", "[integration][lease]") {
    OneHub one;
    std::atomic<int> losses{0};
    auto lease = Lease::grant(one.hub.client(2s), {.ttl = 5s, .on_lost = [&](const Error&) { ++losses; }});
    REQUIRE(lease);
    REQUIRE(one.hub.client()->put("k", "v", {.lease = (*lease)->id()}));
    const KeyWatch watch(one.hub.client(), "k");
    std::this_thread::sleep_for(300ms);
    one.hub.kill();
    REQUIRE(one.hub.start());
    std::this_thread::sleep_for(5500ms);
    CHECK((*lease)->alive());
    CHECK(losses == 0);
    CHECK_FALSE(watch.gone());
    lease->reset();
    CHECK(wait_for([&] { return watch.gone(); }, 3s));  // revoked, not waited for
    CHECK(one.hub.stop() == 0);
}

TEST_CASE("lease: a key is there across the death of a leader and the pause of the next, and gone in time",
          "[integration][cluster][lease]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    std::atomic<int> losses{0};
    auto granted = Lease::grant(cluster.client(2s, leader), {.ttl = 4s, .on_lost = [&](const Error&) { ++losses; }});
    REQUIRE(granted);
    Lease& lease = **granted;
    REQUIRE(cluster.client()->put("k", "v", {.lease = lease.id()}));
    const KeyWatch watch(cluster.client(), "k");
    for (const int signal : {SIGKILL, SIGSTOP}) {
        std::this_thread::sleep_for(300ms);
        leader = cluster.leader();
        INFO(cluster.logs());
        REQUIRE(leader != 0);
        const uint64_t seen = watch.seen();
        cluster.at(leader).process().signal(signal);
        std::this_thread::sleep_for(4500ms);
        CHECK(watch.seen() > seen + 20);
        CHECK_FALSE(watch.gone());
        CHECK(lease.alive());
        // It goes on where it was, and believes for a moment that it leads and that the lease is over.
        cluster.at(leader).process().signal(SIGCONT);
        if (signal == SIGKILL) REQUIRE(cluster.at(leader).start());
    }
    std::this_thread::sleep_for(500ms);
    CHECK(lease.alive());
    CHECK_FALSE(watch.gone());
    CHECK(losses == 0);
    INFO(cluster.logs());
    lease.release();
    const auto released = Clock::now();
    REQUIRE(wait_for([&] { return watch.gone(); }));
    CHECK(watch.gone_at() >= lease.expires_at());
    // Within a second, on disks that do not stall.
    CHECK(watch.last_seen() <= released + 9s);
    CHECK(watch.gone_at() <= lease.expires_at() + 5s);
    CHECK_FALSE(lease.alive());
    CHECK(losses == 0);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}
