// `belfry queue` from a shell: each of its words, and a holder that is stopped or killed.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/one_hub.hpp"
#include "tests/support/queues.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

TEST_CASE("queue: `belfry queue` pushes, shows, takes and counts", "[integration][queue]") {
    const OneHub one;
    CHECK(one.run({"queue", "push", "q", "late", "--priority", "9"}).output.starts_with("OK item 9/"));
    const auto first = one.run({"queue", "push", "q", "-o", "json", "--", "-dash"});
    REQUIRE(first.output.starts_with("{\"id\":\"5/"));
    const std::string id = first.output.substr(7, 27);
    CHECK(one.run({"queue", "take", "q", "--peek", "--most", "1"}).output == id + "\tnew\t-dash\n");
    CHECK(one.run({"queue", "status", "q", "-o", "json"}).output ==
          "{\"items\":2,\"held\":0,\"dead\":0,\"closed\":false}\n");
    CHECK(one.run({"queue", "take", "q", "--wait", "0s", "-o", "json"}).output ==
          "{\"id\":\"" + id + "\",\"value\":\"-dash\",\"attempts\":1}\n");
    CHECK(one.run({"queue", "close", "q", "--until", "2"}).output == "OK closed\n");
    CHECK(one.run({"queue", "take", "q", "--wait", "0s"}).exit_code == 1);
    CHECK(one.run({"queue", "close", "q", "--until", "1"}).output == "OK open\n");
    CHECK(one.run({"queue", "take", "q", "--most", "5"}).output == "late\n");
    const auto none = one.run({"queue", "take", "q", "--wait", "200ms"});
    CHECK(none.exit_code == 1);
    CHECK(none.output.starts_with("belfry queue: not_found: 'q': there was nothing to take"));
    CHECK(one.run({"queue", "revive", "q", id}).exit_code == 1);
    CHECK(one.run({"queue", "push", "q", "x"}).exit_code == 0);
    CHECK(one.run({"queue", "purge", "q"}).output == "OK 1 item erased\n");
    CHECK(one.run({"queue", "push", "a/item", "x"}).exit_code == 5);
    const auto put = one.run({"put", "log/", "x", "--sequential"});
    const auto found = below(*one.hub.client(), "log/");
    REQUIRE(found.size() == 1);
    CHECK(put.output == "OK revision " + std::to_string(found[0].mod_revision.value) + ", key " + found[0].key + "\n");
    CHECK(one.hub.client()->leases()->empty());
}

TEST_CASE("queue: a command has each item on its input; 0 acknowledges it, anything else gives it back",
          "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    const Bytes big(300'000, 'v');  // more than a pipe has room for
    REQUIRE(queue.push(big));
    CHECK(one.run({"queue", "take", "q", "--", "wc", "-c"}).output == "300000\n");
    CHECK(one.run({"queue", "push", "q", "two\nlines"}).exit_code == 0);
    const auto failed = one.run({"queue", "take", "q", "--attempts", "2", "--", "sh", "-c", "cat >&2; exit 7"});
    CHECK(failed.exit_code == 7);
    CHECK(failed.output == "two\nlines");
    CHECK(*queue.status() == QueueStatus{1, 0, 0, false});
    const std::string script = "echo $BELFRY_ITEM_ID $BELFRY_ITEM_ATTEMPTS $BELFRY_ITEM_CLAIM $BELFRY_ITEM_SINCE; exit 1";
    const auto again = one.run({"queue", "take", "q", "--attempts", "2", "--", "sh", "-c", script});
    const std::string id = queue.peek(1)->at(0).id;
    CHECK(again.output.starts_with(id + " 2 q/held/" + id + " "));
    // A third time is too often; the worker goes on until nothing comes any more.
    REQUIRE(queue.push("good"));
    const auto rest = one.run({"queue", "take", "q", "--attempts", "2", "--follow", "--wait", "300ms", "--", "cat"});
    CHECK(rest.exit_code == 0);
    CHECK(rest.output == "good");
    CHECK(*queue.status() == QueueStatus{0, 0, 1, false});
    CHECK(one.run({"queue", "dead", "q"}).output == id + "\tdead\ttwo\\nlines\n");
    CHECK(one.run({"queue", "revive", "q", id}).output.starts_with("OK item 5/"));
    CHECK(one.run({"queue", "take", "q", "--", "/no/such/program"}).exit_code == 127);
    CHECK(one.run({"queue", "take", "q"}).output == "two\nlines\n");
}

