// Jobs on a real hub: their results, their progress, and workers that die in the middle.
#include "sdk/recipes/job_board.hpp"

#include <signal.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "tests/support/one_hub.hpp"
#include "tests/support/queues.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Stage = JobState::Stage;

}  // namespace

TEST_CASE("jobs: posted, worked on for all to see, done; the result is there until it is forgotten",
          "[integration][jobs]") {
    const OneHub one;
    const auto client = one.hub.client();
    JobBoard board(client, "b");
    const auto id = board.post("sum");
    REQUIRE(id);
    CHECK(*board.list() == std::vector<JobState>{{*id, Stage::waiting, "", "", 0}});
    CHECK(board.wait_result(*id, 100ms).error().code == Code::timeout);
    CHECK(board.wait_result("5/none", 1s).error().code == Code::not_found);
    CHECK(board.forget(*id).error().code == Code::not_found);

    Worker worker(client, lease_of(client, 30s), "b", {.name = "ann"});
    const auto job = worker.take(20s);
    REQUIRE(job);
    CHECK(job->id == *id);
    CHECK(job->value == "sum");
    REQUIRE(worker.report(*job, "half"));
    CHECK(*board.list() == std::vector<JobState>{{*id, Stage::working, "ann", "half", 1}});
    std::vector<JobState> seen;
    std::atomic<int> times_seen = 0;
    std::thread finishes([&] {
        wait_for([&] { return times_seen >= 1; });
        (void)worker.report(*job, "nearly");
        wait_for([&] { return times_seen >= 2; });
        (void)worker.finish(*job, "42");
    });
    const auto result = board.wait_result(*id, 60s, [&](const JobState& now) {
        seen.push_back(now);
        ++times_seen;
    });
    finishes.join();
    REQUIRE(result);
    CHECK(*result == JobResult{false, "42"});
    REQUIRE(!seen.empty());
    CHECK(seen.front() == JobState{*id, Stage::working, "ann", "half", 1});
    CHECK(seen.back().progress == "nearly");
    CHECK(*board.list() == std::vector<JobState>{{*id, Stage::done, "", "", 0}});
    CHECK(worker.finish(*job, "43").error().code == Code::conflict);
    CHECK(worker.report(*job, "again").error().code == Code::conflict);
    CHECK(board.wait_result(*id, 1s)->value == "42");
    CHECK(board.forget(*id));
    CHECK(board.wait_result(*id, 1s).error().code == Code::not_found);
    CHECK(below(*client, "b/job/").size() == 0);
}

TEST_CASE("jobs: what fails is tried again, and after so many times the assigner is told why", "[integration][jobs]") {
    const OneHub one;
    const auto client = one.hub.client();
    JobBoard board(client, "b");
    const auto lease = lease_of(client, 30s);
    Worker worker(client, lease, "b", {.attempts_max = 2});
    const auto id = board.post("x");
    const auto first = worker.take(20s);
    REQUIRE(first);
    REQUIRE(worker.report(*first, "began"));
    REQUIRE(worker.fail(*first, "no luck"));
    CHECK(*board.list() == std::vector<JobState>{{*id, Stage::waiting, "", "", 1}});
    const auto second = worker.take(20s);
    REQUIRE(second);
    CHECK(second->attempts == 2);
    REQUIRE(worker.fail(*second, "no luck again"));
    CHECK(*board.wait_result(*id, 20s) == JobResult{true, "no luck again"});

    // A job of which every worker dies is given up by the next one who gets it.
    const auto deadly = board.post("deadly");
    for (int death = 0; death < 2; ++death) {
        const auto own = one.hub.client();
        const auto short_lived = lease_of(own, 30s);
        Worker victim(own, short_lived, "b", {.attempts_max = 2});
        REQUIRE(victim.take(20s));
        REQUIRE(client->revoke_lease(short_lived->id()));
    }
    CHECK(worker.take(1s).error().code == Code::timeout);
    const auto told = board.wait_result(*deadly, 20s);
    REQUIRE(told);
    CHECK(told->failed);
    CHECK(told->value == "given up: it was handed out 2 times, and nobody finished it");
    CHECK(board.list()->size() == 2);
}

TEST_CASE("jobs: of results that nobody fetches the oldest go", "[integration][jobs]") {
    const OneHub one;
    const auto client = one.hub.client();
    JobBoard board(client, "b");
    Worker worker(client, lease_of(client, 30s), "b", {.results_max = 3});
    std::vector<Bytes> ids;
    for (size_t i = 0; i <= job_results_trim_every; ++i) {
        ids.push_back(*board.post("x"));
        const auto job = worker.take(20s);
        REQUIRE(job);
        REQUIRE(worker.finish(*job, std::to_string(i)));
    }
    CHECK(below(*client, "b/job/").size() == 3);
    CHECK(board.wait_result(ids.front(), 1s).error().code == Code::not_found);
    CHECK(board.wait_result(ids.back(), 1s)->value == std::to_string(job_results_trim_every));
    CHECK(JobBoard(client, "").post("x").error().code == Code::invalid_argument);
    CHECK(JobBoard(client, Bytes(433, 'n')).post("x").error().code == Code::invalid_argument);
    JobBoard longest(client, Bytes(432, 'n'));
    REQUIRE(longest.post("x"));
    Worker other(client, lease_of(client, 30s), Bytes(432, 'n'));
    const auto job = other.take(20s);
    REQUIRE(job);
    CHECK(other.report(*job, "p"));
    CHECK(other.finish(*job, "r"));
}

TEST_CASE("jobs: a worker that is killed in the middle is followed by another, and its progress is gone",
          "[integration][jobs]") {
    const OneHub one;
    const auto client = one.hub.client();
    const std::string endpoint = one.hub.client_options().endpoints[0], output = one.directory.path() + "/worker";
    JobBoard board(client, "example/jobs");
    const auto id = board.post("1000");
    REQUIRE(id);
    const auto state = [&] {
        const auto all = board.list();
        return all && !all->empty() ? all->front() : JobState();
    };
    {
        Process first({"env", "BELFRY_ENDPOINT=" + endpoint, program("belfry-example-jobs"), "work", "first"},
                      output + "1");
        REQUIRE(wait_for([&] { return !state().progress.empty(); }));
        CHECK(state().worker == "first");
        first.signal(SIGKILL);
    }
    CHECK(wait_for([&] { return state().worker.empty(); }));  // of 3 s
    CHECK(state().progress.empty());
    Process second({"env", "BELFRY_ENDPOINT=" + endpoint, program("belfry-example-jobs"), "work", "second"}, output + "2");
    REQUIRE(wait_for([&] { return state().worker == "second"; }));
    CHECK(state().attempts == 2);
    second.signal(SIGTERM);  // in order: the job goes back at once, with its error unless it is tried again
    CHECK(second.wait(20) == 0);
    CHECK(state() == JobState{*id, Stage::waiting, "", "", 2});
    const auto quick = board.post("3", 0);
    Process third({"env", "BELFRY_ENDPOINT=" + endpoint, program("belfry-example-jobs"), "work", "third"}, output + "3");
    CHECK(*board.wait_result(*quick, 20s) == JobResult{false, "3 by third"});
}
