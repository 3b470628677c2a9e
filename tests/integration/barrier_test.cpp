// Barriers on real hubs: nobody goes too early, nobody is forgotten, and no round is taken for another; also while leaders
// are killed, and when a member is gone without a word.
#include "sdk/recipes/barrier.hpp"

#include <signal.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <thread>

#include "sdk/recipes/double_barrier.hpp"
#include "tests/support/cluster_processes.hpp"
#include "tests/support/lease_of.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

size_t in_line(Client& client, const Bytes& name) {
    const auto line = recipes::read_line(client, name, true);
    return line ? line->size() : 0;
}

size_t keys_below(Client& client, const Bytes& name) {
    protocol::RangeRequest request;
    request.range = KeyRange::prefix(name + "/");
    return client.range(request)->kvs.size();
}

// Threads that wait at a barrier, and how many of them have got through.
class Crowd {
public:
    ~Crowd() { join(); }
    void add(const std::shared_ptr<Client>& client, const Bytes& name, std::chrono::milliseconds patience = 20s) {
        threads_.emplace_back([this, client, name, patience] {
            const Status through = Barrier::wait(client, name, patience);
            ++(through ? through_ : failed_);
        });
    }
    // All have looked, and wait at this hub for a change; nobody else does.
    void settle(const HubProcess& hub) const {
        REQUIRE(wait_for([&] { return figure(hub, "streams.waiting") == threads_.size(); }));
    }
    void join() {
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }
    int through() const { return through_; }
    int failed() const { return failed_; }

private:
    std::atomic<int> through_ = 0, failed_ = 0;
    std::vector<std::thread> threads_;
};

}  // namespace

// ---- Barrier ----

TEST_CASE("barrier: nobody of 8 goes while it is closed, all go when it opens", "[integration][barrier]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto lease = lease_of(client);
    CHECK(Barrier::wait(client, "b", 0ms));  // open: it keeps nobody
    Barrier barrier(client, lease, "b");
    Barrier other(client, lease, "b");
    REQUIRE(barrier.hold());
    CHECK(barrier.hold());  // it is settled already
    CHECK(other.hold().error().code == Code::conflict);
    CHECK(other.release());  // it has closed nothing
    CHECK(Barrier::wait(client, "b", 0ms).error().code == Code::timeout);
    Crowd crowd;
    for (int i = 0; i < 8; ++i) crowd.add(one.hub.client(), "b");
    crowd.settle(one.hub);
    CHECK(crowd.through() == 0);
    REQUIRE(barrier.release());
    CHECK(wait_for([&] { return crowd.through() == 8; }));
    CHECK(Barrier::wait(client, "b", 0ms));
    CHECK(Barrier(client, lease, "").hold().error().code == Code::invalid_argument);
}

TEST_CASE("barrier: who waits for one that opens and is closed again at once still goes", "[integration][barrier]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto lease = lease_of(client);
    for (int round = 0; round < 3; ++round) {
        Barrier barrier(client, lease, "b");
        Crowd crowd;
        REQUIRE(barrier.hold());
        for (int i = 0; i < 4; ++i) crowd.add(client, "b");
        crowd.settle(one.hub);
        REQUIRE(barrier.release());
        REQUIRE(barrier.hold());
        CHECK(wait_for([&] { return crowd.through() == 4; }));
    }
}

TEST_CASE("barrier: it opens with its holder's lease, and who lost it opens nobody else's", "[integration][barrier]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto lease = lease_of(client, 2s);
    Barrier first(client, lease, "b");
    REQUIRE(first.hold());
    lease->release();  // as if this process did not come to keep it alive
    const auto begin = Clock::now();
    CHECK(Barrier::wait(client, "b", 20s));
    CHECK(Clock::now() - begin < 10s);
    {
        Barrier second(client, lease_of(client), "b");
        REQUIRE(second.hold());
        CHECK(first.release());
        CHECK(Barrier::wait(client, "b", 0ms).error().code == Code::timeout);
    }
    CHECK(Barrier::wait(client, "b", 0ms));
    {
        Barrier lasting(client, nullptr, "b");
        REQUIRE(lasting.hold());
    }
    CHECK(Barrier::wait(client, "b", 0ms).error().code == Code::timeout);
    CHECK(Barrier::open(*client, "b").value());
    CHECK_FALSE(Barrier::open(*client, "b").value());
    CHECK(Barrier::wait(client, "b", 0ms));
}

// ---- DoubleBarrier ----

