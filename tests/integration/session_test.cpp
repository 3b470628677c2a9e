// Real daemons that are killed while clients count: what a client was told it did, and nothing else, is in the counter.
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>
#include <thread>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

// Counts a key up by compare-and-put, as fast as it is answered; several of them on one key take turns.
class Counter {
public:
    Counter(std::shared_ptr<Client> client, Bytes key) : client_(std::move(client)), key_(std::move(key)) {
        thread_ = std::thread([this] { run(); });
    }
    ~Counter() { finish(); }
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;

    // How often it was told that it had counted. Errors: what it was told instead of an answer.
    uint64_t finish() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
        return counted_;
    }
    uint64_t counted() const { return counted_; }  // so often up to now
    std::vector<std::string> errors;

private:
    void run() {
        for (uint64_t seen = 0; !stop_;) {
            protocol::TxnRequest txn;
            txn.compares = {{KeyRange::one(key_), protocol::Compare::Target::value, protocol::Compare::Op::equal, 0,
                             std::to_string(seen)}};
            txn.then_ops = {{protocol::PutRequest{key_, std::to_string(seen + 1), {}, false}}};
            const auto answer = client_->txn(txn);
            if (!answer) {
                errors.push_back(to_string(answer.error()));
            } else if (answer->succeeded) {
                ++seen, ++counted_;
                continue;
            }
            if (const auto now = client_->get(key_)) seen = std::stoull(now->value);
        }
    }

    std::shared_ptr<Client> client_;
    const Bytes key_;
    std::atomic<uint64_t> counted_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

// So often at least each key was counted up, by all of its counters.
bool come_to(const std::vector<std::unique_ptr<Counter>>& counters, const std::vector<Bytes>& keys, uint64_t count) {
    std::map<Bytes, uint64_t> told;
    for (size_t i = 0; i < counters.size(); ++i) told[keys[i]] += counters[i]->counted();
    return std::all_of(told.begin(), told.end(), [&](const auto& entry) { return entry.second >= count; });
}

// Nobody was left in doubt, and the counters hold what their clients were told.
void check(Client& client, std::vector<std::unique_ptr<Counter>>& counters, const std::vector<Bytes>& keys) {
    std::map<Bytes, uint64_t> told;
    for (size_t i = 0; i < counters.size(); ++i) {
        told[keys[i]] += counters[i]->finish();
        for (const std::string& error : counters[i]->errors) FAIL_CHECK("counter " << i << ": " << error);
    }
    for (const auto& [key, count] : told) {
        const auto now = client.get(key);
        REQUIRE(now.ok());
        CHECK(std::stoull(now->value) == count);
        CHECK(count > 50);
    }
}

}  // namespace

TEST_CASE("session: counters are exact across 20 kills of the hub", "[integration][crash]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", {"snapshot_log_bytes=1048576"});
    REQUIRE(hub.start());
    const std::vector<Bytes> keys = {"own", "shared", "shared", "shared"};
    auto observer = hub.client(20s);
    for (const Bytes& key : keys) REQUIRE(observer->put(key, "0"));
    std::vector<std::unique_ptr<Counter>> counters;
    for (const Bytes& key : keys) counters.push_back(std::make_unique<Counter>(hub.client(20s), key));
    std::mt19937 random(9);
    for (uint64_t kills = 0; kills < 20; ++kills) {
        REQUIRE(wait_for([&] { return come_to(counters, keys, kills + 1); }));  // however slowly they come back
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 300));
        hub.kill();
        REQUIRE(hub.start());
    }
    std::this_thread::sleep_for(1s);
    CHECK(wait_for([&] { return come_to(counters, keys, 51); }));
    check(*observer, counters, keys);
    CHECK(figure(hub, "sessions") >= counters.size());
    CHECK(hub.stop() == 0);
}

TEST_CASE("session: counters are exact while leaders of three members are killed", "[integration][cluster]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const std::vector<Bytes> keys = {"own1", "own2", "shared", "shared", "shared"};
    auto observer = cluster.client(20s);
    for (const Bytes& key : keys) REQUIRE(observer->put(key, "0"));
    std::vector<std::unique_ptr<Counter>> counters;
    for (size_t i = 0; i < keys.size(); ++i) {
        counters.push_back(std::make_unique<Counter>(cluster.client(20s, i % 3 + 1), keys[i]));
    }
    for (uint64_t kills = 0; kills < 6; ++kills) {
        REQUIRE(wait_for([&] { return come_to(counters, keys, kills + 1); }));
        std::this_thread::sleep_for(400ms);
        const uint64_t leader = cluster.leader();
        INFO(cluster.logs());
        REQUIRE(leader != 0);
        cluster.at(leader).kill();
        std::this_thread::sleep_for(std::chrono::milliseconds(100 + 300 * (kills % 3)));
        REQUIRE(cluster.at(leader).start());
    }
    std::this_thread::sleep_for(1s);
    CHECK(wait_for([&] { return come_to(counters, keys, 51); }));
    INFO(cluster.logs());
    check(*observer, counters, keys);
    for (const uint64_t id : cluster.ids()) CHECK(cluster.at(id).stop() == 0);
}

// libzmq says once that there is something to receive; whoever looks at the socket for another reason must not lose that.
TEST_CASE("session: no answer lies unread while others come", "[integration][session]") {
    constexpr unsigned clients = 16, in_flight = 4, requests = 100'000;
    const TemporaryDirectory directory(memory_base());  // no answer waits for a disk
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    std::atomic<unsigned> sent{0}, done{0}, failed{0};
    std::atomic<int64_t> slowest_ms{0};
    std::function<void(Client&)> next = [&](Client& client) {
        if (sent.fetch_add(1) >= requests) return;
        const auto start = std::chrono::steady_clock::now();
        const auto answered = [&, start](const Result<protocol::Reply>& reply) {
            if (!reply || reply->error.code != Code::ok) ++failed;
            const int64_t took_ms = (std::chrono::steady_clock::now() - start) / 1ms;
            if (took_ms > slowest_ms) slowest_ms = took_ms;
            ++done;
            next(client);
        };
        if (!client.send(protocol::PutRequest{"key", "value", {}, false}, answered)) ++failed;
    };
    std::vector<std::shared_ptr<Client>> all;
    for (unsigned i = 0; i < clients; ++i) all.push_back(hub.client(24s));
    for (unsigned i = 0; i < clients * in_flight; ++i) next(*all[i % clients]);
    wait_for([&] { return done == requests; }, 120s);
    CHECK(done == requests);
    CHECK(failed == 0);
    CHECK(slowest_ms < 6000);  // what was overlooked was found after 8,000 ms, a third of the timeout
}
