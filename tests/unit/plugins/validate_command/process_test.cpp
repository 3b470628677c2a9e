#include "plugins/validate_command/process.hpp"

#include <fcntl.h>

#include <csignal>
#include <thread>

#include "tests/unit/plugins/validate_command/folder.hpp"

using namespace belfry;
using namespace belfry::validate_command;
using namespace std::chrono_literals;
using test::Folder;

namespace {

Result<Outcome> run_script(const Folder& folder, const std::string& script, BytesView input = {},
                           std::chrono::milliseconds time_max = 10s) {
    const std::string path = folder.program("script", script);
    return run({path, folder.path(), input, {"PATH=/usr/bin:/bin", "WORD=two words"}, time_max});
}

std::string output_of(const Folder& folder, const std::string& script, BytesView input = {}) {
    const auto outcome = run_script(folder, script, input);
    REQUIRE(outcome);
    return outcome->output;
}

}  // namespace

TEST_CASE("command: input, output and exit code are those of the program", "[validate_command]") {
    const Folder folder;
    const auto outcome = run_script(folder, "cat; echo \"$WORD\" >&2; exit 7", Bytes("in\0put\n", 7));
    REQUIRE(outcome);
    CHECK(outcome->output == Bytes("in\0put\ntwo words\n", 17));
    CHECK(outcome->exit_code == 7);
    CHECK(outcome->signal == 0);
    CHECK(run_script(folder, "kill -TERM $$")->signal == SIGTERM);
    // What it does not read is nobody's trouble, nor is what it prints too much.
    CHECK(run_script(folder, "exit 0", Bytes(1024 * 1024, 'x'))->exit_code == 0);
    CHECK(output_of(folder, "wc -c", Bytes(1024 * 1024, 'x')) == "1048576\n");
    CHECK(output_of(folder, "head -c 1000000 /dev/zero").size() == output_bytes_max);
    CHECK(output_of(folder, "cat /dev/stdin; cat /dev/stdin", "twice ") == "twice twice ");
}

TEST_CASE("command: it gets nothing of this process but that", "[validate_command]") {
    const Folder folder;
    const int open_here = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
    REQUIRE(open_here >= 0);
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    CHECK(output_of(folder, "for fd in /proc/self/fd/*; do test ${fd##*/} -gt 2 && readlink $fd; done | grep -c null") ==
          "0\n");
    CHECK(output_of(folder, "pwd") == folder.path() + "\n");
    CHECK(output_of(folder, "env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= | sort") ==
          "PATH=/usr/bin:/bin\nWORD=two words\n");
    // glibc's posix_spawn leaves its own two signals (32, 33) ignored, if they are here.
    CHECK(output_of(folder,
                    "grep -E '^(SigBlk|SigIgn)' /proc/self/status | cut -f 2 | grep -v '^0000000180000000$' | sort -u") ==
          "0000000000000000\n");
    CHECK(output_of(folder, "test $(ps -o pgid= -p $$) -eq $$ && test $(ps -o sid= -p $$) -eq $$ && echo own session") ==
          "own session\n");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    close(open_here);
}

TEST_CASE("command: one that takes too long is ended with all that it started", "[validate_command]") {
    const Folder folder;
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = run_script(folder, "trap '' TERM; (trap '' TERM HUP; sleep 1; touch left) & sleep 60", "", 200ms);
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().code == Code::timeout);
    CHECK(took >= 200ms);
    CHECK(took < 30s);
    // timeout(1) leads a process group of its own, and so does each job of a shell that watches them (-m).
    CHECK(run_script(folder, "timeout 300 sh -c 'sleep 1; touch left'", "", 200ms).error().code == Code::timeout);
    CHECK(run_script(folder, "set -m; (sleep 1; touch left) & (sleep 1; touch left) & sleep 60", "", 200ms).error().code ==
          Code::timeout);
    // Output without an end keeps it no longer.
    CHECK(run_script(folder, "while :; do echo word; done", "", 200ms).error().code == Code::timeout);
    // One that has ended leaves nothing behind, and is not waited for by what holds its output open: 60 s are too long.
    CHECK(output_of(folder, "sleep 60 & echo done") == "done\n");
    CHECK(output_of(folder, "(sleep 1; touch left) & echo done") == "done\n");
    CHECK(output_of(folder, "timeout 300 sh -c 'sleep 1; touch left' & echo done") == "done\n");
    std::this_thread::sleep_for(1500ms);
    CHECK_FALSE(folder.has("left"));
}

TEST_CASE("command: what cannot be started is an error", "[validate_command]") {
    const Folder folder;
    CHECK(run({folder.path() + "/nothing", folder.path(), "", {}, 1s}).error().code == Code::io);
    const std::string path = folder.program("plain", "exit 0", 0644);
    CHECK(run({path, folder.path(), "", {}, 1s}).error().detail.find("Permission denied") != std::string::npos);
}
