// One-time jobs on real hubs: one result, which everybody gets; also when who does it fails, is gone, or comes too late.
#include "sdk/recipes/once.hpp"

#include <signal.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <set>
#include <thread>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/lease_of.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

// What so many threads got, each with a client and a lease of its own.
std::vector<Result<Bytes>> all_run(const OneHub& one, size_t callers, const Bytes& name, const OnceWork& work) {
    std::vector<Result<Bytes>> results(callers, Error{Code::io, "not run"});
    std::vector<std::thread> threads;
    for (auto& own : results) {
        threads.emplace_back([&] {
            const auto client = one.hub.client();
            own = run_once(client, lease_of(client), name, work);
        });
    }
    for (auto& thread : threads) thread.join();
    return results;
}

}  // namespace

TEST_CASE("once: of 8 one does the work, and all get its result, now and later", "[integration][once]") {
    const OneHub one;
    const auto client = one.hub.client();
    CHECK(once_result(*client, "job").error().code == Code::not_found);
    std::atomic<int> done = 0;
    const OnceWork work = [&](const OnceTurn& turn) -> Result<Bytes> {
        std::this_thread::sleep_for(100ms);
        protocol::TxnRequest txn;
        txn.compares = {turn.guard};
        txn.then_ops.push_back({protocol::PutRequest{"progress", "half", {}}});
        if (const auto put = client->txn(std::move(txn)); !put || !put->succeeded) return Error{Code::conflict, "guard"};
        return "result " + std::to_string(++done) + " of try " + std::to_string(turn.number);
    };
    for (const auto& result : all_run(one, 8, "job", work)) {
        REQUIRE(result);
        CHECK(*result == "result 1 of try 1");
    }
    CHECK(done == 1);
    CHECK(run_once(client, lease_of(client), "job", work).value() == "result 1 of try 1");
    CHECK(once_result(*client, "job").value() == "result 1 of try 1");
    CHECK(client
              ->range([] {
                  protocol::RangeRequest request;
                  request.range = KeyRange::prefix("job/");
                  return request;
              }())
              ->kvs.size() == 1);
    REQUIRE(forget_once(*client, "job"));
    CHECK(run_once(client, lease_of(client), "job", work).value() == "result 2 of try 1");
    CHECK(run_once(client, lease_of(client), "", work).error().code == Code::invalid_argument);
}

TEST_CASE("once: a try that fails lets the next one try, three times in all", "[integration][once]") {
    const OneHub one;
    const auto client = one.hub.client();
    std::atomic<uint64_t> tries = 0;
    const OnceWork fails_twice = [&](const OnceTurn& turn) -> Result<Bytes> {
        if (turn.number != ++tries) return Error{Code::corrupt, "not in order"};
        if (turn.number == 1) return Bytes(once_result_bytes_max + 1, 'x');
        if (turn.number == 2) return Error{Code::no_space, "the disk is full"};
        return Bytes("third");
    };
    for (const auto& result : all_run(one, 4, "job", fails_twice)) CHECK((result && *result == "third"));
    CHECK(tries == 3);

    tries = 0;
    const OnceWork fails = [&](const OnceTurn&) -> Result<Bytes> {
        ++tries;
        return Error{Code::no_space, "the disk is full"};
    };
    for (const auto& result : all_run(one, 4, "other", fails)) {
        REQUIRE_FALSE(result);
        CHECK(result.error().code == Code::no_space);
        CHECK(result.error().detail == "'other': tried 3 times, the last time: the disk is full");
    }
    CHECK(tries == 3);
    CHECK(client->get("other/tries")->value == "3 15 the disk is full");
    REQUIRE(forget_once(*client, "other"));
    CHECK(run_once(client, lease_of(client), "other", [](const OnceTurn&) { return Bytes("well"); }).value() == "well");
}

