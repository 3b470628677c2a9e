// Locks on real hubs: one holder at a time, in the order of asking, one woken at a time; also while leaders are killed, and
// when the holder is the one who is paused.
#include "sdk/recipes/lock.hpp"

#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>

#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

struct OneHub {
    TemporaryDirectory directory;
    HubProcess hub{directory.path() + "/data"};

    OneHub() {
        const bool started = hub.start();
        INFO(hub.log());
        REQUIRE(started);
    }
    std::vector<std::string> line(std::vector<std::string> words) const {
        words.insert(words.begin(), {program("belfry"), "--endpoint", hub.client_options().endpoints[0]});
        return words;
    }
    Outcome run(std::vector<std::string> words) const { return run_program(line(std::move(words))); }
};

std::shared_ptr<const Lease> lease_of(const std::shared_ptr<Client>& client, std::chrono::seconds ttl = 10s) {
    auto lease = Lease::grant(client, {.ttl = ttl});
    if (!lease) throw std::runtime_error(to_string(lease.error()));
    return std::move(*lease);
}

bool wait_for(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
    const auto end = Clock::now() + patience;
    while (!condition()) {
        if (Clock::now() >= end) return false;
        std::this_thread::sleep_for(5ms);
    }
    return true;
}

size_t in_line(Client& client, const Bytes& name) {
    const auto line = recipes::read_line(client, name, true);
    return line ? line->size() : 0;
}

// From when to when somebody held the lock, as he knew it himself.
struct Turn {
    Revision token;
    Clock::time_point from, until;
};

class Turns {
public:
    void add(const Turn& turn) {
        const std::lock_guard lock(mutex_);
        turns_.push_back(turn);
    }
    size_t count() const {
        const std::lock_guard lock(mutex_);
        return turns_.size();
    }
    // Sorted by time they are sorted by token, and none begins before the one before it has ended.
    void check() {
        const std::lock_guard lock(mutex_);
        std::sort(turns_.begin(), turns_.end(), [](const Turn& a, const Turn& b) { return a.from < b.from; });
        for (size_t i = 1; i < turns_.size(); ++i) {
            INFO("turn " << i << " of " << turns_.size());
            CHECK(turns_[i].token > turns_[i - 1].token);
            CHECK(turns_[i].from >= turns_[i - 1].until);
        }
    }

private:
    mutable std::mutex mutex_;
    std::vector<Turn> turns_;
};

}  // namespace

