// Whether something works, tried out: a connection, a page, a command.
//
//     check.what = TcpCheck{"127.0.0.1", 80};                        // somebody accepts
//     check.what = HttpCheck{"http://127.0.0.1:80/health"};          // 2xx passing, 429 warning, all else critical
//     check.what = CommandCheck{{"/usr/lib/web/check", "--quick"}};  // exit 0 passing, 1 warning, all else critical
//
// A command gets no shell: its words as they are, the program found in PATH. It has no input; the first octets that it
// prints are the note. When its time is over it is killed with all that it has started (its process group).
// No TLS, no redirects, and a name is looked up for as long as the system's resolver takes, whatever the timeout.
// A Checker does many of them, again and again, with few threads.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sdk/discovery/damping.hpp"

namespace belfry {

namespace limits {
// Of one Checker: an agent of a machine with many services.
inline constexpr size_t checks_max = 1024;
// Checks wait for others, not for a processor; some that are stuck until their timeout leave room for the rest.
inline constexpr size_t checker_threads_max = 8;
inline constexpr std::chrono::milliseconds check_interval_min{100};
inline constexpr std::chrono::milliseconds check_time_max = std::chrono::hours(24);
}  // namespace limits

struct TcpCheck {
    std::string host;
    uint16_t port = 0;
};
struct HttpCheck {
    std::string url;  // http://HOST[:PORT][/PATH]; an IPv6 address in brackets
};
struct CommandCheck {
    std::vector<std::string> words;
};

struct Check {
    std::variant<TcpCheck, HttpCheck, CommandCheck> what;
    std::chrono::milliseconds interval{10'000};  // from one beginning to the next, limits::check_interval_min at least
    std::chrono::milliseconds timeout{2'000};    // at most the interval
    DampingOptions damping = {};
};

struct Finding {
    Health health;
    std::string note;  // one line: "HTTP 503", "connect: Connection refused"
};

// `invalid_argument`: what cannot be done, and why.
Status validate_check(const Check& check);
// Once. REQUIRES: validate_check(). Returns early, with whatever it knows, when `stop` (a file descriptor; -1: none) can be
// read.
Finding run_check(const Check& check, int stop = -1);

// Does its checks again and again, each first at once, then after its interval or as soon as a thread is free.
// Threads: any thread may call. Reports come on the checker's own threads, those of one check one after another.
class Checker {
public:
    // What stands after a finding (Damping), and the finding's note. Keep it short.
    using Report = std::function<void(Health health, const std::string& note)>;

    Checker();
    // Ends what is under way; no report comes after it. REQUIRES: not in a report.
    ~Checker();
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    // A number for remove(). `invalid_argument`: validate_check(); `busy`: limits::checks_max, or no more descriptors.
    Result<uint64_t> add(Check check, Report report);
    // No report of it comes afterwards. REQUIRES: not in a report.
    void remove(uint64_t id);

private:
    class Impl;
    const std::unique_ptr<Impl> impl_;
};

}  // namespace belfry
