// What a command that is run for the user writes to its standard output, up to a bound.
// Threads: one at a time.
#pragma once

#include <array>
#include <functional>
#include <utility>

#include "sdk/base/types.hpp"
#include "sdk/cli/child_process.hpp"

namespace belfry::cli {

class Capture {
public:
    // `bytes_max`: more than that makes it full().
    explicit Capture(size_t bytes_max);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    bool open() const { return ends_[0] >= 0; }  // false: the system had no pipe left; errno says why
    // For the command, until close_input(): a file descriptor to write to.
    int input() const { return ends_[1]; }
    void close_input();
    // Can be read when there is something; -1: nothing comes any more.
    int output() const { return ended_ ? -1 : ends_[0]; }
    // Takes what is there, without waiting.
    void read();
    bool full() const { return text_.size() > bytes_max_; }
    const Bytes& text() const { return text_; }
    Bytes take() { return std::move(text_); }

private:
    const size_t bytes_max_;
    std::array<int, 2> ends_{};
    bool ended_ = false;
    Bytes text_;
};

// The exit code of a command whose output is `capture`, with all that it wrote. `may_go_on` is asked some times a second.
// None: it was to end, or it wrote more than may be: it got SIGTERM, and SIGKILL if it then took 5 s.
std::optional<int> run_captured(ChildProcess& child, Capture& capture, const std::function<bool()>& may_go_on);

}  // namespace belfry::cli
