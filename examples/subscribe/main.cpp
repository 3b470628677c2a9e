// Follow a part of the configuration: typed values with defaults, a binding, and proof of how fresh it is.
//
//   belfry-example-subscribe [ENDPOINT FEED]      then, elsewhere:  belfry put app/pool/size 64
#include <csignal>
#include <cstdio>
#include <thread>

#include "sdk/client/subscription.hpp"

using namespace std::chrono_literals;

namespace {
volatile std::sig_atomic_t stopped = 0;
}

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    belfry::ClientOptions where;
    if (argc == 3) where.endpoints = {argv[1]}, where.feed_endpoints = {argv[2]};
    auto client = belfry::Client::connect(where);
    if (!client) return std::fprintf(stderr, "%s\n", to_string(client.error()).c_str()), 1;

    belfry::SubscriptionOptions options;
    options.filter = {"prefix", "app/"};
    options.on_change = [](const belfry::Delivery& delivery) {
        std::printf("revision %llu: %zu keys changed %s\n", static_cast<unsigned long long>(delivery.revision.value),
                    delivery.changes.size(), delivery.comment.c_str());
    };
    auto subscription = belfry::Subscription::open(*client, options);
    if (!subscription) return std::fprintf(stderr, "%s\n", to_string(subscription.error()).c_str()), 1;
    auto& config = **subscription;
    if (!config.wait_current(5s)) return std::fprintf(stderr, "no hub answered; is belfryd running?\n"), 1;

    config.bind("app/pool/size", [](const belfry::KeyChange& change) {
        std::printf("pool size: %s -> %s\n", change.before ? change.before->value.c_str() : "(none)",
                    change.after ? change.after->value.c_str() : "(none)");
    });
    while (!stopped) {
        std::printf("pool size %lld, timeout %lld ms, proved current %lld ms ago\n",
                    static_cast<long long>(config.get_int("app/pool/size", 32)),
                    static_cast<long long>(config.get_duration("app/timeout", 250ms).count()),
                    static_cast<long long>(config.staleness().count()));
        std::fflush(stdout);
        std::this_thread::sleep_for(1s);
    }
    return 0;
}
