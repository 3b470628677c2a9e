// SIGINT and SIGTERM as a question: commands that go on for ever ask it a few times a second and end in order.
#pragma once

#include <chrono>
#include <csignal>

#include "sdk/cli/exit_code.hpp"

namespace belfry::cli {

constexpr auto stopped_exit = static_cast<Exit>(128 + SIGINT);  // of a command that was stopped while it waited

inline constexpr std::chrono::milliseconds signal_poll{100};  // how often a command that waits asks

void catch_stop_signals();  // from now on they only set the answer
bool stop_requested();

}  // namespace belfry::cli
