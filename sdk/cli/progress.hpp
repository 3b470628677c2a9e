// "importing  1,234 of 5,678 keys" on one line of a terminal, rewritten a few times a second. Silent elsewhere.
#pragma once

#include <chrono>
#include <ostream>
#include <string>

#include "sdk/cli/command.hpp"

namespace belfry::cli {

class Progress {
public:
    Progress(const Context& context, std::string label);
    ~Progress();  // wipes the line
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void show(uint64_t done, uint64_t total);  // total 0 = not known

private:
    std::ostream& err_;
    const bool shown_;
    const std::string label_;
    std::chrono::steady_clock::time_point next_{};
    bool written_ = false;
};

}  // namespace belfry::cli
