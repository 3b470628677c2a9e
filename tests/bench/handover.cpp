// belfry_handover_bench [PEER [WAITERS [ROUNDS]]]: how quickly a lock goes from one to the next of WAITERS (100) who stand
// in line for it, ROUNDS (5) times, and an election's office to the other candidate after a clean resign, 50 times. Three
// members on this machine; PEER is belfry, etcd or zookeeper; all sync what they acknowledge. docs/benchmarks.md.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "tests/bench/waiters.hpp"

using namespace belfry::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t waiters_max = 500;
constexpr int resigns = 50;

double ms(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

void await_line(Peer& peer, const std::string& name, size_t length) {
    const auto end = Clock::now() + 60s;
    while (peer.in_line(name) < length) {
        if (Clock::now() > end) throw std::runtime_error("they do not come to stand in line");
        std::this_thread::sleep_for(10ms);
    }
    std::this_thread::sleep_for(100ms);  // the last one looks who is ahead
}

// Threads whose exceptions are not lost: what the first one threw is thrown by join().
class Threads {
public:
    template <class Work>
    void add(Work work) {
        threads_.emplace_back([this, work = std::move(work)] {
            try {
                work();
            } catch (...) {
                const std::lock_guard lock(mutex_);
                if (!failure_) failure_ = std::current_exception();
            }
        });
    }
    void join() {
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    ~Threads() {
        for (std::thread& thread : threads_) thread.join();
    }

private:
    std::mutex mutex_;
    std::exception_ptr failure_;
    std::vector<std::thread> threads_;
};

struct HandOvers {
    double total_ms = 0;
    std::vector<double> each_ms;
};

// One holds the lock while all others come to stand in line; then it goes through the line.
void pass_on(Peer& peer, const std::string& name, size_t waiters, HandOvers& figures) {
    const auto first = peer.waiter(Peer::Kind::lock, name);
    first->acquire();
    std::vector<std::unique_ptr<Waiter>> others;
    for (size_t i = 0; i < waiters; ++i) others.push_back(peer.waiter(Peer::Kind::lock, name));
    std::vector<Clock::time_point> got(waiters);
    Threads threads;
    for (size_t i = 0; i < waiters; ++i) {
        threads.add([&, i] {
            others[i]->acquire();
            got[i] = Clock::now();
            others[i]->release();
        });
    }
    await_line(peer, name, waiters + 1);
    auto last = Clock::now();
    first->release();
    threads.join();
    std::sort(got.begin(), got.end());
    figures.total_ms += ms(got.back() - last);
    for (const auto at : got) figures.each_ms.push_back(ms(at - std::exchange(last, at)));
}

std::vector<double> resign(Peer& peer) {
    std::vector<double> each_ms;
    auto leader = peer.waiter(Peer::Kind::election, "office"), other = peer.waiter(Peer::Kind::election, "office");
    leader->acquire();
    for (int i = 0; i < resigns; ++i) {
        Clock::time_point elected;
        Threads threads;
        threads.add([&] { other->acquire(), elected = Clock::now(); });
        await_line(peer, "office", 2);
        const auto begin = Clock::now();
        leader->release();
        threads.join();
        each_ms.push_back(ms(elected - begin));
        std::swap(leader, other);
    }
    return each_ms;
}

double part(std::vector<double>& values, double share) {
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())))];
}

std::unique_ptr<Peer> peer_of(const std::string& name, const std::string& directory) {
    if (name == "belfry") return belfry_peer(directory);
    if (name == "etcd") return etcd_peer(directory);
#ifdef BELFRY_BENCH_ZOOKEEPER
    return zookeeper_peer(directory);
#else
    throw std::runtime_error("this build has no client of it: install libzookeeper-mt-dev, configure and build again");
#endif
}

void run(const std::string& name, size_t waiters, size_t rounds) {
    const std::string directory = "build/bench-handover";
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    const auto peer = peer_of(name, directory);
    HandOvers figures;
    pass_on(*peer, "warm-up", waiters, figures);
    figures = {};
    for (size_t i = 0; i < rounds; ++i) pass_on(*peer, "lock" + std::to_string(i), waiters, figures);
    auto resigned = resign(*peer);
    const auto count = static_cast<double>(figures.each_ms.size());
    std::printf("| %s | %zu waiters | %.0f hand-overs/s | p50 %.2f ms | p99 %.2f ms | resign p50 %.2f ms | p99 %.2f ms |\n",
                name.c_str(), waiters, count / figures.total_ms * 1000, part(figures.each_ms, 0.5),
                part(figures.each_ms, 0.99), part(resigned, 0.5), part(resigned, 0.99));
    std::filesystem::remove_all(directory);
}

}  // namespace

int main(int count, char** arguments) {
    const std::string peer = count > 1 ? arguments[1] : "belfry";
    const size_t waiters = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 100;
    const size_t rounds = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 5;
    const bool known = peer == "belfry" || peer == "etcd" || peer == "zookeeper";
    if (!known || waiters < 1 || waiters > waiters_max || rounds < 1) {
        std::fprintf(stderr,
                     "usage: belfry_handover_bench [belfry|etcd|zookeeper [WAITERS [ROUNDS]]]; %zu waiters at most\n",
                     waiters_max);
        return 2;
    }
    try {
        run(peer, waiters, rounds);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "belfry_handover_bench: %s: %s\n", peer.c_str(), error.what());
        return 1;
    }
}
