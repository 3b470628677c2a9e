// Shared locks and semaphores on real hubs: who may be there together is, and nobody else; in the order of asking, and no
// more woken than need be; also while leaders are killed, and when holders are paused and waiters killed.
#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <thread>

#include "sdk/recipes/election.hpp"
#include "sdk/recipes/semaphore.hpp"
#include "sdk/recipes/shared_lock.hpp"
#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/recipes.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;
using recipes::Order;

namespace {

using Clock = std::chrono::steady_clock;

constexpr Order alone{Order::Kind::alone}, sharing{Order::Kind::shared};

// One who waits in a thread of its own, and leaves when it is told to.
class Waiter {
public:
    Waiter(const std::shared_ptr<Client>& client, const Bytes& name, Order order)
        : place_(client, lease_of(client), name, order), thread_([this] { run(); }) {}
    ~Waiter() { leave(); }
    bool holds() const { return holds_; }
    // Whether it holds or waits; how often it has looked at the line.
    uint64_t leave() {
        leave_ = true;
        if (thread_.joinable()) thread_.join();
        return place_.looks();
    }

private:
    void run() {
        const auto patience = recipes::Patience::of(60s, [this] { return leave_.load(); });
        holds_ = place_.join("", patience) && place_.wait(patience);
        while (!leave_) std::this_thread::sleep_for(2ms);
        (void)place_.leave();
    }
    recipes::Place place_;
    std::atomic<bool> holds_ = false, leave_ = false;
    std::thread thread_;
};

// Several, each behind the one before.
class Queue {
public:
    Queue(const OneHub& one, Bytes name) : client_(one.hub.client()), name_(std::move(name)) {}
    Waiter& add(Order order) {
        const Bytes line = recipes::line_name(name_, order);
        const size_t before = in_line(*client_, line);
        waiters_.push_back(std::make_unique<Waiter>(client_, name_, order));
        REQUIRE(wait_for([&] { return in_line(*client_, line) == before + 1; }));
        return *waiters_.back();
    }
    // "++--": who holds, in the order of joining.
    std::string holders() const {
        std::string all;
        for (const auto& waiter : waiters_) all += waiter->holds() ? '+' : '-';
        return all;
    }
    bool become(const std::string& wanted) const {
        return wait_for([&] { return holders() == wanted; });
    }

private:
    std::shared_ptr<Client> client_;
    Bytes name_;
    std::vector<std::unique_ptr<Waiter>> waiters_;
};

// From when to when somebody held something, as he knew it himself.
struct Turn {
    Revision token;
    bool alone;
    Clock::time_point from, until;
};

class Turns {
public:
    void add(const recipes::Holder& holder, const Lease& lease, Clock::time_point from) {
        const std::lock_guard lock(mutex_);
        turns_.push_back(
            {holder.fencing_token(), !recipes::is_shared(holder.key()), from, std::min(Clock::now(), lease.expires_at())});
    }
    size_t count() const {
        const std::lock_guard lock(mutex_);
        return turns_.size();
    }
    // None beside one that is alone, and the tokens on both sides of that one are on both sides of its own. So many shared.
    size_t check_locks() const {
        const std::lock_guard lock(mutex_);
        size_t together = 0;
        for (const Turn& a : turns_) {
            for (const Turn& b : turns_) {
                if (&a == &b || b.from < a.from) continue;
                const bool overlap = b.from < a.until;
                together += overlap;
                if (!a.alone && !b.alone) continue;
                if (overlap) FAIL_CHECK("tokens " << a.token.value << " and " << b.token.value << " at one time");
                if (b.token < a.token) FAIL_CHECK("token " << b.token.value << " after " << a.token.value);
            }
        }
        return together;
    }
    // The most at one time.
    size_t together() const {
        const std::lock_guard lock(mutex_);
        size_t most = 0;
        for (const Turn& a : turns_) {
            const auto there = [&](const Turn& b) { return b.from <= a.from && a.from < b.until; };
            most = std::max(most, static_cast<size_t>(std::count_if(turns_.begin(), turns_.end(), there)));
        }
        return most;
    }

private:
    mutable std::mutex mutex_;
    std::vector<Turn> turns_;
};

// Takes it again and again, by leases that may be lost. Every fifth turn outlasts a hand-over on any machine: permits are
// handed out one after the other, and turns that are shorter than that never meet.
void contend(const std::shared_ptr<Client>& client, const Bytes& name, Order order, const std::atomic<bool>& stop,
             Turns& turns) {
    for (int turn = 1; !stop;) {
        auto granted = Lease::grant(client, {.ttl = 3s});
        if (!granted) continue;
        const std::shared_ptr<const Lease> lease = std::move(*granted);
        recipes::Holder holder(client, lease, name, order);
        while (!stop && lease->alive()) {
            if (!holder.take(1s)) continue;
            const auto from = Clock::now();
            std::this_thread::sleep_for(turn++ % 5 == 0 ? 250ms : 10ms);
            turns.add(holder, *lease, from);
            (void)holder.give_back();
        }
    }
}

}  // namespace

