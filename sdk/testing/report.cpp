#include "sdk/testing/report.hpp"

#include <algorithm>

namespace belfry::testing {

size_t Report::failures() const {
    return static_cast<size_t>(
        std::count_if(checks.begin(), checks.end(), [](const Check& check) { return !check.passed; }));
}

std::string Report::text() const {
    std::string text;
    for (const Check& check : checks) {
        text += check.passed ? "ok    " : "FAIL  ";
        text += check.name;
        if (!check.sentence.empty()) text += ": " + check.sentence;
        text += '\n';
    }
    return text + std::to_string(checks.size()) + " checks, " + std::to_string(failures()) + " failed\n";
}

}  // namespace belfry::testing