TEST_CASE("double barrier: 20 rounds of 3 of 5, nobody in or out too early, never two rounds at once",
          "[integration][barrier]") {
    const OneHub one;
    constexpr int contenders = 5, members = 3, turns = 60;
    // Counted before a call and after it: of those that came, only whole rounds may be through.
    std::atomic<int> come = 0, in = 0, going = 0, gone = 0, inside = 0, failures = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < contenders; ++i) {
        threads.emplace_back([&] {
            const auto client = one.hub.client();
            // At the end there are too few; whoever then gives up may have been named.
            DoubleBarrier barrier(client, lease_of(client), "b", members, [&] { return gone >= turns; });
            while (gone < turns) {
                ++come;
                if (!barrier.enter(60s)) {
                    if (gone < turns) ++failures;
                    continue;
                }
                const int now_in = ++in;
                if (now_in <= turns && now_in > come / members * members) ++failures;
                if (++inside > members) ++failures;
                std::this_thread::sleep_for(2ms);
                --inside;
                ++going;
                if (!barrier.leave(60s)) continue;
                const int now_gone = ++gone;
                if (now_gone <= turns && now_gone > going / members * members) ++failures;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(gone >= turns);
    CHECK(in_line(*one.hub.client(), "b") == 0);
}

TEST_CASE("double barrier: nobody leaves before all are ready, and it may be asked again", "[integration][barrier]") {
    const OneHub one;
    const auto client = one.hub.client();
    DoubleBarrier first(client, lease_of(client), "b", 2);
    DoubleBarrier second(client, lease_of(client), "b", 2);
    CHECK(first.leave(1s));  // it is not inside
    CHECK(first.enter(300ms).error().code == Code::timeout);
    CHECK_FALSE(first.inside());
    CHECK(in_line(*client, "b") == 0);
    Status told = Error{Code::timeout, ""};
    std::thread other([&] { told = second.enter(10s); });
    CHECK(first.enter(10s));
    other.join();
    REQUIRE(told);
    CHECK(first.enter(1s).error().code == Code::conflict);  // twice, and counted once
    CHECK(first.leave(300ms).error().code == Code::timeout);
    CHECK(first.inside());
    CHECK(second.leave(5s));
    CHECK(first.leave(0ms));
    CHECK(keys_below(*client, "b") == 0);

    // A name is of one number of members.
    recipes::Place stranger(client, lease_of(client), "b");
    REQUIRE(stranger.join("3 somebody", recipes::Patience::of(5s)));
    CHECK(first.enter(5s).error().code == Code::conflict);
    CHECK(DoubleBarrier(client, lease_of(client), "b", 0).enter(1s).error().code == Code::invalid_argument);
    CHECK(DoubleBarrier(client, lease_of(client), "b", 1001).enter(1s).error().code == Code::invalid_argument);
}

TEST_CASE("double barrier: a member that dies inside, or never heard that it is in, is waited for as long as it lives",
          "[integration][barrier]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto mortal = lease_of(client, 2s);
    recipes::Place straggler(client, mortal, "b");  // came, and is not heard of again
    REQUIRE(straggler.join("2 straggler", recipes::Patience::of(5s)));
    DoubleBarrier member(client, lease_of(client), "b", 2);
    REQUIRE(member.enter(5s));
    CHECK(member.leave(300ms).error().code == Code::timeout);
    // Others come meanwhile; the round that is on is not theirs.
    std::array<Status, 2> told = {Error{Code::timeout, ""}, Error{Code::timeout, ""}};
    std::vector<std::thread> next;
    std::atomic<int> in = 0;
    for (Status& own : told) {
        next.emplace_back([&] {
            DoubleBarrier later(client, lease_of(client), "b", 2);
            own = later.enter(20s);
            ++in;
            if (own) own = later.leave(20s);
        });
    }
    std::this_thread::sleep_for(300ms);
    CHECK(in == 0);
    mortal->release();
    const auto begin = Clock::now();
    CHECK(member.leave(20s));
    CHECK(Clock::now() - begin < 10s);
    for (auto& thread : next) thread.join();
    CHECK(told[0]);
    CHECK(told[1]);

    // All of a round gone without a word: who comes next clears up behind them.
    auto lost = lease_of(client), lost_too = lease_of(client);
    DoubleBarrier one_of_them(client, lost, "b", 2), the_other(client, lost_too, "b", 2);
    std::thread entering([&] { (void)the_other.enter(10s); });
    CHECK(one_of_them.enter(10s));
    entering.join();
    CHECK(lost->revoke());
    CHECK(lost_too->revoke());
    CHECK(one_of_them.leave(5s));
    REQUIRE(client->put("b/round", straggler.key().substr(2) + "\n"));
    DoubleBarrier alone(client, lease_of(client), "b", 1);
    CHECK(alone.enter(5s));
    CHECK(alone.leave(5s));
    CHECK(one_of_them.enter(1s).error().code == Code::not_found);
}

TEST_CASE("barrier: rounds go on and no wake-up is lost while the leader of three is killed",
          "[integration][cluster][barrier]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    const auto own = cluster.client(5s, 1 + leader % 3);
    Barrier barrier(own, lease_of(own, 20s), "gate");
    REQUIRE(barrier.hold());
    Crowd crowd;
    for (uint64_t i = 0; i < 6; ++i) crowd.add(cluster.client(2s, 1 + i % 3), "gate", 180s);

    constexpr int members = 3, rounds_max = 10'000;
    std::atomic<bool> stop = false;
    std::atomic<int> failures = 0, rounds = 0;
    std::vector<std::array<std::atomic<int>, 2>> called(rounds_max);  // enter, leave
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < members; ++i) {
        const auto client = cluster.client(2s, 1 + i);
        threads.emplace_back([&, client, i] {
            DoubleBarrier both(client, lease_of(client, 20s), "round", members);
            for (size_t round = 0; round < rounds_max; ++round) {
                // All of a round see the same: it is said before anybody can come to the end of it.
                if (i == 0 && stop) called[round][0] = -1'000'000;
                ++called[round][0];
                if (!both.enter(60s)) ++failures;
                const bool last = called[round][0] < 0;
                if (!last && called[round][0] != members) ++failures;
                ++called[round][1];
                if (!both.leave(60s)) ++failures;
                if (called[round][1] != members) ++failures;
                if (i == 0) ++rounds;
                if (last) return;
            }
        });
    }
    REQUIRE(wait_for([&] { return rounds >= 10; }, 60s));
    cluster.at(leader).kill();
    const int before = rounds;
    CHECK(wait_for([&] { return rounds >= before + 10; }, 60s));
    CHECK(crowd.through() == 0);
    CHECK(barrier.release());
    CHECK(wait_for([&] { return crowd.through() == 6; }, 20s));
    stop = true;
    for (auto& thread : threads) thread.join();
    INFO(cluster.logs());
    CHECK(failures == 0);
    CHECK(crowd.failed() == 0);
}

// ---- belfry barrier ----

TEST_CASE("barrier: `belfry barrier` keeps others waiting until it is opened", "[integration][barrier]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    CHECK(one.exit_of({"barrier", "wait", "b"}) == 0);
    CHECK(one.run({"barrier", "hold", "b", "--lasting"}).output == "OK closed\n");
    CHECK(one.exit_of({"barrier", "hold", "b"}) == 1);
    CHECK(one.exit_of({"barrier", "wait", "b", "--wait", "200ms"}) == 1);
    Process waiter(one.line({"barrier", "wait", "b"}), output);
    std::this_thread::sleep_for(200ms);
    CHECK(waiter.wait(0) == -1);
    CHECK(one.run({"barrier", "open", "b"}).output == "OK open\n");
    CHECK(waiter.wait(20) == 0);
    CHECK(one.exit_of({"barrier", "open", "b"}) == 1);
    CHECK(one.run({"barrier", "hold", "b", "--lasting", "-o", "json"}).output == "{\"closed\":true}\n");
    CHECK(one.run({"barrier", "open", "b", "-o", "json"}).output == "{\"closed\":false}\n");
    Process leased(one.line({"barrier", "hold", "b", "-o", "json"}), output + "2");
    CHECK(wait_for(
        [&] {
            const std::string said = read_text(output + "2");
            return said.starts_with("{\"closed\":true,\"lease\":") && said.ends_with("}\n");
        },
        20s));
    leased.signal(SIGINT);
    CHECK(leased.wait(20) == 0);
    Process holder(one.line({"barrier", "hold", "b"}), output + "1");
    REQUIRE(wait_for([&] { return read_text(output + "1").starts_with("OK closed, lease "); }));
    holder.signal(SIGINT);
    CHECK(holder.wait(20) == 0);
    CHECK(one.exit_of({"barrier", "wait", "b", "--wait", "0s"}) == 0);
}

TEST_CASE("barrier: `belfry barrier join` begins with the last one, and ends with the last one", "[integration][barrier]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto join = [&](const std::string& script, const std::string& ttl = "10s") {
        return one.line({"barrier", "join", "step", "--members", "2", "--ttl", ttl, "--", "sh", "-c", script});
    };
    CHECK(one.exit_of({"barrier", "join", "step", "--members", "2", "--wait", "200ms", "--", "true"}) == 1);
    CHECK(one.exit_of({"barrier", "join", "step", "--", "true"}) == 2);
    CHECK(one.exit_of({"barrier", "join", "step", "--members", "2"}) == 2);
    CHECK(one.exit_of({"barrier", "hold", "step", "--members", "2"}) == 2);

    const std::string output = one.directory.path() + "/output", flag = one.directory.path() + "/flag";
    Process first(join("echo begins; exit 3"), output);
    REQUIRE(wait_for([&] { return in_line(*client, "step") == 1; }));
    CHECK(read_text(output).empty());
    Process second(join("until test -e " + flag + "; do sleep 0.05; done"), output + "2");
    REQUIRE(wait_for([&] { return read_text(output) == "begins\n"; }));
    CHECK(first.wait(0) == -1);  // the second one is still at it
    std::ofstream(flag).put(10);
    CHECK(first.wait(20) == 3);
    CHECK(second.wait(20) == 0);
    CHECK(keys_below(*client, "step") == 0);

    Process dying(join("echo begins; exec sleep 100", "2s"), output + "3"), left(join("true"), output + "4");
    REQUIRE(wait_for([&] { return read_text(output + "3") == "begins\n"; }));
    CHECK(left.wait(0) == -1);
    dying.signal(SIGKILL);
    CHECK(left.wait(20) == 0);  // when its lease has ended
}
