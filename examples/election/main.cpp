// One of several leads, and everybody knows who: a service whose leader says where it is.
//
//   belfry-example-election NAME      start it three times; then stop, pause or kill the one that leads
#include <csignal>
#include <cstdio>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/recipes/election.hpp"

using namespace std::chrono_literals;

namespace {

volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// On the client's thread: short.
void on_leader(const std::optional<belfry::Leader>& leader) {
    if (!leader) std::printf("nobody leads\n");
    if (leader)
        std::printf("%s leads, token %llu\n", leader->value.c_str(), static_cast<unsigned long long>(leader->token.value));
    std::fflush(stdout);
}

void lead(belfry::Election& election, const belfry::Bytes& name) {
    for (int load = 0; election.leads() && !stopped; ++load) {
        // For all to see, and only while it leads, whatever it believes.
        const auto told = election.proclaim(name + ", load " + std::to_string(load % 10));
        if (!told && told.error().code == belfry::Code::conflict) return;
        std::this_thread::sleep_for(2s);
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
    const auto observer = belfry::ElectionObserver::open(*client, "example/leader", on_leader);
    if (!observer) return fail(observer.error());

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
        belfry::Election election(*client, lease, "example/leader", [] { return stopped != 0; });
        while (lease->alive() && !stopped) {
            if (!election.campaign(name, 1h)) continue;  // the lease is lost, or the hub did not answer
            lead(election, name);
            if (const auto left = election.resign(); !left) std::printf("%s\n", to_string(left.error()).c_str());
        }
    }  // the lease is revoked
    return 0;
}
