// The hub on another state store than the default one, chosen by one line of belfry.toml.
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

TEST_CASE("store: one line in belfry.toml puts the state into SQLite, and kill -9 loses nothing", "[integration][store]") {
    const TemporaryDirectory directory;
    const std::string config = directory.path() + "/belfry.toml";
    std::ofstream(config) << "store.plugin = \"storage_sqlite\"\n";
    HubProcess hub(directory.path() + "/data");
    hub.use_config(config);
    REQUIRE(hub.start());
    auto watching = hub.client();
    SubscriptionOptions options;
    options.filter = {"prefix", "app/"};
    auto subscription = Subscription::open(watching, options);
    REQUIRE(subscription);
    for (int round = 1; round <= 3; ++round) {
        for (int i = 0; i < 100; ++i) REQUIRE(hub.client()->put("app/" + std::to_string(i), std::to_string(round)).ok());
        hub.kill();
        REQUIRE(hub.start());
        for (int i = 0; i < 100; ++i) CHECK(hub.client()->get("app/" + std::to_string(i))->value == std::to_string(round));
    }
    REQUIRE(hub.client()->put("app/last", "seen").ok());
    for (int tries = 0; tries < 100 && (*subscription)->get("app/last") != "seen"; ++tries)
        std::this_thread::sleep_for(100ms);
    CHECK((*subscription)->get("app/last") == "seen");
    CHECK((*subscription)->get("app/99") == "3");
    REQUIRE(hub.stop() == 0);
    CHECK(read_text(hub.data_dir() + "/state/PLUGIN") == "storage_sqlite 1\n");
    CHECK(read_text(hub.data_dir() + "/state/state.sqlite").starts_with("SQLite format 3"));
    // The same directory without the line: the hub asks for the line, and changes nothing.
    const auto refused = run_program(
        {program("belfryd"), "--data-dir", hub.data_dir(), "--listen", "tcp://127.0.0.1:*", "--feed", "tcp://127.0.0.1:*"});
    CHECK(refused.exit_code == 1);
    CHECK(refused.output.find("storage_sqlite") != std::string::npos);
    CHECK(refused.output.find("storage_lmdb") != std::string::npos);
    REQUIRE(hub.start());
    CHECK(hub.client()->get("app/last")->value == "seen");
    CHECK(hub.stop() == 0);
}
