// A command that is run for the user, with this process's input and output or others, and waited for.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sdk/base/error.hpp"

namespace belfry::cli {

// Instead of this process's own.
struct ChildStreams {
    std::optional<std::string> input = {};  // all that it reads
    int output = -1;                        // a file descriptor for what it writes; -1: this process's
};

class ChildProcess {
public:
    using Variables = std::vector<std::pair<std::string, std::string>>;

    // `words`: the program, found in PATH, and its arguments. `variables`: beside this process's own, and instead of those.
    // A program that cannot be run is one that says so and ends with 127 (126: it may not be run), as in a shell. If this
    // thread ends before it, it gets SIGTERM. `io`: no process could be made.
    static Result<ChildProcess> start(const std::vector<std::string>& words, const Variables& variables,
                                      const ChildStreams& streams = {});
    ChildProcess(ChildProcess&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), handle_(std::exchange(other.handle_, -1)) {}
    ChildProcess& operator=(ChildProcess&&) = delete;
    ~ChildProcess();  // it is not waited for any more

    // REQUIRES, of both: it has not been seen to end.
    void signal(int number) const;
    // Its exit code, or 128 and the signal that killed it; none: it still runs. Returns early on a signal, and when `wake`,
    // a file descriptor (-1: none), can be read.
    std::optional<int> wait(std::chrono::milliseconds patience, int wake = -1);
    // It was asked to end: waits until it has, and kills it if it did not within 5 s.
    void end();

private:
    ChildProcess(int pid, int handle) : pid_(pid), handle_(handle) {}
    int pid_;
    int handle_;
};

}  // namespace belfry::cli
