// Many runs, on several threads. A run has nothing in common with another.
#pragma once

#include <functional>
#include <string>

#include "tests/sim/simulation.hpp"

namespace belfry::sim {

struct Seeds {
    uint64_t first = 1;
    uint64_t count = 200;
    unsigned threads = 1;
};

// Calls `done` for one seed after the other, in their order, on any of the threads; it ends when `done` says false.
void simulate_all(const Seeds& seeds, const Plants& plants, size_t trace_lines,
                  const std::function<bool(uint64_t seed, Outcome& outcome)>& done);

// What to type to see the seed again, and at which commit, if there is a git to ask.
std::string replay_of(uint64_t seed, const std::string& plant);

// From now on a process that aborts (an assertion inside the core) says in which seed, and how to see it again.
void tell_seed_when_aborted(const std::string& plant);

}  // namespace belfry::sim
