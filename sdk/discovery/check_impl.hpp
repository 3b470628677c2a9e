// The kinds of checks, and waiting for them. Private to sdk/discovery.
#pragma once

#include <string_view>
#include <utility>

#include "sdk/discovery/check.hpp"

namespace belfry::checks {

// Until when something is waited for, and what ends it before.
class Deadline {
public:
    using Clock = std::chrono::steady_clock;
    Deadline(std::chrono::milliseconds timeout, int stop) : end_(Clock::now() + timeout), stop_(stop) {}

    // True: `file` can be read (written, ...: `events` as of poll). False: the time is over, or stop.
    bool wait(int file, short events) const;

private:
    const Clock::time_point end_;
    const int stop_;
};

// A descriptor that is closed.
class File {
public:
    explicit File(int number = -1) : number_(number) {}
    ~File();
    File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    File& operator=(File&& other) noexcept { return std::swap(number_, other.number_), *this; }
    int number() const { return number_; }

private:
    int number_;
};

// A host's address and the port; the first address that takes the connection. An error is what the last one said.
Result<File> connect_to(const std::string& host, uint16_t port, const Deadline& deadline);

// http://HOST[:PORT][/PATH], taken apart.
struct Url {
    std::string host;  // an IPv6 address without its brackets
    uint16_t port = 80;
    std::string authority;  // for the header Host
    std::string path;
};
Result<Url> parse_url(std::string_view text);

inline Finding critical(std::string note) { return {Health::critical, std::move(note)}; }

Finding run_tcp(const TcpCheck& check, const Deadline& deadline);
Finding run_http(const HttpCheck& check, const Deadline& deadline);
Finding run_command(const CommandCheck& check, const Deadline& deadline);

}  // namespace belfry::checks
