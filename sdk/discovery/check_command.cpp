// Checks that are programs.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "sdk/discovery/check_impl.hpp"

namespace belfry::checks {
namespace {

// Without input, its output and errors to this pipe, in a process group of its own, with no signal held back.
int spawn(const std::vector<std::string>& words, int pipe, pid_t& pid) {
    std::vector<std::string> own = words;
    std::vector<char*> pointers;
    for (std::string& word : own) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, pipe, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, pipe, STDERR_FILENO);
    const int failed = ::posix_spawnp(&pid, pointers.front(), &files, &attributes, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    return failed;
}

// What it prints until it has ended; only the beginning is kept. False: not in time.
bool outlast(int pipe, int process, const Deadline& deadline, std::string& said) {
    std::array<char, 512> piece{};
    for (bool open = true; open;) {
        if (!deadline.wait(pipe, POLLIN)) return false;
        const ssize_t octets = ::read(pipe, piece.data(), piece.size());
        if (octets < 0 && errno == EINTR) continue;
        open = octets > 0;
        if (open && said.size() < limits::instance_note_bytes_max) said.append(piece.data(), static_cast<size_t>(octets));
    }
    return deadline.wait(process, POLLIN);
}

Finding judge(int outcome, std::string said) {
    if (WIFSIGNALED(outcome)) return critical("killed by signal " + std::to_string(WTERMSIG(outcome)) + "; " + said);
    const int code = WEXITSTATUS(outcome);
    if (said.empty()) said = "exit " + std::to_string(code);
    return {code == 0 ? Health::passing : code == 1 ? Health::warning : Health::critical, std::move(said)};
}

}  // namespace

Finding run_command(const CommandCheck& check, const Deadline& deadline) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return critical(std::string("pipe: ") + std::strerror(errno));
    const File read_end(ends[0]);
    pid_t pid = -1;
    int failed = 0;
    {
        const File write_end(ends[1]);
        failed = spawn(check.words, ends[1], pid);
    }
    if (failed != 0) return critical("'" + check.words.front() + "': " + std::strerror(failed));
    const File process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    std::string said;
    const bool in_time = process.number() >= 0 && outlast(read_end.number(), process.number(), deadline, said);
    // All of its group, also where it has left something behind that holds the pipe.
    if (!in_time) ::kill(-pid, SIGKILL);
    int outcome = 0;
    pid_t waited = 0;
    do waited = ::waitpid(pid, &outcome, 0);
    while (waited < 0 && errno == EINTR);
    if (waited != pid) return critical("its end was not seen: this process ignores SIGCHLD, or waits for any child");
    if (process.number() < 0) return critical("no descriptor is left to wait for it");
    return in_time ? judge(outcome, std::move(said)) : critical("did not end in time; " + said);
}

}  // namespace belfry::checks
