// Step by step together: so many workers begin each step when all are there, and go on when all are done with it.
//
//   belfry-example-barrier NAME MEMBERS      start it MEMBERS times; then stop, pause or kill one, and start it again
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/recipes/double_barrier.hpp"

using namespace std::chrono_literals;

namespace {

volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

void say(const char* name, const char* what) {
    std::printf("%s %s\n", name, what);
    std::fflush(stdout);
}

// False: to begin anew, with another lease.
bool step(belfry::DoubleBarrier& barrier, const char* name) {
    say(name, "waits for the others");
    const auto in = barrier.enter(1h);
    if (!in) return say(name, to_string(in.error()).c_str()), false;
    say(name, "works");
    std::this_thread::sleep_for(std::chrono::milliseconds(300 + std::rand() % 1000));
    say(name, "is done");
    const auto out = barrier.leave(1h);
    if (!out) return say(name, to_string(out.error()).c_str()), false;
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    const int members = argc < 3 ? 0 : std::atoi(argv[2]);
    if (members < 1) return std::fprintf(stderr, "usage: %s NAME MEMBERS\n", argv[0]), 2;
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 2s;  // below half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());

    std::srand(static_cast<unsigned>(std::hash<std::string>()(argv[1])));
    while (!stopped) {
        belfry::LeaseOptions options;
        options.ttl = 5s;  // so long the others wait for one who is gone
        options.on_lost = [](const belfry::Error& reason) { std::printf("lost: %s\n", to_string(reason).c_str()); };
        auto granted = belfry::Lease::grant(*client, options);
        if (!granted) {
            std::printf("%s; trying again\n", to_string(granted.error()).c_str());
            std::this_thread::sleep_for(1s);
            continue;
        }
        const std::shared_ptr<const belfry::Lease> lease = std::move(*granted);
        belfry::DoubleBarrier barrier(*client, lease, "example/step", static_cast<size_t>(members),
                                      [] { return stopped != 0; });
        while (!stopped && lease->alive() && step(barrier, argv[1])) continue;
    }  // the lease is revoked
    return 0;
}
