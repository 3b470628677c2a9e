// One hub for a test, started, and `belfry` beside it; and waiting for what is to happen soon.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/support/hub_process.hpp"

namespace belfry::test {

struct OneHub {
    TemporaryDirectory directory;
    HubProcess hub{directory.path() + "/data"};

    OneHub() {
        const bool started = hub.start();
        INFO(hub.log());
        REQUIRE(started);
    }
    // A command line of `belfry` that speaks to it.
    std::vector<std::string> line(std::vector<std::string> words) const {
        const ClientOptions options = hub.client_options();
        words.insert(words.begin(),
                     {program("belfry"), "--endpoint", options.endpoints[0], "--feed", options.feed_endpoints[0]});
        return words;
    }
    Outcome run(std::vector<std::string> words) const { return run_program(line(std::move(words))); }
    int exit_of(std::vector<std::string> words) const { return run(std::move(words)).exit_code; }
};

// False: it did not come true within the time, which is long: a disk may stall for seconds, more than once.
inline bool wait_for(const std::function<bool()>& condition,
                     std::chrono::milliseconds patience = std::chrono::milliseconds(20'000)) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

}  // namespace belfry::test