TEST_CASE("shared lock: those who share go together, a lock alone, and nobody is overtaken", "[integration][lock]") {
    const OneHub one;
    Queue queue(one, "x");
    Waiter& first = queue.add(alone);
    Waiter& second = queue.add(sharing);
    Waiter& third = queue.add(sharing);
    Waiter& fourth = queue.add(alone);
    Waiter& fifth = queue.add(sharing);
    Waiter& sixth = queue.add(sharing);
    Waiter& seventh = queue.add(alone);
    REQUIRE(queue.become("+------"));
    std::this_thread::sleep_for(200ms);
    CHECK(queue.holders() == "+------");
    CHECK(first.leave() == 1);
    REQUIRE(queue.become("+++----"));
    std::this_thread::sleep_for(200ms);
    CHECK(queue.holders() == "+++----");
    CHECK(fourth.leave() == 1);  // gives up in the middle of the line, and two may go that waited for it
    REQUIRE(queue.become("+++-++-"));
    CHECK(second.leave() == 2);
    CHECK(third.leave() == 2);
    CHECK(fifth.leave() == 2);
    std::this_thread::sleep_for(100ms);
    CHECK_FALSE(seventh.holds());
    CHECK(sixth.leave() == 2);
    REQUIRE(queue.become("+++-+++"));
    CHECK(seventh.leave() == 2);
}

TEST_CASE("shared lock: it is tried, guards, and keeps an election waiting", "[integration][lock]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto lease = lease_of(client);
    SharedLock first(client, lease, "x", {.value = "first"}), second(client, lease, "x");
    Lock writer(client, lease, "x");
    CHECK(first.try_lock().value());
    CHECK(second.try_lock().value());
    CHECK(second.fencing_token() > first.fencing_token());
    CHECK_FALSE(writer.try_lock().value());
    CHECK(writer.lock(300ms).error().code == Code::timeout);
    CHECK(first.try_lock().error().code == Code::conflict);
    CHECK(client->get(first.key())->value == "first");
    CHECK(Election::leader(*client, "x").error().code == Code::not_found);
    CHECK(Election(client, lease, "x").campaign("me", 200ms).error().code == Code::timeout);
    REQUIRE(second.unlock());
    REQUIRE(client->put("result", "0"));
    const auto write = [&](const recipes::Holder& holder) {
        protocol::TxnRequest txn{{holder.guard()}, {{protocol::PutRequest{"result", "1", {}}}}, {}};
        return client->txn(std::move(txn))->succeeded;
    };
    CHECK(write(first));
    const auto revoked = lease_of(client);
    SharedLock third(client, revoked, "x");
    REQUIRE(third.lock(5s));
    REQUIRE(client->revoke_lease(revoked->id()));
    CHECK_FALSE(write(third));
    REQUIRE(first.unlock());
    REQUIRE(writer.lock(5s));
    CHECK(writer.fencing_token() > third.fencing_token());
    CHECK_FALSE(first.try_lock().value());
    CHECK(in_line(*client, "x") == 1);
}

