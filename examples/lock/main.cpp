// One at a time: a counter in the hub that whoever holds the lock counts up, and nobody who has lost it.
//
//   belfry-example-lock NAME      start it twice; then stop, pause or kill the one that works
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/recipes/lock.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* key = "example/counter";
volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// Read, think, write: what two must not do at once. False: the lock was lost meanwhile, and nothing is written.
belfry::Result<bool> count_up(belfry::Client& client, const belfry::Lock& lock, const char* name) {
    const auto before = client.get(key);
    const int number = before ? std::atoi(before->value.c_str()) : 0;
    std::this_thread::sleep_for(500ms);
    belfry::protocol::TxnRequest txn;
    txn.compares = {lock.guard()};
    txn.then_ops.push_back({belfry::protocol::PutRequest{key, std::to_string(number + 1), {}}});
    const auto done = client.txn(std::move(txn));
    if (!done) return done.error();
    if (done->succeeded) {
        std::printf("%s counts %d with token %llu\n", name, number + 1,
                    static_cast<unsigned long long>(lock.fencing_token().value));
        std::fflush(stdout);
    }
    return done->succeeded;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    if (argc != 2) return std::fprintf(stderr, "usage: %s NAME\n", argv[0]), 2;
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 2s;  // below half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());

    while (!stopped) {
        belfry::LeaseOptions options;
        options.ttl = 5s;
        options.on_lost = [](const belfry::Error& reason) { std::printf("lost: %s\n", to_string(reason).c_str()); };
        auto granted = belfry::Lease::grant(*client, options);
        if (!granted) {
            std::printf("%s\n", to_string(granted.error()).c_str());
            std::this_thread::sleep_for(1s);
            continue;
        }
        const std::shared_ptr<const belfry::Lease> lease = std::move(*granted);
        belfry::Lock lock(*client, lease, "example/lock", {.value = argv[1], .cancelled = [] { return stopped != 0; }});
        while (lease->alive() && !stopped) {
            if (!lock.lock(10s)) continue;  // others had it, or the hub did not answer
            for (int turn = 0; turn < 3 && lock.held() && !stopped; ++turn) {
                const auto counted = count_up(**client, lock, argv[1]);
                if (!counted) std::printf("%s\n", to_string(counted.error()).c_str());
                if (counted && !*counted) break;
            }
            if (const auto left = lock.unlock(); !left) std::printf("%s\n", to_string(left.error()).c_str());
        }
    }  // the lease is revoked
    return 0;
}
