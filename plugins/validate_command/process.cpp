#include "plugins/validate_command/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace belfry::validate_command {

namespace {

using Clock = std::chrono::steady_clock;

// How often we look whether it has ended: while something holds its output open, and once nothing does.
constexpr int64_t look_open_ms = 10, look_closed_ms = 1;

Error failed(const std::string& what) { return {Code::io, what + ": " + std::strerror(errno)}; }

class Descriptor {
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }
    void close() {
        if (number_ >= 0) ::close(number_);
        number_ = -1;
    }

private:
    int number_;
};

// A file without a name: no pipe that the child could leave unread.
Result<int> input_file(BytesView octets) {
    const int file = memfd_create("belfry-value", MFD_CLOEXEC);
    if (file < 0) return failed("memory for the value");
    while (!octets.empty()) {
        const ssize_t count = write(file, octets.data(), octets.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const Error error = failed("memory for the value");
            ::close(file);
            return error;
        }
        octets.remove_prefix(static_cast<size_t>(count));
    }
    lseek(file, 0, SEEK_SET);
    return file;
}

// posix_spawn, not fork: other threads of this process hold locks, and libzmq must not be forked.
Result<pid_t> start(const Call& call, int input, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions, call.directory.c_str());
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> environment;
    for (const std::string& variable : call.environment) environment.push_back(const_cast<char*>(variable.c_str()));
    environment.push_back(nullptr);
    char* const arguments[] = {const_cast<char*>(call.path.c_str()), nullptr};
    pid_t child = 0;
    const int problem = posix_spawn(&child, call.path.c_str(), &actions, &attributes, arguments, environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (problem == 0) return child;
    errno = problem;
    return failed("it cannot be started");
}

// Of a process as /proc tells it: "PID (NAME) STATE PPID PGRP SESSION ..."; the name may hold anything. 0 = gone, or dead.
pid_t session_of(pid_t process) {
    char text[512];
    const Descriptor file(open(("/proc/" + std::to_string(process) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
    const ssize_t count = file.number() < 0 ? -1 : read(file.number(), text, sizeof text - 1);
    if (count <= 0) return 0;
    text[count] = '\0';
    const char* const name_end = std::strrchr(text, ')');
    char state = 0;
    int session = 0;
    if (name_end == nullptr || std::sscanf(name_end, ") %c %*d %*d %d", &state, &session) != 2) return 0;
    return state == 'Z' || state == 'X' ? 0 : session;
}

// By the system's numbers: glibc 2.36 declares the two, but not as C.
int pidfd_of(pid_t process) { return static_cast<int>(syscall(SYS_pidfd_open, process, 0)); }
bool kill_by(int pidfd) { return syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) == 0; }

// True if it was of the session. By a descriptor: the number may have become another's since it was listed.
bool kill_if_of(pid_t session, pid_t process) {
    if (session_of(process) != session) return false;
    const Descriptor handle(pidfd_of(process));
    return handle.number() >= 0 && session_of(process) == session && kill_by(handle.number());
}

// How many processes of the session were still there.
size_t kill_session_once(pid_t session) {
    DIR* const all = opendir("/proc");
    if (all == nullptr) return 0;
    size_t killed = 0;
    while (const dirent* entry = readdir(all)) {
        const pid_t process = std::atoi(entry->d_name);
        if (process > 0 && kill_if_of(session, process)) ++killed;
    }
    closedir(all);
    return killed;
}

// All that the child has started and that did not begin a session of its own, whatever groups it is in. REQUIRES: the child
// is not reaped yet, so that the session's number is still its own.
void kill_session(pid_t child) {
    constexpr int rounds_max = 100;  // one that forks as we look is met in the next; one the kernel holds is not waited for
    kill(-child, SIGKILL);
    kill(child, SIGKILL);
    for (int round = 0; round < rounds_max && kill_session_once(child) > 0; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

// Ended, and not yet reaped: its number and its session's are still its own.
bool has_ended(pid_t child) {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

int wait_ms(Clock::time_point deadline, bool open) {
    const int64_t left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, open ? look_open_ms : look_closed_ms));
}

// Takes what is there; false at the end.
bool read_some(int output, std::string& all) {
    constexpr int pieces_max = 16;  // a program that never stops talking must not keep us from the time
    char piece[4096];
    for (int i = 0; i < pieces_max; ++i) {
        const ssize_t count = read(output, piece, sizeof piece);
        if (count == 0) return false;
        if (count < 0) return errno == EINTR || errno == EAGAIN;
        all.append(piece, std::min(static_cast<size_t>(count), output_bytes_max - std::min(all.size(), output_bytes_max)));
    }
    return true;
}

}  // namespace

Result<Outcome> run(const Call& call) {
    const auto deadline = Clock::now() + call.time_max;
    const auto input = input_file(call.input);
    if (!input) return input.error();
    Descriptor in(*input);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return failed("a pipe");
    Descriptor from(ends[0]), to(ends[1]);
    fcntl(to.number(), F_SETFL, 0);  // the child's end waits as programs expect
    const auto child = start(call, in.number(), to.number());
    if (!child) return child.error();
    to.close();
    Outcome outcome;
    bool open = true, ended = false;
    while (!ended && Clock::now() < deadline) {
        pollfd poll_for{from.number(), POLLIN, 0};
        poll(&poll_for, open ? 1 : 0, wait_ms(deadline, open));
        if (open) open = read_some(from.number(), outcome.output);
        ended = has_ended(*child);
    }
    kill_session(*child);  // also what an ended command has left running
    int status = 0;
    while (waitpid(*child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!ended) return Error{Code::timeout, "it was ended after " + std::to_string(call.time_max.count()) + " ms"};
    if (open) read_some(from.number(), outcome.output);
    if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
    if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
    return outcome;
}

}  // namespace belfry::validate_command