TEST_CASE("semaphore: three of nine at a time, in the order of asking, and each release wakes two", "[integration][lock]") {
    const OneHub one;
    Queue queue(one, "x");
    std::vector<Waiter*> waiters;
    for (int i = 0; i < 9; ++i) waiters.push_back(&queue.add({Order::Kind::permit, 3}));
    REQUIRE(queue.become("+++------"));
    const auto begin = Clock::now();
    std::this_thread::sleep_for(200ms);
    CHECK(queue.holders() == "+++------");
    (void)waiters[1]->leave();
    REQUIRE(queue.become("++++-----"));
    (void)waiters[5]->leave();  // gives up in the middle of the line
    (void)waiters[0]->leave();
    REQUIRE(queue.become("+++++----"));
    (void)waiters[4]->leave();
    REQUIRE(queue.become("+++++-+--"));
    std::this_thread::sleep_for(100ms);
    CHECK(queue.holders() == "+++++-+--");
    (void)waiters[2]->leave();
    (void)waiters[3]->leave();
    REQUIRE(queue.become("+++++-+++"));
    // When it joined, when it became the first to wait, when its turn had come; the first who waits looks once more after
    // each round of 1 s without word. Who looked whenever somebody left would have looked eight times.
    const uint64_t looks = waiters[8]->leave();
    CHECK(looks >= 2);
    CHECK(looks <= 5 + static_cast<uint64_t>((Clock::now() - begin) / 1s));
}

TEST_CASE("semaphore: it is tried, and its number is agreed upon while somebody is there", "[integration][lock]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto lease = lease_of(client);
    Semaphore first(client, lease, "x", 2), second(client, lease, "x", 2), third(client, lease, "x", 2);
    CHECK(first.try_acquire().value());
    CHECK(client->get("x/permits")->value == "2");
    CHECK(second.acquire(5s));
    CHECK(second.fencing_token() > first.fencing_token());
    CHECK_FALSE(third.try_acquire().value());
    const auto begin = Clock::now();
    CHECK(third.acquire(300ms).error().code == Code::timeout);
    CHECK(Clock::now() - begin >= 300ms);
    Semaphore other(client, lease, "x", 3);
    CHECK(other.try_acquire().error().code == Code::conflict);
    CHECK(other.acquire(5s).error().code == Code::conflict);
    CHECK(in_line(*client, "x/permits") == 2);
    CHECK(Lock(client, lease, "x").try_lock().value());  // something else
    CHECK(Lock(client, lease, "x/permits").try_lock().error().code == Code::invalid_argument);
    CHECK(Lock(client, lease, "x/permits/y").lock(1s).error().code == Code::invalid_argument);
    CHECK(Semaphore(client, lease, "x/permits", 2).acquire(1s).error().code == Code::invalid_argument);
    REQUIRE(first.release());
    CHECK(third.try_acquire().value());
    REQUIRE(second.release());
    REQUIRE(third.release());
    CHECK(other.try_acquire().value());
    CHECK(client->get("x/permits")->value == "3");
}

TEST_CASE("sharing: never beside a lock, never more than the permits, while the leader of three is killed",
          "[integration][cluster][lock]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    std::atomic<bool> stop = false;
    Turns locks, permits;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 5; ++i) {
        threads.emplace_back([&, client = cluster.client(1s, 1 + i % 3), order = i < 2 ? alone : sharing] {
            contend(client, "x", order, stop, locks);
        });
        threads.emplace_back([&, client = cluster.client(1s, 1 + i % 3)] {
            contend(client, "y", {Order::Kind::permit, 2}, stop, permits);
        });
    }
    const auto go_on = [&](size_t locks_before, size_t permits_before) {
        return wait_for([&] { return locks.count() > locks_before + 20 && permits.count() > permits_before + 20; }, 30s);
    };
    CHECK(go_on(0, 0));
    cluster.at(leader).kill();
    CHECK(go_on(locks.count(), permits.count()));
    CHECK(cluster.at(leader).start());
    CHECK(go_on(locks.count(), permits.count()));
    stop = true;
    for (auto& thread : threads) thread.join();
    INFO(cluster.logs());
    CHECK(locks.check_locks() > 0);
    CHECK(permits.together() == 2);
}

// ---- belfry lock --shared, belfry semaphore ----

