// Wall clocks that are ahead: what they do to the time of entries, to sessions and to the age of history.
#include <catch2/generators/catch_generators.hpp>

#include "sdk/protocol/codec.hpp"
#include "tests/unit/hub/core/world.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::core;

TEST_CASE("a clock that is days ahead cannot make all history old at once", "[core]") {
    constexpr uint64_t day_ms = 86'400'000;
    auto options = World::default_options();
    options.keep_ms = 7 * day_ms;
    Ready world(options);
    for (int i = 0; i < 10; ++i) world.write(put_of("a", std::to_string(i)));
    const auto compacted = [&] {
        const auto status = world.send(protocol::StatusRequest{});
        return std::get<uint64_t>(std::get<protocol::StatusReply>(world.reply(status)->result).figures.at(1).second);
    };
    const auto live = [&](uint64_t days) {
        for (uint64_t hour = 0; hour < 24 * days; ++hour) {
            world.now = {world.now.monotonic_ms + day_ms / 24, world.now.wall_ms + day_ms / 24};
            world.write(put_of("b", ""));
        }
    };
    live(1);
    REQUIRE(compacted() == 0);
    world.now.wall_ms += 8 * day_ms;
    if (GENERATE(false, true)) world.restart();
    world.write(put_of("a", "now"));
    live(1);
    CHECK(compacted() == 0);
    live(2);
    CHECK(compacted() >= 10);
}

// ---- time ----

TEST_CASE("after a leader's clock was ahead, time goes on at its pace and sessions become idle", "[core]") {
    constexpr uint64_t year_ms = 365ull * 86'400'000, minute_ms = 60'000;
    Ready world;
    const auto put_again = [&](uint64_t sequence, uint64_t acknowledged) {
        const uint64_t id = world.send(put_of("a", ""), {77, sequence, acknowledged});
        world.sync();
        return world.reply(id)->error.code;
    };
    const auto time_ms = [&] {
        const auto id = world.send(protocol::HistoryRequest{"a", 1, {}});
        return std::get<protocol::HistoryReply>(world.reply(id)->result).versions[0].time_ms;
    };
    const uint64_t began_ms = world.now.wall_ms;
    world.now.wall_ms += year_ms;
    REQUIRE(put_again(1, 0) == Code::ok);
    CHECK(time_ms() == began_ms + year_ms);
    world.now.wall_ms -= year_ms;
    REQUIRE(put_again(2, 1) == Code::ok);
    CHECK(time_ms() == began_ms + year_ms);
    for (int i = 0; i < 12; ++i) {
        world.now = {world.now.monotonic_ms + minute_ms, world.now.wall_ms + minute_ms};
        world.write(put_of("a", ""));
    }
    CHECK(time_ms() == began_ms + year_ms + 12 * minute_ms);
    CHECK(put_again(3, 2) == Code::conflict);  // the session was idle for 12 minutes
    world.now.wall_ms += 2 * year_ms;          // beyond: the clock is followed again
    world.write(put_of("a", ""));
    CHECK(time_ms() == world.now.wall_ms);
}
