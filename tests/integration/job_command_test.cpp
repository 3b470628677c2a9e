// `belfry job` from a shell: a job is posted, worked on by a command that says how far it is, and its result fetched.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>

#include "sdk/recipes/job_board.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/queues.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

// The id of a job that was posted.
std::string post(const OneHub& one, const std::string& job) {
    const Outcome outcome = one.run({"job", "post", "b", job});
    INFO(outcome.output);
    REQUIRE(outcome.output.starts_with("OK job 5/"));
    return outcome.output.substr(7, outcome.output.size() - 8);
}

}  // namespace

TEST_CASE("job: `belfry job` posts, works, lists, and prints the result", "[integration][queue]") {
    const OneHub one;
    const std::string id = post(one, "one two");
    CHECK(one.run({"job", "list", "b"}).output == id + "\twaiting\n");
    CHECK(one.exit_of({"job", "result", "b", id, "--wait", "0s"}) == 1);
    const std::string script = "read job; echo $job $BELFRY_JOB_ID $BELFRY_JOB_ATTEMPTS";
    CHECK(one.run({"job", "work", "b", "--", "sh", "-c", script}).output.empty());
    CHECK(one.run({"job", "list", "b"}).output == id + "\tdone\n");
    const std::string result = "one two " + id + " 1\n";
    CHECK(one.run({"job", "result", "b", id}).output == result);
    CHECK(one.run({"job", "result", "b", id, "-o", "json", "--forget"}).output ==
          "{\"result\":\"one two " + id + " 1\\n\"}\n");
    CHECK(one.exit_of({"job", "result", "b", id}) == 1);
    CHECK(one.exit_of({"job", "forget", "b", id}) == 1);
    CHECK(one.exit_of({"job", "work", "b", "--wait", "0s", "--", "true"}) == 1);
    CHECK(one.exit_of({"job", "work", "b"}) == 2);
    CHECK(one.exit_of({"job", "list", "b", "--forget"}) == 2);
    CHECK(one.hub.client()->leases()->empty());
}

TEST_CASE(
    "job: a command that fails, and one that writes too much, let the job go on to the next, and at last it has failed",
    "[integration][queue]") {
    const OneHub one;
    const std::string id = post(one, "x");
    CHECK(one.exit_of({"job", "work", "b", "--attempts", "2", "--", "sh", "-c", "exit 3"}) == 7);
    CHECK(one.run({"job", "list", "b"}).output == id + "\twaiting\n");
    CHECK(one.exit_of({"job", "work", "b", "--attempts", "2", "--", "head", "-c", "1048577", "/dev/zero"}) == 7);
    const Outcome failed = one.run({"job", "result", "b", id, "--wait", "5s"});
    CHECK(failed.exit_code == 7);
    CHECK(failed.output.find("the job has failed: its result has more than 1048576 octets") != std::string::npos);
    CHECK(one.run({"job", "result", "b", id, "-o", "json"}).output.starts_with("{\"error\":\"its result"));
}

TEST_CASE("job: how far it is can be seen; a worker that is stopped or killed is followed by another one",
          "[integration][queue]") {
    const OneHub one;
    const std::string script = "cat >/dev/null; echo step 1; echo step 2; exec sleep 100";
    for (const int number : {SIGTERM, SIGKILL}) {
        INFO("signal " << number);
        const std::string id = post(one, "x");
        const std::string output = one.directory.path() + "/output" + std::to_string(number);
        Process worker(
            one.line({"job", "work", "b", "--follow", "--ttl", "2s", "--worker", "w1", "--", "sh", "-c", script}), output);
        REQUIRE(wait_for([&] { return one.run({"job", "list", "b"}).output == id + "\tworking\tw1\tstep 2\n"; }));
        worker.signal(number);
        if (number == SIGTERM) CHECK(worker.wait(20) == 0);
        CHECK(one.exit_of({"job", "work", "b", "--wait", "10s", "--", "sh", "-c", "cat >/dev/null; echo by the next"}) ==
              0);
        CHECK(one.run({"job", "result", "b", id, "--forget"}).output == "by the next\n");
    }
}
