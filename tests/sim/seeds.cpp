#include "tests/sim/seeds.hpp"

#include <csignal>
#include <cstdio>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace belfry::sim {

namespace {

thread_local uint64_t seed_under_way = 0;
std::string plant_for_abort;

// The process dies anyway: what a signal handler may not do hurts nobody any more.
void on_abort(int) {
    if (seed_under_way == 0) return;
    std::printf("seed %llu: aborted\n%s\n", static_cast<unsigned long long>(seed_under_way),
                replay_of(seed_under_way, plant_for_abort).c_str());
    std::fflush(stdout);
}

std::string commit() {
    char text[64] = "";
    if (FILE* const git = popen("git rev-parse --short HEAD 2>/dev/null", "r")) {
        if (std::fgets(text, sizeof(text), git) == nullptr) text[0] = '\0';
        pclose(git);
    }
    const std::string line = text;
    return line.empty() ? "an unknown commit" : "commit " + line.substr(0, line.find('\n'));
}

// Outcomes come in any order and are handed on in the order of their seeds.
class InOrder {
public:
    InOrder(uint64_t first, const std::function<bool(uint64_t, Outcome&)>& done) : next_(first), done_(done) {}
    // False = no more are wanted.
    bool add(uint64_t seed, Outcome outcome) {
        const std::lock_guard lock(mutex_);
        waiting_.emplace(seed, std::move(outcome));
        while (wanted_ && !waiting_.empty() && waiting_.begin()->first == next_) {
            wanted_ = done_(next_++, waiting_.begin()->second);
            waiting_.erase(waiting_.begin());
        }
        return wanted_;
    }

private:
    std::mutex mutex_;
    std::map<uint64_t, Outcome> waiting_;
    uint64_t next_;
    bool wanted_ = true;
    const std::function<bool(uint64_t, Outcome&)>& done_;
};

}  // namespace

void simulate_all(const Seeds& seeds, const Plants& plants, size_t trace_lines,
                  const std::function<bool(uint64_t seed, Outcome& outcome)>& done) {
    InOrder results(seeds.first, done);
    const auto every = [&](unsigned thread) {
        for (uint64_t seed = seeds.first + thread; seed < seeds.first + seeds.count; seed += seeds.threads) {
            seed_under_way = seed;
            Outcome outcome = simulate(seed, plants, trace_lines);
            seed_under_way = 0;
            if (!results.add(seed, std::move(outcome))) return;
        }
    };
    std::vector<std::thread> others;
    for (unsigned thread = 1; thread < seeds.threads; ++thread) others.emplace_back(every, thread);
    every(0);
    for (std::thread& other : others) other.join();
}

std::string replay_of(uint64_t seed, const std::string& plant) {
    return "replay (" + commit() + "): ./dev sim --first-seed " + std::to_string(seed) + " --seeds 1 --trace" +
           (plant.empty() ? "" : " --plant " + plant);
}

void tell_seed_when_aborted(const std::string& plant) {
    plant_for_abort = plant;
    std::signal(SIGABRT, on_abort);
}

}  // namespace belfry::sim