TEST_CASE("queue: the item of a `belfry queue take` that is stopped, or killed, goes to another in time",
          "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    Clock::duration quickest = 1h;
    for (const int number : {SIGSTOP, SIGKILL}) {
        INFO("signal " << number);
        REQUIRE(queue.push("work"));
        const std::string output = one.directory.path() + "/output" + std::to_string(number);
        Process holder(one.line({"queue", "take", "q", "--ttl", "2s", "--", "sh", "-c", "echo $$; exec sleep 100"}),
                       output);
        REQUIRE(wait_for([&] { return read_text(output).ends_with("\n"); }));
        const int command = std::stoi(read_text(output));
        holder.signal(number);
        Consumer next(client, lease_of(client, 30s), "q");
        const auto begin = Clock::now();
        const auto items = next.take(1, 20s);
        quickest = std::min(quickest, Clock::now() - begin);
        REQUIRE(values(items) == list({"work"}));
        CHECK((*items)[0].attempts == 2);
        CHECK(next.acknowledge(*items));
        if (number != SIGSTOP) continue;
        CHECK(kill(command, 0) == 0);
        holder.signal(SIGCONT);
        CHECK(holder.wait(20) == 4);
        CHECK(read_text(output).find("uncertain: item 5/") != std::string::npos);
        CHECK(kill(command, 0) != 0);  // and was waited for
    }
    CHECK(quickest < 3s);  // the time to live and a second; a machine that is busy may miss it once
}

TEST_CASE("queue: a follower that nobody reads ends, and holds nothing", "[integration][queue]") {
    const OneHub one;
    const std::string pipe = one.directory.path() + "/pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    Process follower(one.line({"queue", "take", "q", "--follow", "--ttl", "60s"}), pipe);
    REQUIRE(one.exit_of({"queue", "push", "q", "read"}) == 0);
    std::array<char, 16> read{};
    REQUIRE(wait_for([&] { return ::read(reader, read.data(), read.size()) == 5; }, 20s));
    ::close(reader);
    REQUIRE(one.exit_of({"queue", "push", "q", "unread"}) == 0);
    CHECK(follower.wait(20) == 7);
    CHECK(one.run({"queue", "take", "q", "--wait", "20s"}).output == "unread\n");
}

TEST_CASE("queue: a stop signal is handed on, and what is not done goes back at once", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    const std::vector<Bytes> some{"a", "b"};
    REQUIRE(queue.push(some));
    const std::string output = one.directory.path() + "/output";
    Process worker(one.line({"queue", "take", "q", "--follow", "--most", "2", "--", "sh", "-c",
                             "trap 'exit 0' TERM; echo runs; while :; do sleep 0.05; done"}),
                   output);
    REQUIRE(wait_for([&] { return read_text(output) == "runs\n"; }));
    CHECK(queue.status()->held == 2);
    worker.signal(SIGINT);
    CHECK(worker.wait(20) == 0);
    CHECK(*queue.status() == QueueStatus{1, 0, 0, false});  // the first one was acknowledged all the same
    CHECK(queue.peek(1)->at(0).value == "b");
    Process waiter(one.line({"queue", "take", "other"}), output + "2");
    REQUIRE(wait_for([&] { return !below(*client, "other/user/").empty(); }));
    waiter.signal(SIGINT);
    CHECK(waiter.wait(20) == 130);
}
