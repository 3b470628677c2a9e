#include "sdk/cli/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kill_after = 5s;  // of a command that does not end when it is asked to
constexpr auto end_poll = 100ms;
constexpr int not_found = 127;
constexpr int not_allowed = 126;
constexpr std::array stop_signals = {SIGINT, SIGTERM};

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

// Later ones of the same name are not seen by getenv.
std::vector<std::string> environment_with(const ChildProcess::Variables& variables) {
    std::vector<std::string> all;
    for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
    for (char** own = environ; *own != nullptr; ++own) {
        const std::string_view entry(*own);
        bool replaced = false;
        for (const auto& [name, value] : variables) replaced = replaced || entry.starts_with(name + "=");
        if (!replaced) all.emplace_back(entry);
    }
    return all;
}

Error failed(const char* call, int reason) { return {Code::io, std::string(call) + ": " + std::strerror(reason)}; }

// A file in memory: unlike a pipe it takes all of it at once, whatever is read.
Result<int> file_with(const std::string& octets) {
    const int file = ::memfd_create("belfry", MFD_CLOEXEC);
    if (file < 0) return failed("memfd_create", errno);
    for (size_t done = 0; done < octets.size();) {
        const ssize_t some = ::write(file, octets.data() + done, octets.size() - done);
        if (some < 0 && errno == EINTR) continue;
        if (some < 0) {
            const Error error = failed("write", errno);
            ::close(file);
            return error;
        }
        done += static_cast<size_t>(some);
    }
    ::lseek(file, 0, SEEK_SET);
    return file;
}

// Between fork and exec, in a process that had threads: nothing that may take a lock.
[[noreturn]] void become(char* const* words, char* const* environment, const std::string& complaint, int input, int output,
                         pid_t parent, const sigset_t& mask) {
    for (const int number : stop_signals) ::signal(number, SIG_DFL);
    ::signal(SIGPIPE, SIG_DFL);  // as it expects; main() ignores it
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    if (::getppid() != parent) ::_exit(not_found);  // it has died before that
    if (input >= 0 && ::dup2(input, STDIN_FILENO) < 0) ::_exit(not_found);
    if (output >= 0 && ::dup2(output, STDOUT_FILENO) < 0) ::_exit(not_found);
    ::execvpe(words[0], words, environment);
    const int reason = errno;
    [[maybe_unused]] const auto said = ::write(STDERR_FILENO, complaint.data(), complaint.size());
    ::_exit(reason == ENOENT ? not_found : not_allowed);
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& words, const Variables& variables,
                                         const ChildStreams& streams) {
    const Result<int> file = streams.input ? file_with(*streams.input) : Result<int>(-1);
    if (!file) return file.error();
    std::vector<std::string> own_words = words;
    std::vector<std::string> own_environment = environment_with(variables);
    const std::vector<char*> word_pointers = pointers(own_words);
    const std::vector<char*> environment_pointers = pointers(own_environment);
    const std::string complaint = "belfry: cannot run '" + words.front() + "'\n";
    const pid_t parent = ::getpid();
    // One that comes before the child is itself would be for this process's handlers in it, and be lost.
    sigset_t stops, before;
    ::sigemptyset(&stops);
    for (const int number : stop_signals) ::sigaddset(&stops, number);
    ::pthread_sigmask(SIG_BLOCK, &stops, &before);
    const pid_t pid = ::fork();
    if (pid == 0)
        become(word_pointers.data(), environment_pointers.data(), complaint, *file, streams.output, parent, before);
    const int refused = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (*file >= 0) ::close(*file);
    if (pid < 0) return failed("fork", refused);
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (handle >= 0) return ChildProcess(pid, handle);
    const Error error = failed("pidfd_open", errno);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return error;
}

ChildProcess::~ChildProcess() {
    if (handle_ >= 0) ::close(handle_);
}

void ChildProcess::signal(int number) const { ::kill(pid_, number); }

void ChildProcess::end() {
    for (const auto until = Clock::now() + kill_after; Clock::now() < until;) {
        if (wait(end_poll)) return;
    }
    signal(SIGKILL);
    while (!wait(end_poll)) continue;
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds patience, int wake) {
    std::array<pollfd, 2> files = {pollfd{handle_, POLLIN, 0}, pollfd{wake, POLLIN, 0}};
    ::poll(files.data(), files.size(), static_cast<int>(patience.count()));
    int outcome = 0;
    if (::waitpid(pid_, &outcome, WNOHANG) != pid_) return {};
    return WIFEXITED(outcome) ? WEXITSTATUS(outcome) : 128 + WTERMSIG(outcome);
}

}  // namespace belfry::cli