TEST_CASE("lock: 8 contenders count to 160 with a counter that nothing else protects", "[integration][lock]") {
    const OneHub one;
    constexpr int contenders = 8, rounds = 20;
    std::atomic<int> counter = 0, failures = 0;
    Turns turns;
    std::vector<std::thread> threads;
    for (int i = 0; i < contenders; ++i) {
        threads.emplace_back([&] {
            const auto client = one.hub.client();
            Lock lock(client, lease_of(client), "counter");
            for (int round = 0; round < rounds; ++round) {
                if (!lock.lock(30s)) ++failures;
                const auto from = Clock::now();
                const int read = counter.load(std::memory_order_relaxed);
                std::this_thread::sleep_for(1ms);
                counter.store(read + 1, std::memory_order_relaxed);
                turns.add({lock.fencing_token(), from, Clock::now()});
                if (!lock.unlock()) ++failures;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(counter == contenders * rounds);
    CHECK(turns.count() == contenders * rounds);
    turns.check();
    CHECK(in_line(*one.hub.client(), "counter") == 0);
}

TEST_CASE("lock: it is taken in the order of asking, and who leaves wakes one", "[integration][lock]") {
    const OneHub one;
    constexpr size_t waiters = 12;
    const auto client = one.hub.client();
    Lock holder(client, lease_of(client), "queue");
    REQUIRE(holder.lock(5s));

    std::mutex mutex;
    std::vector<size_t> order;
    std::vector<uint64_t> looks(waiters);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < waiters; ++i) {
        threads.emplace_back([&, i] {
            recipes::Place place(client, lease_of(client), "queue");
            // The sixth gives up while it waits, and the one behind it must not take it for its turn.
            const auto patience = recipes::Patience::of(i == 5 ? 1s : 20s);
            const bool first = place.join("", patience) && place.wait(patience);
            {
                const std::lock_guard lock(mutex);
                if (first) order.push_back(i);
                looks[i] = place.looks();
            }
            (void)place.leave();
        });
        REQUIRE(wait_for([&] { return in_line(*client, "queue") == i + 2; }, 5s));
    }
    REQUIRE(wait_for([&] { return in_line(*client, "queue") == waiters; }, 5s));
    std::this_thread::sleep_for(300ms);
    {
        const std::lock_guard lock(mutex);
        CHECK(order.empty());
    }
    REQUIRE(holder.unlock());
    for (auto& thread : threads) thread.join();
    CHECK((order == std::vector<size_t>{0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11}));
    for (size_t i = 0; i < waiters; ++i) {
        INFO("waiter " << i);
        // At the beginning and when the one ahead had gone; the sixth never had its turn, the seventh saw two go.
        CHECK(looks[i] == (i == 5 ? 1 : i == 6 ? 3 : 2));
    }
}

TEST_CASE("lock: who does not get it leaves no trace, and names keep apart", "[integration][lock]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto lease = lease_of(client);
    Lock first(client, lease, "a", {.value = "first"});
    Lock second(client, lease, "a");  // of the same lease, and still another one
    CHECK(first.try_lock().value());
    CHECK(first.held());
    CHECK(first.try_lock().error().code == Code::conflict);
    CHECK(first.lock(1s).error().code == Code::conflict);
    CHECK_FALSE(second.try_lock().value());
    const auto begin = Clock::now();
    CHECK(second.lock(300ms).error().code == Code::timeout);
    CHECK(Clock::now() - begin >= 300ms);
    CHECK(Clock::now() - begin < 2s);
    CHECK_FALSE(second.held());
    std::atomic<bool> cancelled = false;
    Lock third(client, lease, "a", {.cancelled = [&] { return cancelled.load(); }});
    std::thread later([&] { std::this_thread::sleep_for(200ms), cancelled = true; });
    CHECK(third.lock(1h).error().code == Code::timeout);
    later.join();
    REQUIRE(in_line(*client, "a") == 1);
    CHECK(client->get(first.key())->value == "first");
    CHECK(client->get(first.key())->create_revision == first.fencing_token());

    Lock deeper(client, lease, "a/b");
    CHECK(deeper.try_lock().value());
    CHECK(in_line(*client, "a") == 1);
    REQUIRE(client->put("a/note", "something else"));
    REQUIRE(first.unlock());
    CHECK_FALSE(first.held());
    CHECK(second.try_lock().value());
    CHECK(Lock(client, lease, "").try_lock().error().code == Code::invalid_argument);
    CHECK(Lock(client, lease, Bytes(460, 'x')).lock(1s).error().code == Code::invalid_argument);
}

TEST_CASE("lock: who lost it writes nothing that is guarded, and the next has a greater token", "[integration][lock]") {
    const OneHub one;
    const auto client = one.hub.client();
    auto short_lease = Lease::grant(client, {.ttl = 1s});
    REQUIRE(short_lease);
    const std::shared_ptr<Lease> lease = std::move(*short_lease);
    Lock first(client, lease, "x");
    Lock second(one.hub.client(), lease_of(one.hub.client()), "x");
    REQUIRE(first.lock(5s));
    const auto write = [&](const Lock& lock, const char* value) {
        protocol::TxnRequest txn;
        txn.compares = {lock.guard()};
        txn.then_ops.push_back({protocol::PutRequest{"result", value, {}}});
        const auto done = client->txn(std::move(txn));
        return done && done->succeeded;
    };
    CHECK(write(first, "first"));
    lease->release();  // as if this process did not come to keep it alive
    REQUIRE(second.lock(5s));
    CHECK(Clock::now() >= lease->expires_at());
    CHECK_FALSE(first.held());
    CHECK(second.fencing_token() > first.fencing_token());
    CHECK_FALSE(write(first, "late"));
    CHECK(write(second, "second"));
    CHECK(client->get("result")->value == "second");
    CHECK(first.unlock());
    CHECK(first.lock(1s).error().code == Code::not_found);
    CHECK(second.held());
}

TEST_CASE("lock: never two holders while the leader of three is killed", "[integration][cluster][lock]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    std::atomic<bool> stop = false;
    Turns turns;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 5; ++i) {
        const auto client = cluster.client(1s, 1 + i % 3);
        threads.emplace_back([&, client] {
            while (!stop) {
                auto lease = Lease::grant(client, {.ttl = 3s});
                if (!lease) continue;
                const std::shared_ptr<const Lease> shared = std::move(*lease);
                Lock lock(client, shared, "x");
                while (!stop && shared->alive()) {
                    if (!lock.lock(1s)) continue;
                    const auto from = Clock::now();
                    std::this_thread::sleep_for(10ms);
                    turns.add({lock.fencing_token(), from, std::min(Clock::now(), shared->expires_at())});
                    (void)lock.unlock();
                }
            }
        });
    }
    std::this_thread::sleep_for(1500ms);
    CHECK(turns.count() > 10);
    cluster.at(leader).kill();
    std::this_thread::sleep_for(4s);
    const size_t before = turns.count();
    CHECK(cluster.at(leader).start());
    std::this_thread::sleep_for(2s);
    CHECK(turns.count() > before + 10);
    stop = true;
    for (auto& thread : threads) thread.join();
    INFO(cluster.logs());
    turns.check();
}
