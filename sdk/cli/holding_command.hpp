// What `lock` and `semaphore` do: take something by a lease, and run a command under it or hold it.
#pragma once

#include "sdk/cli/command.hpp"
#include "sdk/recipes/line.hpp"

namespace belfry::cli {

inline constexpr Flag holding_ttl = {"ttl", FlagKind::duration, "TIME",
                                     "how long it stays held if this process dies, or is paused (10s)"};
inline constexpr Flag holding_wait = {"wait", FlagKind::duration, "TIME",
                                      "how long to wait in line (for ever); 0s: not at all"};
inline constexpr Flag holding_value = {"value", FlagKind::text, "TEXT", "of its key, for others to read (HOST:PID)"};

// Of the context: the words NAME [COMMAND ARGUMENT...] and these flags. `what`, for whoever reads: "lock". Exit 1: it was
// not free in time; 4: it was taken, and then lost; otherwise the command's.
Exit run_holding(Context& context, const char* what, recipes::Order order);

}  // namespace belfry::cli
