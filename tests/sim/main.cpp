// belfry_sim: the deterministic simulator (docs/simulation.md).
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/sim/seeds.hpp"

using namespace belfry::sim;

namespace {

struct Arguments {
    Seeds seeds = {.threads = std::max(1u, std::thread::hardware_concurrency())};
    bool trace = false;
    bool check_plants = false;
    std::string plant;
};

constexpr size_t trace_lines_shown = 50;
constexpr size_t trace_lines_all = 10'000'000;

int usage(const char* wrong) {
    std::fprintf(stderr, "belfry_sim: %s\n", wrong);
    std::fprintf(stderr,
                 "usage: ./dev sim [--seeds N] [--first-seed S] [--threads N] [--trace] [--plant NAME] [--check-plants]\n"
                 "  --threads N     how many seeds at a time; as many as there are cores\n"
                 "  --trace         print every line of the trace (with --seeds 1)\n"
                 "  --plant NAME    with a bug planted; --check-plants lists their names\n"
                 "  --check-plants  every planted bug must be found within the seeds\n");
    return 2;
}

bool parse(int argc, char** argv, Arguments& arguments) {
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        const bool more = i + 1 < argc;
        if (name == "--trace") {
            arguments.trace = true;
        } else if (name == "--check-plants") {
            arguments.check_plants = true;
        } else if (name == "--seeds" && more) {
            arguments.seeds.count = std::strtoull(argv[++i], nullptr, 10);
        } else if (name == "--first-seed" && more) {
            arguments.seeds.first = std::strtoull(argv[++i], nullptr, 10);
        } else if (name == "--threads" && more) {
            arguments.seeds.threads = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
        } else if (name == "--plant" && more) {
            arguments.plant = argv[++i];
        } else {
            return false;
        }
    }
    return arguments.seeds.count > 0 && arguments.seeds.threads > 0;
}

void print_failure(uint64_t seed, const Arguments& arguments, const Plants& plants, const std::string& failure) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
    const Outcome again = simulate(seed, plants, trace_lines_shown);
    for (const auto& line : again.trace) std::printf("  %s\n", line.c_str());
    if (again.failure != failure) std::printf("  (the second run ended otherwise: %s)\n", again.failure.c_str());
    std::printf("%s\n", replay_of(seed, arguments.plant).c_str());
}

std::string number(uint64_t value) { return std::to_string(value); }

void print_sum(const Outcome& sum) {
    std::printf(
        "sim: %s members, %s changes of membership, %s offices of leaders, %s crashes, %s snapshots, %s installed\n",
        number(sum.members).c_str(), number(sum.changes).c_str(), number(sum.leaders).c_str(), number(sum.crashes).c_str(),
        number(sum.snapshots).c_str(), number(sum.installs).c_str());
    std::printf("sim: subscribers' gaps found by chain %s, by mark %s, deltas %s, snapshots %s\n",
                number(sum.gaps_by_chain).c_str(), number(sum.gaps_by_mark).c_str(), number(sum.deltas).c_str(),
                number(sum.snapshot_catch_ups).c_str());
    std::printf("sim: %s calls of registers in some order, %s histories given up\n", number(sum.register_calls).c_str(),
                number(sum.searches_given_up).c_str());
    std::printf("sim: %s leases, %s of them expired, kept alive %s times\n", number(sum.leases).c_str(),
                number(sum.leases_expired).c_str(), number(sum.leases_kept_alive).c_str());
    std::printf("sim: %s\n", sum.recipes.words().c_str());
}

int run_seeds(const Arguments& arguments, const Plants& plants) {
    Outcome sum;
    uint64_t failures = 0;
    simulate_all(arguments.seeds, plants, arguments.trace ? trace_lines_all : 0, [&](uint64_t seed, Outcome& one) {
        for (const auto& line : one.trace) std::printf("%s\n", line.c_str());
        sum.add(one);
        if (one.failure.empty()) return true;
        if (++failures == 1) {
            print_failure(seed, arguments, plants, one.failure);
        } else {
            std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), one.failure.c_str());
        }
        return true;
    });
    print_sum(sum);
    std::printf("sim: %s seeds, %s failures, %s commands acknowledged, %s reads and %s deliveries checked\n",
                number(arguments.seeds.count).c_str(), number(failures).c_str(), number(sum.acknowledged).c_str(),
                number(sum.reads).c_str(), number(sum.deliveries).c_str());
    return failures == 0 ? 0 : 1;
}

bool finds(const Arguments& arguments, const std::string& name) {
    Plants plants;
    plants.set(name);
    tell_seed_when_aborted(name);
    std::string found;
    simulate_all(arguments.seeds, plants, 0, [&](uint64_t seed, Outcome& one) {
        if (!one.failure.empty()) found = "seed " + number(seed) + ": " + one.failure;
        return found.empty();
    });
    std::printf("%-20s %s\n", name.c_str(), found.empty() ? "NOT FOUND" : found.c_str());
    std::fflush(stdout);
    return !found.empty();
}

// Each in a process of its own: where the core's own assertion is what finds it, that process ends.
int check_plants(const Arguments& arguments) {
    int missed = 0;
    const auto names = Plants::names();
    for (const auto& name : names) {
        std::fflush(stdout);
        const pid_t child = ::fork();
        if (child == 0) ::_exit(finds(arguments, name) ? 0 : 1);
        int status = 0;
        const bool ended = child > 0 && ::waitpid(child, &status, 0) == child;
        const bool asserted = ended && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
        if (asserted) std::printf("%-20s found by an assertion of the hub's, above\n", name.c_str());
        if (!asserted && (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != 0)) ++missed;
    }
    std::printf("sim: %zu planted bugs, %d missed\n", names.size(), missed);
    return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!parse(argc, argv, arguments)) return usage("this is not how to call it");
    Plants plants;
    if (!arguments.plant.empty() && !plants.set(arguments.plant)) return usage("no such planted bug");
    tell_seed_when_aborted(arguments.plant);
    return arguments.check_plants ? check_plants(arguments) : run_seeds(arguments, plants);
}
