#include "sdk/cli/run_daemon.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace belfry::cli {

namespace {

std::string daemon_path() {
    std::error_code failed;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
    for (const char* place : {"belfryd", "../sbin/belfryd"}) {
        const auto path = (folder / place).lexically_normal();
        if (!failed && ::access(path.c_str(), X_OK) == 0) return path.string();
    }
    return "belfryd";
}

// With SIGPIPE as it expects; main() ignores it. An errno.
int spawn(pid_t& child, char* const* words) {
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    const int failed = ::posix_spawnp(&child, words[0], nullptr, &attributes, words, environ);
    ::posix_spawnattr_destroy(&attributes);
    return failed;
}

}  // namespace

Exit run_daemon(Context& context, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), daemon_path());
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    context.out.flush();
    pid_t child = 0;
    if (const int error = spawn(child, words.data()); error != 0) {
        return context.fail({Code::io, "cannot run '" + arguments[0] + "': " + std::strerror(error)});
    }
    int outcome = 0;
    pid_t waited = 0;
    do waited = ::waitpid(child, &outcome, 0);
    while (waited < 0 && errno == EINTR);
    if (waited != child)
        return context.fail({Code::io, "how '" + arguments[0] + "' ended was not seen: " + std::strerror(errno)});
    if (WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0) return Exit::ok;
    return WIFEXITED(outcome) && WEXITSTATUS(outcome) == 2 ? Exit::usage : Exit::other;
}

}  // namespace belfry::cli