TEST_CASE("sharing: holders that are stopped, and waiters that are killed, are followed in time", "[integration][lock]") {
    const OneHub one;
    const auto client = one.hub.client();
    const std::string output = one.directory.path() + "/output";
    Process reader(one.line({"lock", "a", "--shared", "--ttl", "2s", "--", "sleep", "100"}), output + "a");
    Process permit(one.line({"semaphore", "b", "--permits", "1", "--ttl", "2s", "--", "sleep", "100"}), output + "b");
    SharedLock held(client, lease_of(client), "c");
    Semaphore taken(client, lease_of(client), "d", 1);
    REQUIRE(held.lock(5s));
    REQUIRE(taken.acquire(5s));
    Process writer(one.line({"lock", "c", "--ttl", "2s", "--", "true"}), output + "c");
    Process waiter(one.line({"semaphore", "d", "--permits", "1", "--ttl", "2s", "--", "true"}), output + "d");
    REQUIRE(wait_for([&] { return in_line(*client, "a") == 1 && in_line(*client, "b/permits") == 1; }));
    REQUIRE(wait_for([&] { return in_line(*client, "c") == 2 && in_line(*client, "d/permits") == 2; }));
    Queue behind_writer(one, "c"), behind_waiter(one, "d");
    Waiter& next_reader = behind_writer.add(sharing);
    Waiter& next_permit = behind_waiter.add({Order::Kind::permit, 1});

    const auto begin = Clock::now();
    reader.signal(SIGSTOP), permit.signal(SIGSTOP), writer.signal(SIGKILL), waiter.signal(SIGKILL);
    REQUIRE(taken.release());
    CHECK(Lock(client, lease_of(client), "a").lock(20s));
    CHECK(Clock::now() - begin >= 1s);  // the last keep-alive was a third of the time before, at most
    CHECK(Semaphore(client, lease_of(client), "b", 1).acquire(20s));
    CHECK(wait_for([&] { return next_reader.holds() && next_permit.holds(); }, 20s));
    CHECK(held.held());
    CHECK(Clock::now() - begin >= 1s);
    reader.signal(SIGCONT), permit.signal(SIGCONT);
    CHECK(reader.wait(20) == 4);
    CHECK(permit.wait(20) == 4);
    CHECK(read_text(output + "a").find("uncertain: the lock is lost: lease ") != std::string::npos);
    CHECK(read_text(output + "b").find("uncertain: the permit is lost: lease ") != std::string::npos);
}

TEST_CASE("sharing: `belfry lock --shared` and `belfry semaphore` run commands, and say what is wrong",
          "[integration][lock]") {
    const OneHub one;
    const auto client = one.hub.client();
    const std::string output = one.directory.path() + "/output";
    const auto told = one.run({"semaphore", "y", "--permits", "2", "--", "sh", "-c", "echo $BELFRY_LOCK_KEY; exit 7"});
    CHECK(told.exit_code == 7);
    CHECK(told.output.starts_with("y/permits/"));

    Process reader(one.line({"lock", "x", "--shared", "--value", "me"}), output);
    Process permit(one.line({"semaphore", "y", "--permits", "2", "-o", "json"}), output + "2");
    REQUIRE(wait_for([&] { return read_text(output).ends_with("\n") && read_text(output + "2").ends_with("}\n"); }));
    const auto line = recipes::read_line(*client, "x", false);
    REQUIRE(line->size() == 1);
    CHECK(line->front().value == "me");
    CHECK(read_text(output).starts_with("OK lock " + line->front().key + ", token "));
    CHECK(recipes::is_shared(line->front().key));
    CHECK(one.exit_of({"lock", "x", "--shared", "--", "true"}) == 0);
    CHECK(one.exit_of({"lock", "x", "--wait", "0s", "--", "true"}) == 1);
    CHECK(one.exit_of({"semaphore", "y", "--permits", "2", "--wait", "0s", "--", "true"}) == 0);
    const auto other = one.run({"semaphore", "y", "--permits", "3", "--", "true"});
    CHECK(other.exit_code == 5);
    CHECK(other.output ==
          "belfry semaphore: invalid_argument: 'y': somebody has a permit or waits for one, and of 2, not 3\n");
    CHECK(one.exit_of({"semaphore", "y", "--", "true"}) == 2);
    CHECK(one.exit_of({"semaphore", "y", "--permits", "0"}) == 2);
    reader.signal(SIGINT), permit.signal(SIGINT);
    CHECK(reader.wait(20) == 0);
    CHECK(permit.wait(20) == 0);
    CHECK(in_line(*client, "x") + in_line(*client, "y/permits") == 0);
}
