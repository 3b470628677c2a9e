// All that is known of one instance's health, and what it comes to: the worst word counts. Pure; time is an argument.
//
//   the application  report(): passing until it says otherwise
//   each check       critical until it was done once
//   the beat         critical when none came within beat_ttl
//
// What is critical for withdraw_after is not to be found at all, until it is better again.
#pragma once

#include <chrono>
#include <vector>

#include "sdk/discovery/instance.hpp"

namespace belfry {

class HealthRecord {
public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    struct Options {
        size_t checks = 0;
        std::chrono::milliseconds beat_ttl{0};        // 0: no beat is expected
        std::chrono::milliseconds withdraw_after{0};  // 0: never
    };
    HealthRecord(Options options, Time now);

    void beat(Time now) { beaten_ = now; }
    void report(Health health, std::string note) { words_.front() = {health, std::move(note)}; }
    // `check`: its place, below Options::checks.
    void take(size_t check, Health health, std::string note) { words_.at(check + 1) = {health, std::move(note)}; }

    struct Standing {
        Health health;
        std::string note;  // of the worst word
        bool withdrawn;
        Time changes_at;  // by time alone; Time::max(): never
    };
    // REQUIRES: no time before that of an earlier call.
    Standing at(Time now);

private:
    struct Word {
        Health health;
        std::string note;
    };
    const Options options_;
    std::vector<Word> words_;  // the application's, then one for each check
    Time beaten_;
    std::optional<Time> critical_since_;
};

}  // namespace belfry
