// A job that one of many does: the first works, the others wait, and all print the same result.
//
//   belfry-example-once NAME [SECONDS]      start it three times within ten seconds, so long is the work by default; kill
//                                           the one that works, and see another one take over. Again:
//                                           belfry once example/job --forget
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/recipes/once.hpp"

using namespace std::chrono_literals;

namespace {

volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// Some seconds of work, and each second a write that is done only while it is this one's turn.
belfry::Result<belfry::Bytes> work(belfry::Client& client, const belfry::OnceTurn& turn, const belfry::Bytes& name,
                                   int seconds) {
    for (int second = 1; second <= seconds; ++second) {
        if (stopped) return belfry::Error{belfry::Code::uncertain, name + " was stopped"};
        std::this_thread::sleep_for(1s);
        belfry::protocol::TxnRequest txn;
        txn.compares = {turn.guard};
        txn.then_ops.push_back({belfry::protocol::PutRequest{"example/progress", name + " " + std::to_string(second), {}}});
        const auto done = client.txn(std::move(txn));
        if (!done) return done.error();
        if (!done->succeeded) return belfry::Error{belfry::Code::conflict, "another one is at it"};
        std::printf("%s has worked for %d s, try %llu\n", name.c_str(), second,
                    static_cast<unsigned long long>(turn.number));
        std::fflush(stdout);
    }
    return "done by " + name;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    const int seconds = argc > 2 ? std::atoi(argv[2]) : 10;
    if (argc < 2 || seconds < 1) return std::fprintf(stderr, "usage: %s NAME [SECONDS]\n", argv[0]), 2;
    const belfry::Bytes name = argv[1];
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 2s;  // below half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());
    belfry::LeaseOptions lease_options;
    lease_options.ttl = 5s;  // so long the others wait for a worker who is gone
    lease_options.on_lost = [](const belfry::Error& reason) { std::printf("lost: %s\n", to_string(reason).c_str()); };
    auto granted = belfry::Lease::grant(*client, lease_options);
    if (!granted) return fail(granted.error());
    const std::shared_ptr<const belfry::Lease> lease = std::move(*granted);

    belfry::OnceOptions options;
    options.cancelled = [] { return stopped != 0; };
    std::printf("%s is there\n", name.c_str());
    std::fflush(stdout);
    const auto result = belfry::run_once(
        *client, lease, "example/job", [&](const belfry::OnceTurn& turn) { return work(**client, turn, name, seconds); },
        options);
    if (!result && stopped) return 0;
    if (!result) return fail(result.error());
    std::printf("%s\n", result->c_str());
    return 0;
}
