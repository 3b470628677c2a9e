// The command `belfry`. Everything is in the library; this hands it the process.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "sdk/cli/commands.hpp"

namespace {

// -1: standard output is no pipe. (Not a socket: the journal's may go and come back.)
int output_pipe() {
    struct stat facts {};
    return fstat(STDOUT_FILENO, &facts) == 0 && S_ISFIFO(facts.st_mode) ? STDOUT_FILENO : -1;
}

}  // namespace

int main(int count, char** words) {
    // Ignored is inherited over exec, and then nobody sees how a child ends.
    std::signal(SIGCHLD, SIG_DFL);
    // When nobody reads any more, what is held is given back before the end.
    std::signal(SIGPIPE, SIG_IGN);
    std::ios::sync_with_stdio(false);
    std::cin.tie(nullptr);
    const std::vector<std::string> line(words + (count > 0 ? 1 : 0), words + count);
    const belfry::cli::Streams streams = {
        std::cin, std::cout, std::cerr, isatty(STDOUT_FILENO) == 1, isatty(STDERR_FILENO) == 1, output_pipe()};
    const auto exit = belfry::cli::run(line, streams, [](const char* name) -> const char* { return std::getenv(name); });
    return static_cast<int>(exit);
}
