// belfry_sim: the deterministic simulator (docs/simulation.md).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/simulation.hpp"

using namespace belfry::sim;

namespace {

struct Arguments {
    uint64_t seeds = 200;
    uint64_t first_seed = 1;
    bool trace = false;
    bool check_plants = false;
    std::string plant;
};

constexpr size_t trace_lines_shown = 50;
constexpr size_t trace_lines_all = 10'000'000;

int usage(const char* wrong) {
    std::fprintf(stderr, "belfry_sim: %s\n", wrong);
    std::fprintf(stderr,
                 "usage: belfry_sim [--seeds N] [--first-seed S] [--trace] [--plant NAME] [--check-plants]\n"
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
            arguments.seeds = std::strtoull(argv[++i], nullptr, 10);
        } else if (name == "--first-seed" && more) {
            arguments.first_seed = std::strtoull(argv[++i], nullptr, 10);
        } else if (name == "--plant" && more) {
            arguments.plant = argv[++i];
        } else {
            return false;
        }
    }
    return arguments.seeds > 0;
}

void print_failure(uint64_t seed, const std::string& plant, const Plants& plants, const std::string& failure) {
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
    const Outcome again = simulate(seed, plants, trace_lines_shown);
    for (const auto& line : again.trace) std::printf("  %s\n", line.c_str());
    if (again.failure != failure) std::printf("  (the second run ended otherwise: %s)\n", again.failure.c_str());
    std::printf("replay: belfry_sim --first-seed %llu --seeds 1 --trace%s%s\n", static_cast<unsigned long long>(seed),
                plant.empty() ? "" : " --plant ", plant.c_str());
}

int run_seeds(const Arguments& arguments, const Plants& plants) {
    Outcome sum;
    uint64_t failures = 0;
    for (uint64_t seed = arguments.first_seed; seed < arguments.first_seed + arguments.seeds; ++seed) {
        const Outcome one = simulate(seed, plants, arguments.trace ? trace_lines_all : 0);
        for (const auto& line : one.trace) std::printf("%s\n", line.c_str());
        sum.acknowledged += one.acknowledged;
        sum.deliveries += one.deliveries;
        sum.reads += one.reads;
        sum.crashes += one.crashes;
        sum.snapshots += one.snapshots;
        sum.members += one.members;
        sum.installs += one.installs;
        sum.leaders += one.leaders;
        sum.gaps_by_chain += one.gaps_by_chain;
        sum.gaps_by_mark += one.gaps_by_mark;
        sum.deltas += one.deltas;
        sum.snapshot_catch_ups += one.snapshot_catch_ups;
        if (one.failure.empty()) continue;
        if (++failures == 1) {
            print_failure(seed, arguments.plant, plants, one.failure);
        } else {
            std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), one.failure.c_str());
        }
    }
    const auto number = [](uint64_t value) { return std::to_string(value); };
    std::printf("sim: %s members, %s offices of leaders, %s snapshots installed\n", number(sum.members).c_str(),
                number(sum.leaders).c_str(), number(sum.installs).c_str());
    std::printf("sim: %s crashes, %s store snapshots, gaps found by chain %s, by mark %s, deltas %s, snapshots %s\n",
                number(sum.crashes).c_str(), number(sum.snapshots).c_str(), number(sum.gaps_by_chain).c_str(),
                number(sum.gaps_by_mark).c_str(), number(sum.deltas).c_str(), number(sum.snapshot_catch_ups).c_str());
    std::printf("sim: %s seeds, %s failures, %s commands acknowledged, %s reads and %s deliveries checked\n",
                number(arguments.seeds).c_str(), number(failures).c_str(), number(sum.acknowledged).c_str(),
                number(sum.reads).c_str(), number(sum.deliveries).c_str());
    return failures == 0 ? 0 : 1;
}

int check_plants(const Arguments& arguments) {
    int missed = 0;
    for (const auto& name : Plants::names()) {
        Plants plants;
        plants.set(name);
        std::string found;
        uint64_t seed = arguments.first_seed;
        for (; found.empty() && seed < arguments.first_seed + arguments.seeds; ++seed) {
            found = simulate(seed, plants, 0).failure;
        }
        if (found.empty()) ++missed;
        std::printf("%-20s %s\n", name.c_str(),
                    found.empty() ? "NOT FOUND" : ("seed " + std::to_string(seed - 1) + ": " + found).c_str());
    }
    std::printf("sim: %zu planted bugs, %d missed\n", Plants::names().size(), missed);
    return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!parse(argc, argv, arguments)) return usage("this is not how to call it");
    Plants plants;
    if (!arguments.plant.empty() && !plants.set(arguments.plant)) return usage("no such planted bug");
    return arguments.check_plants ? check_plants(arguments) : run_seeds(arguments, plants);
}
