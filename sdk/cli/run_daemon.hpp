// Runs belfryd for what only it knows how to do (data directories, stores), and waits for its end.
#pragma once

#include <string>
#include <vector>

#include "sdk/cli/command.hpp"

namespace belfry::cli {

// The one beside this program, or in ../sbin where an installation has it, else the one in PATH. It prints for itself.
Exit run_daemon(Context& context, std::vector<std::string> arguments);

}  // namespace belfry::cli
