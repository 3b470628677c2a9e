#include "sdk/testing/log_store_troubles.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "sdk/testing/log_store_driver.hpp"

namespace belfry::testing {

namespace {

LogEntry entry_of(uint64_t index) { return {index / 100 + 1, 5, std::to_string(index) + Bytes(index % 700, '.')}; }

std::vector<LogEntry> entries_from(uint64_t first, uint64_t count) {
    std::vector<LogEntry> entries;
    for (uint64_t i = 0; i < count; ++i) entries.push_back(entry_of(first + i));
    return entries;
}

// The child: batches of one to nine entries, told through the pipe once they are synced, then some that no sync covers.
[[noreturn]] void write_until_killed(const LogStoreSuite& suite, const std::string& directory, int pipe) {
    try {
        LogDriver log(*suite.table, directory, suite.settings);
        for (;;) {
            const uint64_t next = log.state().last_index + 1;
            log.append(next, entries_from(next, next % 9 + 1));
            log.sync();
            const uint64_t last = log.state().last_index;
            if (::write(pipe, &last, sizeof(last)) != sizeof(last)) ::_exit(1);
            log.append(last + 1, entries_from(last + 1, 3));
        }
    } catch (...) {
        ::_exit(1);
    }
}

// How far the child told to have come when it died.
uint64_t run_and_kill(const LogStoreSuite& suite, const std::string& directory, int round) {
    int ends[2];
    require(::pipe(ends) == 0, "no pipe");
    const pid_t child = ::fork();
    require(child >= 0, "no child");
    if (child == 0) write_until_killed(suite, directory, ends[1]);
    ::close(ends[1]);
    uint64_t last = 0, told = 0;
    bool alive = true;
    for (int i = 0; i < 11 * round && alive; ++i) {
        alive = ::read(ends[0], &last, sizeof(last)) == sizeof(last);
        if (alive) told = last;
    }
    ::usleep(static_cast<useconds_t>(137 * round));
    ::kill(child, SIGKILL);
    while (::read(ends[0], &last, sizeof(last)) == sizeof(last)) told = last;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    require(alive, "the child that writes failed by itself");
    return told;
}

}  // namespace

void check_log_kill(const LogStoreSuite& suite) {
    const Folder folder(suite.directory);
    for (int round = 1; round <= 5; ++round) {
        const uint64_t told = run_and_kill(suite, folder.path(), round);
        LogDriver log(*suite.table, folder.path(), suite.settings);
        const auto found = log.all();
        require(found.size() >= told,
                "after kill -9 a synced entry is lost: " + std::to_string(found.size()) + " of " + std::to_string(told));
        require(found == entries_from(1, found.size()), "after kill -9 the entries are not a prefix of what was appended");
    }
}

Report check_log_store_on_full_disk(const LogStoreSuite& suite, uint64_t bytes_max) {
    Report report;
    run_check(report, "full disk: refused, nothing of it remains, goes on when there is room", [&] {
        const Folder folder(suite.directory);
        const std::string ballast = suite.directory + "/ballast";
        std::ofstream(ballast) << Bytes(bytes_max / 3, 'b');
        LogDriver log(*suite.table, folder.path(), suite.settings);
        std::vector<LogEntry> entries;
        Answer answer;
        const auto fill = [&] {
            for (uint64_t bytes = 0; answer.status == BELFRY_OK && bytes <= bytes_max; bytes += 60'000) {
                const std::vector<LogEntry> batch(3, {1, 1, Bytes(20'000, static_cast<char>(bytes / 1000))});
                answer = log.try_append(entries.size() + 1, batch);
                if (answer.status == BELFRY_OK) entries.insert(entries.end(), batch.begin(), batch.end());
                if (answer.status == BELFRY_OK) log.sync();
            }
        };
        fill();
        require_refused(answer, BELFRY_NO_SPACE, "an append that the disk cannot take");
        require(log.all() == entries, "an append refused for lack of space leaves something");
        require_refused(log.try_append(entries.size() + 1, {{1, 1, Bytes(1'000'000, 'n')}}), BELFRY_NO_SPACE,
                        "a second append that the disk cannot take");
        log.sync();
        log.reopen();
        require(log.all() == entries, "a log on a full disk does not open again as it was");
        const size_t before = entries.size();
        std::filesystem::remove(ballast);
        answer = {};
        fill();
        require(entries.size() > before, "with room again nothing can be appended: " + answer.sentence);
        log.reopen();
        require(log.all() == entries, "what was appended with room again is lost");
    });
    return report;
}

}  // namespace belfry::testing
