// Workers that register themselves, and clients that spread their requests over those that the hub tells them of. Each
// process is one of both, and prints each second where its requests went.
//
//   belfry-example-balance NAME [slow|broken]      start several, one of them slow and one broken; then end or kill some
#include <atomic>
#include <csignal>
#include <cstdio>
#include <map>
#include <thread>

#include "sdk/balance/balancer.hpp"
#include "sdk/client/environment.hpp"

using namespace std::chrono_literals;

namespace {

std::atomic<bool> stopped = false;  // read by both threads

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// Stands for a request over a network. True: answered.
bool send_to(const belfry::Instance& instance) {
    const auto how = instance.labels.find("how");
    std::this_thread::sleep_for(how != instance.labels.end() && how->second == "slow" ? 20ms : 2ms);
    return how == instance.labels.end() || how->second != "broken";
}

// A second of requests, of two threads, so that a slow worker is seen to be busy.
void work(belfry::Balancer& balancer, std::map<std::string, int>& answered, int& failed) {
    std::mutex mutex;
    const auto requests = [&] {
        for (const auto end = std::chrono::steady_clock::now() + 1s; std::chrono::steady_clock::now() < end && !stopped;) {
            auto picked = balancer.pick();
            const bool good = picked && send_to(picked->instance());
            if (!picked) std::this_thread::sleep_for(100ms);  // nobody takes work
            if (picked) good ? picked->succeed() : picked->fail();
            const std::lock_guard lock(mutex);
            good ? ++answered[picked->instance().id] : ++failed;
        }
    };
    std::thread other(requests);
    requests();
    other.join();
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = true; });
    std::signal(SIGTERM, [](int) { stopped = true; });
    if (argc != 2 && argc != 3) return std::fprintf(stderr, "usage: %s NAME [slow|broken]\n", argv[0]), 2;
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 2s;  // below half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());

    belfry::Instance worker;
    worker.service = "example-balance";
    worker.id = argv[1];
    worker.address = "127.0.0.1";
    worker.port = 8080;
    if (argc == 3) worker.labels["how"] = argv[2];
    const auto registered = belfry::Registry(*client).register_instance(worker, {.wait_for_hub = false});
    if (!registered) return fail(registered.error());
    auto balancer = belfry::Balancer::open(*client, worker.service);
    if (!balancer) return fail(balancer.error());
    while (!stopped) {
        std::map<std::string, int> answered;
        int failed = 0;
        work(**balancer, answered, failed);
        std::printf("%s: failed %d, answered", argv[1], failed);
        for (const auto& [id, times] : answered) std::printf(" %s %d", id.c_str(), times);
        std::printf("\n");
        std::fflush(stdout);
    }
    return 0;  // it is deregistered
}
