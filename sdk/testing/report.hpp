// What a conformance suite says: one line per check.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/base/error.hpp"

namespace belfry::testing {

struct Check {
    std::string name;  // "batch: a rolled back batch leaves nothing"
    bool passed = false;
    std::string sentence;  // why it failed; may be empty when it passed
};

struct Report {
    std::vector<Check> checks;

    void pass(std::string name) { checks.push_back({std::move(name), true, {}}); }
    void fail(std::string name, std::string sentence) { checks.push_back({std::move(name), false, std::move(sentence)}); }
    void add(Report other) {
        for (Check& check : other.checks) checks.push_back(std::move(check));
    }
    size_t failures() const;
    bool passed() const { return !checks.empty() && failures() == 0; }
    // One line per check: "ok    NAME" or "FAIL  NAME: SENTENCE", and a line that counts.
    std::string text() const;
};

// Ends the check with this sentence. Thrown by require(), caught by run_check(); never leaves a suite.
struct CheckFailed {
    std::string sentence;
};

inline void require(bool condition, std::string_view sentence) {
    if (!condition) throw CheckFailed{std::string(sentence)};
}

// Runs body(); what it throws (CheckFailed or any other exception) becomes the failure's sentence.
template <class Body>
void run_check(Report& report, std::string name, Body&& body) {
    try {
        body();
        report.pass(std::move(name));
    } catch (const CheckFailed& failed) {
        report.fail(std::move(name), failed.sentence);
    } catch (const std::exception& exception) {
        report.fail(std::move(name), exception.what());
    }
}

}  // namespace belfry::testing
