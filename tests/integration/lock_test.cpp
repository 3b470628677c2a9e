// Locks on real hubs: one holder at a time, in the order of asking, one woken at a time; also while leaders are killed, and
// when the holder is the one who is paused.
#include "sdk/recipes/lock.hpp"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <mutex>
#include <thread>

#include "sdk/recipes/barrier.hpp"
#include "sdk/recipes/presence.hpp"
#include "sdk/recipes/semaphore.hpp"
#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/recipes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

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
    std::atomic<bool> sixth_gives_up = false;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < waiters; ++i) {
        threads.emplace_back([&, i] {
            recipes::Place place(client, lease_of(client), "queue");
            // The sixth gives up while it waits, and the one behind it must not take it for its turn.
            const auto patience = recipes::Patience::of(60s, [&, i] { return i == 5 && sixth_gives_up; });
            const bool first = place.join("", patience) && place.wait(patience);
            {
                const std::lock_guard lock(mutex);
                if (first) order.push_back(i);
                looks[i] = place.looks();
            }
            (void)place.leave();
        });
        REQUIRE(wait_for([&] { return in_line(*client, "queue") == i + 2; }));
    }
    sixth_gives_up = true;
    REQUIRE(wait_for([&] { return in_line(*client, "queue") == waiters; }));
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
    CHECK(Clock::now() - begin < 10s);
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
    auto short_lease = Lease::grant(client, {.ttl = 2s});
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
    REQUIRE(second.lock(20s));
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

TEST_CASE("lock: what could not be given back while the hub was away is given back afterwards, though the lease lives on",
          "[integration][lock]") {
    OneHub one;
    const auto client = one.hub.client(1s), others = one.hub.client();
    const auto lease = lease_of(client, 30s);  // the process's own, for all that it does
    {
        Lock lock(client, lease, "a");
        Semaphore permit(client, lease, "b", 1);
        Presence here(client, lease, "c");
        Barrier barrier(client, lease, "d");
        REQUIRE(lock.lock(20s));
        REQUIRE(permit.acquire(20s));
        REQUIRE(here.join("", 20s));
        REQUIRE(barrier.hold());
        one.hub.kill();
        CHECK_FALSE(lock.unlock());
    }
    REQUIRE(one.hub.start());
    const auto other_lease = lease_of(others, 60s);
    Lock lock(others, other_lease, "a");
    Semaphore permit(others, other_lease, "b", 1);
    CHECK(lock.lock(60s));
    CHECK(permit.acquire(60s));
    CHECK(wait_for([&] { return Presence::list(*others, "c")->empty(); }, 60s));
    CHECK(Barrier::wait(others, "d", 60s));
    CHECK(lease->alive());
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
    const auto goes_on = [&] { return wait_for([&, before = turns.count()] { return turns.count() > before + 10; }, 30s); };
    CHECK(goes_on());
    cluster.at(leader).kill();
    std::this_thread::sleep_for(4s);
    CHECK(cluster.at(leader).start());
    CHECK(goes_on());
    stop = true;
    for (auto& thread : threads) thread.join();
    INFO(cluster.logs());
    turns.check();
}

// ---- belfry lock ----

TEST_CASE("lock: `belfry lock` runs a command that knows its token, and ends as the command does", "[integration][lock]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto told =
        one.run({"lock", "x", "--", "sh", "-c", "echo $BELFRY_LOCK_KEY $BELFRY_LOCK_TOKEN $BELFRY_LEASE; exit 7"});
    INFO(told.output);
    CHECK(told.exit_code == 7);
    CHECK(told.output.starts_with("x/"));
    CHECK(in_line(*client, "x") == 0);
    CHECK(client->leases()->empty());
    const auto missing = one.run({"lock", "x", "--", "/no/such/program"});
    CHECK(missing.exit_code == 127);
    CHECK(missing.output == "belfry: cannot run '/no/such/program'\n");
    CHECK(one.run({"lock", "x", "--ttl", "1500ms", "true"}).exit_code == 2);

    const std::string output = one.directory.path() + "/output";
    Process holder(one.line({"lock", "x", "-o", "json", "--value", "me"}), output);
    REQUIRE(wait_for([&] { return read_text(output).ends_with("}\n"); }));
    CHECK(one.run({"lock", "x", "--wait", "0s", "--", "true"}).exit_code == 1);
    CHECK(one.run({"lock", "x", "--wait", "300ms", "--", "true"}).exit_code == 1);
    const auto line = recipes::read_line(*client, "x", false);
    REQUIRE(line->size() == 1);
    CHECK(line->front().value == "me");
    CHECK(read_text(output) == "{\"key\":\"" + line->front().key +
                                   "\",\"token\":" + std::to_string(line->front().create_revision.value) +
                                   ",\"lease\":" + std::to_string(line->front().lease.value) + "}\n");
    Process waiter(one.line({"lock", "x", "--", "true"}), output + "2");
    REQUIRE(wait_for([&] { return in_line(*client, "x") == 2; }));
    waiter.signal(SIGINT);
    CHECK(waiter.wait(20) == 130);
    holder.signal(SIGINT);
    CHECK(holder.wait(20) == 0);
    CHECK(in_line(*client, "x") == 0);
}

