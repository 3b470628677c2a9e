// The command `belfry`. Everything is in the library; this hands it the process.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "sdk/cli/commands.hpp"

int main(int count, char** words) {
    // Ignored is inherited over exec, and then nobody sees how a child ends.
    std::signal(SIGCHLD, SIG_DFL);
    std::ios::sync_with_stdio(false);
    std::cin.tie(nullptr);
    const std::vector<std::string> line(words + (count > 0 ? 1 : 0), words + count);
    const belfry::cli::Streams streams = {std::cin, std::cout, std::cerr, isatty(STDOUT_FILENO) == 1,
                                          isatty(STDERR_FILENO) == 1};
    const auto exit = belfry::cli::run(line, streams, [](const char* name) -> const char* { return std::getenv(name); });
    return static_cast<int>(exit);
}
