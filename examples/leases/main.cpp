// One of several does the work: a key that goes with its holder's lease, taken by whoever finds it gone.
//
//   belfry-example-leases NAME      start it twice; then stop, pause or kill the one that works
#include <csignal>
#include <cstdio>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/client/lease.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* key = "example/worker";
volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// Only if the compare of the worker's key holds.
belfry::Result<bool> put_if(belfry::Client& client, belfry::protocol::Compare::Target target, uint64_t number,
                            belfry::protocol::PutRequest put) {
    belfry::protocol::TxnRequest txn;
    txn.compares = {{belfry::KeyRange::one(key), target, belfry::protocol::Compare::Op::equal, number, {}}};
    txn.then_ops.push_back({std::move(put)});
    const auto done = client.txn(std::move(txn));
    if (!done) return done.error();
    return done->succeeded;
}

void work(belfry::Client& client, const belfry::Bytes& name, const belfry::Lease& lease) {
    for (int step = 1; lease.alive() && !stopped; ++step) {
        // The fence: whoever was paused and is late writes nothing, whatever he believes.
        const auto written = put_if(client, belfry::protocol::Compare::Target::lease, lease.id().value,
                                    {"example/result", name + ", step " + std::to_string(step), {}});
        if (written && !*written) break;
        std::printf("%s works, step %d%s\n", name.c_str(), step, written ? "" : ": the hub did not answer");
        std::fflush(stdout);
        std::this_thread::sleep_for(1s);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    if (argc != 2) return std::fprintf(stderr, "usage: %s NAME\n", argv[0]), 2;
    const belfry::Bytes name = argv[1];
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 2s;  // below half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());

    while (!stopped) {
        belfry::LeaseOptions options;
        options.ttl = 5s;
        options.on_lost = [](const belfry::Error& reason) { std::printf("lost: %s\n", to_string(reason).c_str()); };
        const auto lease = belfry::Lease::grant(*client, options);
        if (!lease) {
            std::printf("%s\n", to_string(lease.error()).c_str());
            std::this_thread::sleep_for(1s);
            continue;
        }
        std::printf("%s waits with lease %llu\n", name.c_str(), static_cast<unsigned long long>((*lease)->id().value));
        while ((*lease)->alive() && !stopped) {
            // Only if nobody has it.
            const auto taken = put_if(**client, belfry::protocol::Compare::Target::version, 0, {key, name, (*lease)->id()});
            if (taken && *taken) {
                work(**client, name, **lease);
                break;
            }
            std::this_thread::sleep_for(200ms);
        }
    }  // the lease is revoked, and the key goes at once
    return 0;
}
