// Uses the libraries of the SDK but values. No hub runs: that must show as an error, not as a wait or a crash.
#include <cstdio>

#include "sdk/client/client.hpp"
#include "sdk/client/subscription.hpp"
#include "sdk/discovery/service_view.hpp"
#include "sdk/protocol/codec.hpp"
#include "sdk/recipes/election.hpp"

int main() {
    belfry::ClientOptions options;
    options.endpoints = {"tcp://127.0.0.1:1"};
    options.timeout = std::chrono::milliseconds(100);
    auto client = belfry::Client::connect(options);
    if (!client) return 1;
    const auto got = (*client)->get("key");
    if (got || got.error().code != belfry::Code::unavailable) return 2;
    if (belfry::protocol::decode_requests("garbage").ok()) return 3;
    if (belfry::Election::leader(**client, "name").error().code != belfry::Code::unavailable) return 4;
    if (belfry::Registry(*client).find("web").error().code != belfry::Code::unavailable) return 5;
    std::printf("consumer: %s\n", belfry::to_string(got.error()).c_str());
    return 0;
}
