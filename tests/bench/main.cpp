// belfry_bench: runs the scenarios on the hub and, with --peer etcd, on etcd, one after the other in one run on one disk,
// and prints a table with ratios. --peer-bin takes another etcd than Debian's; --only NAME runs one scenario.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "tests/bench/scenarios.hpp"

namespace {

using namespace belfry::bench;

struct Options {
    std::string hub, peer, peer_binary = "/usr/bin/etcd", directory = "build/bench-data", only, store = "storage_lmdb";
    double seconds = 5;
    size_t connections = 1;
    size_t members = 1;
    size_t kills = 50;
    size_t subscribers = 1000;
    size_t keys_many = 1'000'000;
};

struct Scenario {
    const char* name;
    const char* what;
    std::function<Figures(Driver&, const Options&)> run;
};

Load load(const Options& options, size_t in_flight, size_t keys = 10'000) {
    Load load;
    load.seconds = options.seconds;
    load.in_flight = in_flight;
    load.keys = keys;
    return load;
}

std::vector<Scenario> scenarios() {
    return {
        {"idle", "no client, 5 s", [](Driver& driver, const Options&) { return run_idle(driver, 5); }},
        {"put-256", "durable puts, 256 in flight",
         [](Driver& driver, const Options& o) { return run_puts(driver, load(o, 256)); }},
        {"put-1", "durable puts, one in flight",
         [](Driver& driver, const Options& o) { return run_puts(driver, load(o, 1)); }},
        {"get-256", "linearizable gets, 256 in flight",
         [](Driver& driver, const Options& o) { return run_gets(driver, load(o, 256)); }},
        {"get-1", "linearizable gets, one in flight",
         [](Driver& driver, const Options& o) { return run_gets(driver, load(o, 1)); }},
        {"range-1000", "ranges of 1,000 keys, 8 in flight",
         [](Driver& driver, const Options& o) { return run_ranges(driver, load(o, 8), 1000); }},
        {"fanout", "puts as fast as they go, 256 in flight, all subscribers",
         [](Driver& driver, const Options& o) { return run_fanout(driver, load(o, 256, 1000), o.subscribers); }},
        {"delivery", "100 changes/s, all subscribers, put call to callback",
         [](Driver& driver, const Options& o) { return run_delivery_latency(driver, load(o, 1), o.subscribers, 100); }},
        {"failover", "clusters: SIGKILL of the leader until a write is accepted, ms",
         [](Driver& driver, const Options& o) { return o.members > 1 ? run_fail_over(driver, o.kills, 0) : Figures{}; }},
        {"failover-load", "the same with 64 puts in flight, each accounted for afterwards",
         [](Driver& driver, const Options& o) { return o.members > 1 ? run_fail_over(driver, o.kills, 64) : Figures{}; }},
        {"put-1000-keys", "durable puts over 1,000 keys",
         [](Driver& driver, const Options& o) { return run_puts(driver, load(o, 256, 1000)); }},
        {"restart", "kill -9 and restart with many keys",
         [](Driver& driver, const Options& o) { return run_restart(driver, o.keys_many, 256); }},
        {"put-many-keys", "durable puts over many keys",
         [](Driver& driver, const Options& o) {
             fill(driver, "put/", o.keys_many, 256);
             return run_puts(driver, load(o, 256, o.keys_many));
         }},
    };
}

void print(const Scenario& scenario, const Figures& ours, const Figures* theirs) {
    std::printf("\n%-14s %s\n", scenario.name, scenario.what);
    for (const auto& [name, value] : ours) {
        std::printf("  %-24s %14.1f", name.c_str(), value);
        if (theirs != nullptr && theirs->count(name)) {
            std::printf(" %14.1f", theirs->at(name));
            if (theirs->at(name) > 0) std::printf(" %9.2fx", value / theirs->at(name));
        }
        std::printf("\n");
    }
    std::fflush(stdout);
}

bool parse(int argc, char** argv, Options& options) {
    for (int at = 1; at < argc; ++at) {
        const std::string flag = argv[at];
        if (at + 1 >= argc) return false;
        const std::string value = argv[++at];
        if (flag == "--hub")
            options.hub = value;
        else if (flag == "--peer")
            options.peer = value;
        else if (flag == "--peer-bin")
            options.peer_binary = value;
        else if (flag == "--dir")
            options.directory = value;
        else if (flag == "--store")
            options.store = value;
        else if (flag == "--only")
            options.only += " " + value + " ";
        else if (flag == "--seconds")
            options.seconds = std::atof(value.c_str());
        else if (flag == "--connections")
            options.connections = std::strtoul(value.c_str(), nullptr, 10);
        else if (flag == "--members")
            options.members = std::strtoul(value.c_str(), nullptr, 10);
        else if (flag == "--kills")
            options.kills = std::strtoul(value.c_str(), nullptr, 10);
        else if (flag == "--subscribers")
            options.subscribers = std::strtoul(value.c_str(), nullptr, 10);
        else if (flag == "--keys")
            options.keys_many = std::strtoul(value.c_str(), nullptr, 10);
        else
            return false;
    }
    return !options.hub.empty() && (options.peer.empty() || options.peer == "etcd");
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    if (!parse(argc, argv, options)) {
        std::fprintf(stderr,
                     "usage: belfry_bench --hub BELFRYD [--peer etcd] [--peer-bin FILE] [--dir DIR] [--seconds S] "
                     "[--connections N]\n"
                     "                    [--subscribers N] [--keys N] [--members N] [--kills N] [--store PLUGIN]\n"
                     "                    [--only SCENARIO]...\n");
        return 2;
    }
    std::printf("%-26s %14s", "", "belfry");
    if (!options.peer.empty()) std::printf(" %14s %10s", options.peer.c_str(), "ratio");
    std::printf("\n");
    for (const auto& scenario : scenarios()) {
        if (!options.only.empty() && options.only.find(std::string(" ") + scenario.name + " ") == std::string::npos)
            continue;
        // A server of its own for each scenario and side: nothing is inherited.
        const auto measure = [&](auto make, const std::string& binary) {
            std::filesystem::remove_all(options.directory);
            const auto driver =
                make(DriverOptions{binary, options.directory, options.connections, options.members, options.store});
            return scenario.run(*driver, options);
        };
        const Figures ours = measure(make_belfry, options.hub);
        if (options.peer.empty()) {
            print(scenario, ours, nullptr);
        } else {
            const Figures theirs = measure(make_etcd, options.peer_binary);
            print(scenario, ours, &theirs);
        }
    }
    std::filesystem::remove_all(options.directory);
    return 0;
}
