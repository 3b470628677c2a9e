// Work that is handed out: each item is done by one consumer, and its result written exactly once, whoever dies meanwhile.
//
//   belfry-example-queue push|take      start several of each; then stop, pause or kill some, or a member
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "sdk/client/environment.hpp"
#include "sdk/recipes/queue.hpp"

using namespace std::chrono_literals;

namespace {

volatile std::sig_atomic_t stopped = 0;

int fail(const belfry::Error& error) { return std::fprintf(stderr, "%s\n", to_string(error).c_str()), 1; }

// A number each fifth of a second, to be squared; every tenth is urgent.
void push(const std::shared_ptr<belfry::Client>& client) {
    belfry::Queue queue(client, "example/squares");
    for (int number = 1; !stopped; std::this_thread::sleep_for(200ms)) {
        const auto id = queue.push(std::to_string(number), number % 10 == 0 ? 0 : belfry::queue_priority);
        if (!id) std::printf("%s\n", to_string(id.error()).c_str());
        if (!id && id.error().code != belfry::Code::uncertain) continue;  // it is not there: once more
        std::printf("pushed %d\n", number++);
        std::fflush(stdout);
    }
}

// Its result and its end are one transaction: if another consumer has it by now there is neither.
void work(belfry::Consumer& consumer, const belfry::QueueItem& item) {
    const long number = std::strtol(item.value.c_str(), nullptr, 10);
    std::this_thread::sleep_for(500ms);
    const belfry::Bytes square = std::to_string(number * number);
    const auto done = consumer.acknowledge(
        std::span(&item, 1), {{belfry::protocol::PutRequest{"example/square/" + item.id, item.value + " " + square, {}}}});
    if (!done) std::printf("%s: %s\n", item.id.c_str(), to_string(done.error()).c_str());
    if (done) std::printf("%s: %ld squared is %s\n", item.id.c_str(), number, square.c_str());
    std::fflush(stdout);
}

void take(const std::shared_ptr<belfry::Client>& client) {
    while (!stopped) {
        belfry::LeaseOptions options;
        options.ttl = 5s;
        options.on_lost = [](const belfry::Error& reason) { std::printf("lost: %s\n", to_string(reason).c_str()); };
        auto granted = belfry::Lease::grant(client, options);
        if (!granted) {
            std::printf("%s\n", to_string(granted.error()).c_str());
            std::this_thread::sleep_for(200ms);
            continue;
        }
        const std::shared_ptr<const belfry::Lease> lease = std::move(*granted);
        belfry::Consumer consumer(client, lease, "example/squares", {.cancelled = [] { return stopped != 0; }});
        while (lease->alive() && !stopped) {
            const auto items = consumer.take(2, 10s);
            if (!items) continue;  // there was nothing, or the hub did not answer
            for (const belfry::QueueItem& item : *items) {
                if (!stopped) work(consumer, item);
            }
        }
    }  // what is not done goes back, and the lease is revoked
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGINT, [](int) { stopped = 1; });
    std::signal(SIGTERM, [](int) { stopped = 1; });
    const std::string what = argc > 1 ? argv[1] : "";
    if (what != "push" && what != "take") return std::fprintf(stderr, "usage: %s push|take\n", argv[0]), 2;
    belfry::ClientOptions where = belfry::options_from_environment();
    where.timeout = 2s;  // below half the time to live
    auto client = belfry::Client::connect(where);
    if (!client) return fail(client.error());
    what == "push" ? push(*client) : take(*client);
    return 0;
}
