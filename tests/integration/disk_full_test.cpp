// A disk that is really full. Needs the right to mount; skipped without.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <map>
#include <thread>

#include "tests/support/hub_process.hpp"
#include "tests/support/small_disk.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr size_t value_bytes = 60'000;
constexpr int puts_max = 2000;     // far more than the disk holds
constexpr int more_puts = 30;      // RocksDB may use 0.3 MB of disk for each until it compacts; 24 MB were made free
constexpr int uncertain_max = 10;  // one after the other; more: the hub does not answer

using Acknowledged = std::map<std::string, std::string>;

// Writes until the hub refuses at the door; what was acknowledged is remembered. The last ones before may be `uncertain`.
Error fill(Client& client, Acknowledged& acknowledged) {
    int uncertain = 0;
    for (int number = 0; number < puts_max; ++number) {
        const std::string key = "fill/" + std::to_string(acknowledged.size()) + "." + std::to_string(number);
        const std::string value = std::to_string(number) + std::string(value_bytes, 'v');
        const auto put = client.put(key, value);
        if (put) {
            acknowledged[key] = value;
            uncertain = 0;
        } else if (put.error().code != Code::uncertain || ++uncertain == uncertain_max) {
            return put.error();
        }
    }
    return {};
}

size_t lost(Client& client, const Acknowledged& acknowledged) {
    size_t count = 0;
    for (const auto& [key, value] : acknowledged) {
        const auto got = client.get(key);
        if (!got || got->value != value) ++count;
    }
    return count;
}

// A hub that starts on a full disk: until it serves what it can prove, or says what it waits for.
Result<KeyValue> first_word(const HubProcess& hub, const std::string& key) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    for (;;) {
        auto got = hub.client(1500ms)->get(key);
        const bool told = got.ok() || got.error().detail.find("cannot grow") != std::string::npos;
        if (told || std::chrono::steady_clock::now() > end) return got;
    }
}

// Within ten seconds a put is taken again.
bool heals(Client& client, const std::string& value) {
    for (int tries = 0; tries < 40; ++tries) {
        if (client.put("after", value).ok()) return true;
        std::this_thread::sleep_for(250ms);
    }
    return false;
}

struct HubOnSmallDisk {
    explicit HubOnSmallDisk(const std::string& store)
        : disk(directory.path() + "/disk"), hub(disk.path() + "/data", {"store.plugin=" + store}) {
        if (!disk.mounted()) SKIP("mounting a small tmpfs is not allowed here");
        REQUIRE(hub.start());
    }
    TemporaryDirectory directory;
    SmallDisk disk;
    HubProcess hub;
};

}  // namespace

TEST_CASE("disk full: writes are refused, reads go on, nothing acknowledged is lost, room heals it",
          "[integration][disk]") {
    const std::string store = GENERATE("storage_lmdb", "storage_sqlite", "storage_rocksdb");
    CAPTURE(store);
    HubOnSmallDisk both(store);
    const SmallDisk& disk = both.disk;
    HubProcess& hub = both.hub;
    Acknowledged acknowledged;
    {
        auto client = hub.client(1500ms);
        const Error refusal = fill(*client, acknowledged);
        INFO(refusal.detail);
        REQUIRE(refusal.code == Code::no_space);
        CHECK(refusal.detail.find("cannot grow") != std::string::npos);
        CHECK(acknowledged.size() > 20);
        CHECK(lost(*client, acknowledged) == 0);
        const auto small = client->put("small", "too");  // the last of the room may do for this one
        CHECK((small.ok() || small.error().code == Code::no_space));
    }
    hub.kill();
    disk.fill_up();
    // The disk is fuller than before.
    hub.launch();
    const auto got = first_word(hub, acknowledged.begin()->first);
    INFO(hub.log());
    auto client = hub.client(1500ms);
    if (got) {
        CHECK(lost(*client, acknowledged) == 0);
    } else {
        INFO(got.error().detail);
        CHECK(got.error().code == Code::unavailable);
        CHECK(got.error().detail.find("cannot grow") != std::string::npos);
    }

    disk.make_room();
    const bool healed = heals(*client, "room again");
    INFO(hub.log());
    REQUIRE(healed);
    CHECK(lost(*client, acknowledged) == 0);
    for (int number = 0; number < more_puts; ++number) {
        const auto put = client->put("more", std::string(value_bytes, 'm'));
        INFO((put ? "" : put.error().detail) << hub.log());
        REQUIRE(put.ok());
    }
    CHECK(lost(*client, acknowledged) == 0);
    CHECK(hub.stop() == 0);
    REQUIRE(hub.start());
    CHECK(lost(*hub.client(), acknowledged) == 0);
    CHECK(hub.client()->get("after")->value == "room again");
    CHECK(hub.stop() == 0);
}

TEST_CASE("disk full: whoever takes each octet at once that is given back does not end the hub", "[integration][disk]") {
    const std::string store = GENERATE("storage_lmdb", "storage_sqlite", "storage_rocksdb");
    CAPTURE(store);
    HubOnSmallDisk both(store);
    const SmallDisk& disk = both.disk;
    HubProcess& hub = both.hub;
    auto client = hub.client(1500ms);
    Acknowledged acknowledged;
    REQUIRE(client->put("before", "room").ok());
    {
        const std::jthread taker([&disk](const std::stop_token& stop) {
            while (!stop.stop_requested()) disk.fill_up();
        });
        std::this_thread::sleep_for(500ms);
        for (int tries = 0; tries < 3; ++tries) {
            const Error refusal = fill(*client, acknowledged);
            INFO(refusal.detail << hub.log());
            REQUIRE(refusal.code == Code::no_space);
        }
    }
    disk.make_room();
    const bool healed = heals(*client, "room");
    INFO(hub.log());
    REQUIRE(healed);
    CHECK(client->get("before")->value == "room");
    CHECK(lost(*client, acknowledged) == 0);
    CHECK(hub.stop() == 0);
}

TEST_CASE("disk full: the same process goes on when room is made", "[integration][disk]") {
    const std::string store = GENERATE("storage_lmdb", "storage_sqlite", "storage_rocksdb");
    CAPTURE(store);
    HubOnSmallDisk both(store);
    const SmallDisk& disk = both.disk;
    HubProcess& hub = both.hub;
    auto client = hub.client(1500ms);
    Acknowledged acknowledged;
    for (int round = 0; round < 2; ++round) {
        const Error refusal = fill(*client, acknowledged);
        INFO(refusal.detail << hub.log());
        REQUIRE(refusal.code == Code::no_space);
        std::filesystem::resize_file(disk.ballast(), round == 0 ? SmallDisk::ballast_bytes / 2 : 0);
        const bool healed = heals(*client, std::to_string(round));
        INFO(hub.log());
        REQUIRE(healed);
    }
    CHECK(lost(*client, acknowledged) == 0);
    CHECK(hub.stop() == 0);
}