TEST_CASE("once: who loses his lease at work is followed in time, publishes nothing, and gets the other's result",
          "[integration][once]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto mortal = lease_of(client, 2s);
    std::atomic<bool> begun = false, published = false;
    Result<Bytes> late = Error{Code::io, "not run"};
    Revision first_token, second_token;
    std::thread first([&] {
        late = run_once(client, mortal, "job", [&](const OnceTurn& turn) -> Result<Bytes> {
            first_token = turn.token;
            mortal->release();  // as if this process did not come to keep it alive
            begun = true;
            wait_for([&] { return published.load(); }, 20s);
            return Bytes("late");
        });
    });
    REQUIRE(wait_for([&] { return begun.load(); }));
    CHECK(run_once(client, lease_of(client), "job", [](const OnceTurn&) { return Bytes("-"); }, {.timeout = 100ms})
              .error()
              .code == Code::timeout);
    const auto result = run_once(client, lease_of(client), "job", [&](const OnceTurn& turn) -> Result<Bytes> {
        second_token = turn.token;
        return "try " + std::to_string(turn.number);
    });
    CHECK(Clock::now() >= mortal->expires_at());
    published = true;
    first.join();
    CHECK(result.value() == "try 2");
    CHECK(late.value() == "try 2");
    CHECK(once_result(*client, "job").value() == "try 2");
    CHECK(second_token > first_token);

    // One that kills whoever does it ends as well.
    for (int i = 0; i < 2; ++i) {
        const auto doomed = lease_of(client);
        const auto gone = run_once(client, doomed, "deadly", [&](const OnceTurn&) -> Result<Bytes> {
            (void)doomed->revoke();
            return Bytes("never");
        });
        CHECK(gone.error().code == Code::not_found);
    }
    OnceOptions twice;
    twice.tries_max = 2;
    const auto given_up = run_once(
        client, lease_of(client), "deadly", [](const OnceTurn&) { return Bytes("-"); }, twice);
    REQUIRE_FALSE(given_up);
    CHECK(given_up.error().code == Code::uncertain);
    CHECK(given_up.error().detail == "'deadly': tried 2 times, the last time: who tried last is gone without a word");
}

TEST_CASE("once: one result for each of many jobs while the leader of three is killed", "[integration][cluster][once]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    REQUIRE(cluster.start());
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    constexpr int callers = 5, jobs = 60;
    std::mutex mutex;
    std::vector<std::set<Bytes>> results(jobs);
    std::atomic<int> got = 0, failures = 0;
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < callers; ++i) {
        const auto client = cluster.client(2s, 1 + i % 3);
        threads.emplace_back([&, client, i] {
            const auto lease = lease_of(client, 20s);
            for (size_t job = 0; job < jobs; ++job) {
                const auto result = run_once(client, lease, "job" + std::to_string(job), [&](const OnceTurn&) {
                    std::this_thread::sleep_for(10ms);
                    return Bytes("by " + std::to_string(i));
                });
                const std::lock_guard lock(mutex);
                if (!result) {
                    ++failures;
                    UNSCOPED_INFO(to_string(result.error()));
                } else {
                    results[job].insert(*result);
                }
                ++got;
            }
        });
    }
    CHECK(wait_for([&] { return got > callers * 5; }, 60s));
    cluster.at(leader).kill();
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    for (const auto& one_result : results) CHECK(one_result.size() == 1);
}

// ---- belfry once ----

TEST_CASE("once: `belfry once` runs its command once, and prints what it wrote everywhere", "[integration][once]") {
    const OneHub one;
    const std::string output = one.directory.path() + "/output";
    const auto job = [&](const std::string& script, const std::string& ttl = "10s") {
        return one.line({"once", "job", "--ttl", ttl, "--", "sh", "-c", script});
    };
    Process worker(job("echo begun >&2; exec sleep 100", "2s"), output + "1");
    REQUIRE(wait_for([&] { return read_text(output + "1") == "begun\n"; }));
    CHECK(one.exit_of({"once", "job", "--wait", "0s", "--", "true"}) == 1);
    Process waiter(job("echo never"), output + "2");
    std::this_thread::sleep_for(200ms);
    waiter.signal(SIGINT);
    CHECK(waiter.wait(20) == 130);
    Process follower(job("printf 'try %s\\n' $BELFRY_ONCE_TRY"), output + "3");
    worker.signal(SIGKILL);
    CHECK(follower.wait(20) == 0);
    CHECK(read_text(output + "3") == "try 2\n");
    const auto later = one.run({"once", "job", "-o", "json", "--", "echo", "never"});
    CHECK(later.exit_code == 0);
    CHECK(later.output == "{\"result\":\"try 2\\n\"}\n");
    CHECK(one.exit_of({"once", "job", "--forget"}) == 0);
    CHECK(one.run({"once", "job", "--", "echo", "again"}).output == "again\n");
    CHECK(one.exit_of({"once", "job"}) == 2);

    const auto failed = one.run({"once", "bad", "--tries", "2", "--", "sh", "-c", "echo tried >&2; exit 9"});
    CHECK(failed.exit_code == 7);
    CHECK(failed.output ==
          "tried\ntried\nbelfry once: io: 'bad': tried 2 times, the last time: the command ended with exit code 9\n");
    const auto large = one.run({"once", "large", "--tries", "1", "--", "sh", "-c", "head -c 1048577 /dev/zero"});
    CHECK(large.exit_code == 5);
    CHECK(large.output.find("the command wrote more than 1048576 octets") != std::string::npos);
    CHECK(one.run({"once", "fits", "--", "sh", "-c", "head -c 1048576 /dev/zero"}).output.size() == 1048576);
}
