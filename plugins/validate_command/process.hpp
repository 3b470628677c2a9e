// One run of a command: a value in, a verdict out. The child gets nothing of ours but that: no descriptors, no environment,
// no blocked or ignored signals; and it leads a session, which is ended as a whole.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::validate_command {

inline constexpr size_t output_bytes_max = 4096;  // what is looked at; more is read and forgotten

struct Call {
    std::string path;                      // of the executable, absolute
    std::string directory;                 // it runs there
    BytesView input;                       // its standard input, a file that it may also seek in
    std::vector<std::string> environment;  // "NAME=value"; all that there is
    std::chrono::milliseconds time_max{0};
};

struct Outcome {
    int exit_code = 0;   // if it was not killed
    int signal = 0;      // that ended it; 0 = none
    std::string output;  // of standard output and error together, the first octets
};

// Any thread. Returns when the command has ended, whatever it left behind in its session is killed then. `timeout`: it took
// too long and was killed; `io`: it could not be started.
Result<Outcome> run(const Call& call);

}  // namespace belfry::validate_command