TEST_CASE("lock: a command's end is seen also where SIGCHLD was ignored by who started `belfry`", "[integration][lock]") {
    const OneHub one;
    std::vector<std::string> words = one.line({"lock", "x", "--", "sh", "-c", "exit 3"});
    words.insert(words.begin(), {"env", "--ignore-signal=CHLD"});
    CHECK(run_program(words).exit_code == 3);
}

TEST_CASE("lock: a signal is handed on to the command, and the lock is kept while it still runs", "[integration][lock]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output", flag = one.directory.path() + "/flag";
    const std::string ends = "echo told; until test -e " + flag + "; do sleep 0.05; done; exit 9";
    Process holder(
        one.line({"lock", "x", "--", "sh", "-c", "trap '" + ends + "' TERM; echo runs; while :; do sleep 0.05; done"}),
        output);
    REQUIRE(wait_for([&] { return read_text(output) == "runs\n"; }));
    holder.signal(SIGTERM);
    REQUIRE(wait_for([&] { return read_text(output) == "runs\ntold\n"; }));
    CHECK(one.run({"lock", "x", "--wait", "0s", "--", "true"}).exit_code == 1);
    std::ofstream(flag).put('\n');
    CHECK(holder.wait(20) == 9);
    CHECK(one.run({"lock", "x", "--wait", "0s", "--", "true"}).exit_code == 0);
}

TEST_CASE("lock: a holder that is stopped loses it, and ends its command when it goes on", "[integration][lock]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    Process holder(one.line({"lock", "x", "--ttl", "2s", "--", "sh", "-c", "echo $$; exec sleep 100"}), output);
    REQUIRE(wait_for([&] { return read_text(output).ends_with("\n"); }));
    const int command = std::stoi(read_text(output));
    holder.signal(SIGSTOP);
    const auto begin = Clock::now();
    const auto next = one.run({"lock", "x", "--wait", "15s", "--", "echo", "mine"});
    CHECK(next.exit_code == 0);
    CHECK(next.output == "mine\n");
    CHECK(Clock::now() - begin >= 1s);  // the last keep-alive was a third of the time before, at most
    CHECK(holder.wait(0) == -1);
    CHECK(kill(command, 0) == 0);
    holder.signal(SIGCONT);
    CHECK(holder.wait(20) == 4);
    CHECK(read_text(output).find("uncertain: the lock is lost: lease ") != std::string::npos);
    CHECK(kill(command, 0) != 0);  // and was waited for
}

TEST_CASE("lock: a command that does not end when its lock is lost is killed 5 s later", "[integration][lock]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    Process holder(one.line({"lock", "x", "--ttl", "3s", "--", "sh", "-c",
                             "trap '' TERM; echo $BELFRY_LEASE; while :; do sleep 0.05; done"}),
                   output);
    REQUIRE(wait_for([&] { return read_text(output).ends_with("\n"); }));
    REQUIRE(one.hub.client()->revoke_lease({std::stoull(read_text(output))}));
    const auto begin = Clock::now();
    CHECK(holder.wait(20) == 4);
    CHECK(Clock::now() - begin >= 5s);
    CHECK(Clock::now() - begin < 15s);
}

TEST_CASE("lock: a `belfry lock` that is killed takes its command with it, and is followed in time",
          "[integration][lock]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    Process holder(one.line({"lock", "x", "--ttl", "2s", "--", "sh", "-c", "echo $$; exec sleep 100"}), output);
    REQUIRE(wait_for([&] { return read_text(output).ends_with("\n"); }));
    const int command = std::stoi(read_text(output));
    holder.signal(SIGKILL);
    CHECK(holder.wait(20) == 128 + SIGKILL);
    // Whoever reaps orphans here may be slow: one that has ended has no command line any more.
    CHECK(wait_for([&] { return read_text("/proc/" + std::to_string(command) + "/cmdline").empty(); }));
    CHECK(one.run({"lock", "x", "--wait", "15s", "--", "true"}).exit_code == 0);
}
