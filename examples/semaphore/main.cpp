// Two at a time: of all who want to work, so many do, and each says how many he
// sees at it.
//
//   belfry-example-semaphore NAME      start it four times; then
//   stop, pause or kill one that works
#include <csignal>
#include <cstdio>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/recipes/semaphore.hpp"

using namespace std::chrono_literals;

namespace {

constexpr size_t permits = 2;
const belfry::Bytes at_work = "example/at-work/";
volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// For all to see, as long as the permit is held and not a moment longer: the
// key goes with the same lease, and is put only while the permit is there.
// False: it was lost.
belfry::Result<bool> begin(belfry::Client& client, const belfry::Semaphore& semaphore, belfry::LeaseId lease,
                           const belfry::Bytes& name) {
    belfry::protocol::TxnRequest txn;
    txn.compares = {semaphore.guard()};
    txn.then_ops.push_back({belfry::protocol::PutRequest{at_work + name, "", lease}});
    const auto done = client.txn(std::move(txn));
    if (!done) return done.error();
    return done->succeeded;
}

// Some work, and who is at it meanwhile.
belfry::Status work(belfry::Client& client, const belfry::Bytes& name) {
    std::this_thread::sleep_for(1s);
    belfry::protocol::RangeRequest request;
    request.range = belfry::KeyRange::prefix(at_work);
    request.count_only = true;
    const auto all = client.range(request);
    if (!all) return all.error();
    std::printf("%s works, one of %llu\n", name.c_str(), static_cast<unsigned long long>(all->count));
    std::fflush(stdout);
    return {};
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
        auto granted = belfry::Lease::grant(*client, options);
        if (!granted) {
            std::printf("%s\n", to_string(granted.error()).c_str());
            std::this_thread::sleep_for(1s);
            continue;
        }
        const std::shared_ptr<const belfry::Lease> lease = std::move(*granted);
        belfry::Semaphore semaphore(*client, lease, "example/semaphore", permits,
                                    {.value = name, .cancelled = [] { return stopped != 0; }});
        while (lease->alive() && !stopped) {
            const auto taken = semaphore.acquire(10s);
            if (!taken && taken.error().code == belfry::Code::conflict) return fail(taken.error());
            if (!taken) continue;  // others had all permits, or the hub did not answer
            auto done = begin(**client, semaphore, lease->id(), name);
            for (int turn = 0; turn < 2 && done && *done && !stopped; ++turn) {
                if (const auto worked = work(**client, name); !worked) done = worked.error();
            }
            if (!done) std::printf("%s\n", to_string(done.error()).c_str());
            if (!(*client)->erase(belfry::KeyRange::one(at_work + name))) break;  // it goes with the lease
            if (!semaphore.release()) break;                                      // likewise
        }
    }  // the lease is revoked
    return 0;
}
