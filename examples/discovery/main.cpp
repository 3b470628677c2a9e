// A service whose instances find one another: each registers, says that it works, and prints who else is there.
//
//   belfry-example-discovery PORT      start it three times; then stop, pause or kill one of them
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/discovery/service_view.hpp"

using namespace std::chrono_literals;

namespace {

volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// On the registration's thread.
void on_state(belfry::RegistrationState state, const belfry::Error& reason) {
    const std::string why = reason.code == belfry::Code::ok ? "" : ": " + to_string(reason);
    std::printf("I am %s%s\n", std::string(to_string(state)).c_str(), why.c_str());
    std::fflush(stdout);
}

// On the client's thread: short.
void on_change(const std::vector<belfry::InstanceChange>& changes) {
    for (const belfry::InstanceChange& change : changes) {
        const belfry::Instance& instance = change.after ? *change.after : *change.before;
        const char* what = !change.before ? "is here" : !change.after ? "is gone" : "has changed";
        std::printf("%s at %s %s, %s\n", instance.id.c_str(), host_and_port(instance).c_str(), what,
                    std::string(to_string(instance.health)).c_str());
    }
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    if (argc != 2) return std::fprintf(stderr, "usage: %s PORT\n", argv[0]), 2;
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 2s;  // below half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());

    const auto view = belfry::ServiceView::open(*client, "example", {.on_change = on_change});
    if (!view) return fail(view.error());
    belfry::Instance own;
    own.service = "example";
    own.address = "127.0.0.1";
    own.port = static_cast<uint16_t>(std::atoi(argv[1]));
    belfry::RegistrationOptions options;
    options.ttl = 5s;       // how long it is found when it is killed
    options.beat_ttl = 3s;  // and when its loop below is stuck, until it is critical
    options.on_state = on_state;
    const auto registration = belfry::Registry(*client).register_instance(own, options);
    if (!registration) return fail(registration.error());

    for (int second = 1; !stopped; ++second) {
        (*registration)->beat();
        std::this_thread::sleep_for(1s);
        if (second % 2 != 0) continue;
        const auto instances = (*view)->instances();
        std::printf("%zu of us, as the hub said %.1f s ago\n", instances->size(),
                    static_cast<double>((*view)->staleness().count()) / 1000);
        std::fflush(stdout);
    }
    return 0;
}  // deregistered
