// `belfry store migrate`: the state of a stopped hub into another store, and what interrupts it.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/hub_process.hpp"
#include "tests/support/small_disk.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Outcome migrate(const std::string& data_dir, const std::string& from, const std::string& to) {
    return run_program({program("belfry"), "store", "migrate", "--data", data_dir, "--from", from, "--to", to}, 60);
}

std::string store_of(const std::string& data_dir) {
    const std::string identity = read_text(data_dir + "/identity");
    const size_t at = identity.find("\nstore = ") + 9;
    return identity.substr(at, identity.find('\n', at) - at);
}

size_t state_folders(const std::string& data_dir) {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(data_dir))
        count += entry.path().filename().string().starts_with("state") ? 1 : 0;
    return count;
}

constexpr int keys = 300;

void fill(HubProcess& hub, int value_bytes) {
    auto client = hub.client();
    for (int i = 0; i < keys; ++i) {
        const std::string number = std::to_string(i);
        REQUIRE(client->put("app/" + number, number + std::string(static_cast<size_t>(value_bytes), 'v')).ok());
    }
    REQUIRE(client->put("app/0", "changed").ok());
}

uint64_t digest_of(HubProcess& hub) {
    protocol::DigestRequest request;
    request.filter = {"prefix", "app/"};
    const auto digest = hub.client()->digest(request);
    REQUIRE(digest.ok());
    CHECK(digest->count == keys);
    return digest->digest;
}

// A hub on whatever store the directory has now holds `digest`, and takes writes.
void check_whole(const std::string& data_dir, uint64_t digest) {
    HubProcess hub(data_dir, {"store.plugin=" + store_of(data_dir)});
    const bool started = hub.start();
    INFO(hub.log());
    REQUIRE(started);
    CHECK(digest_of(hub) == digest);
    CHECK(hub.client()->put("other", "taken").ok());
    CHECK(hub.stop() == 0);
}

}  // namespace

TEST_CASE("migrate: from each store into each other, the same state, writes go on", "[integration][migrate]") {
    const TemporaryDirectory directory;
    const std::string data = directory.path() + "/data";
    uint64_t digest = 0;
    {
        HubProcess hub(data);
        REQUIRE(hub.start());
        fill(hub, 200);
        digest = digest_of(hub);
        const auto running = migrate(data, "storage_lmdb", "storage_sqlite");
        INFO(running.output);
        CHECK(running.exit_code != 0);
        CHECK(has(running.output, "in use by process"));
        CHECK(hub.stop() == 0);
    }
    std::string from = "storage_lmdb";
    for (const std::string to :
         {"storage_sqlite", "storage_rocksdb", "storage_lmdb", "storage_rocksdb", "storage_sqlite", "storage_lmdb"}) {
        const auto moved = migrate(data, from, to);
        INFO(from << " -> " << to << ": " << moved.output);
        REQUIRE(moved.exit_code == 0);
        CHECK(has(moved.output, "the same in both stores"));
        CHECK(has(moved.output, "plugin = \"" + to + "\""));
        CHECK(store_of(data) == to);
        CHECK(state_folders(data) == 1);
        HubProcess wrong(data, {"store.plugin=" + from});
        CHECK_FALSE(wrong.start());
        check_whole(data, digest);
        from = to;
    }
    // A store in memory is filled from snapshot and log by the hub itself.
    const auto moved = migrate(data, "storage_lmdb", "storage_memory");
    INFO(moved.output);
    REQUIRE(moved.exit_code == 0);
    CHECK(has(moved.output, "fills storage_memory"));
    check_whole(data, digest);
    CHECK(migrate(data, "storage_memory", "storage_sqlite").exit_code == 0);
    check_whole(data, digest);
}

TEST_CASE("migrate: a failure is told also where SIGCHLD was ignored by who started `belfry`", "[integration][migrate]") {
    const TemporaryDirectory directory;
    std::vector<std::string> words = {program("belfry"), "store", "migrate", "--data", directory.path() + "/none"};
    words.insert(words.end(), {"--from", "storage_lmdb", "--to", "storage_sqlite"});
    const auto usual = run_program(words);
    CHECK(usual.exit_code == 7);
    words.insert(words.begin(), {"env", "--ignore-signal=CHLD"});
    CHECK(run_program(words).exit_code == usual.exit_code);
}

TEST_CASE("migrate: names and directories that are wrong change nothing", "[integration][migrate]") {
    const TemporaryDirectory directory;
    const std::string data = directory.path() + "/data";
    uint64_t digest = 0;
    {
        HubProcess hub(data, {"store.plugin=storage_sqlite"});
        REQUIRE(hub.start());
        fill(hub, 20);
        digest = digest_of(hub);
        CHECK(hub.stop() == 0);
    }
    const std::string identity = read_text(data + "/identity");
    const auto refused = [&](const std::string& where, const std::string& from, const std::string& to,
                             const std::string& says) {
        const auto outcome = migrate(where, from, to);
        INFO(from << " -> " << to << ": " << outcome.output);
        CHECK(outcome.exit_code != 0);
        CHECK(has(outcome.output, says));
        CHECK(read_text(data + "/identity") == identity);
        CHECK(state_folders(data) == 1);
    };
    refused(data, "storage_lmdb", "storage_rocksdb", "is in storage_sqlite, not in storage_lmdb");
    refused(data, "storage_sqlite", "storage_sqlite", "is on storage_sqlite already");
    refused(data, "storage_sqlite", "storage_nowhere", "storage_nowhere.so");
    refused(data, "storage_sqlite", "log_wal", "state store");
    refused(data, "storage_sqlite", "../x", "is no name of a plugin");
    refused(directory.path() + "/absent", "storage_sqlite", "storage_lmdb", "is no data directory");
    CHECK_FALSE(fs::exists(directory.path() + "/absent"));
    CHECK(run_program({program("belfry"), "store", "migrate", "--data", data}).exit_code == 2);
    // What people put beside it is theirs.
    fs::create_directory(data + "/state.storage_lmdb");
    std::ofstream(data + "/state.storage_lmdb/mine") << "kept";
    const auto there = migrate(data, "storage_sqlite", "storage_lmdb");
    INFO(there.output);
    CHECK(there.exit_code != 0);
    CHECK(has(there.output, "is there already"));
    check_whole(data, digest);
    CHECK(read_text(data + "/state.storage_lmdb/mine") == "kept");
    check_whole(data, digest);
}

TEST_CASE("migrate: kill -9 at any moment leaves the old store or the new one, whole", "[integration][migrate]") {
    const TemporaryDirectory directory;
    const std::string data = directory.path() + "/data";
    uint64_t digest = 0;
    {
        HubProcess hub(data);
        REQUIRE(hub.start());
        fill(hub, 20'000);
        digest = digest_of(hub);
        CHECK(hub.stop() == 0);
    }
    int killed = 0, ended = 0;
    for (int round = 0; round < 14; ++round) {
        const std::string from = store_of(data);
        const std::string to = from == "storage_lmdb"     ? "storage_sqlite"
                               : from == "storage_sqlite" ? "storage_rocksdb"
                                                          : "storage_lmdb";
        INFO("round " << round << ": " << from << " -> " << to);
        Process migration({program("belfryd"), "--data-dir", data, "--set", "store.plugin=" + from, "--migrate-store", to},
                          directory.path() + "/output");
        std::this_thread::sleep_for(std::chrono::milliseconds(20 + 35 * round));
        const bool over = migration.wait(0) != -1;
        migration.kill_now();
        (over ? ended : killed)++;
        const std::string now = store_of(data);
        CHECK((now == from || now == to));
        if (over) CHECK(now == to);
        if (round % 3 == 2) check_whole(data, digest);
    }
    check_whole(data, digest);
    CHECK(state_folders(data) == 1);
    CHECK_FALSE(fs::exists(data + "/moving"));
    CHECK(killed > 0);
}

TEST_CASE("migrate: a full disk and a damaged store are told, and the old store stays", "[integration][migrate]") {
    const TemporaryDirectory directory;
    SECTION("full disk") {
        const SmallDisk disk(directory.path() + "/disk");
        if (!disk.mounted()) SKIP("mounting a small tmpfs is not allowed here");
        const std::string data = disk.path() + "/data";
        HubProcess hub(data);
        REQUIRE(hub.start());
        fill(hub, 20'000);
        const uint64_t digest = digest_of(hub);
        CHECK(hub.stop() == 0);
        disk.fill_up();
        for (const char* to : {"storage_sqlite", "storage_rocksdb"}) {
            const auto outcome = migrate(data, "storage_lmdb", to);
            INFO(to << ": " << outcome.output);
            CHECK(outcome.exit_code != 0);
            CHECK(has(outcome.output, "the state was not moved"));
            CHECK(store_of(data) == "storage_lmdb");
            CHECK(state_folders(data) == 1);
        }
        disk.make_room();
        check_whole(data, digest);
    }
    SECTION("damaged store") {
        const std::string data = directory.path() + "/data";
        HubProcess hub(data, {"store.plugin=storage_sqlite"});
        REQUIRE(hub.start());
        fill(hub, 2000);
        CHECK(hub.stop() == 0);
        fs::remove(data + "/state/state.sqlite-wal");
        std::fstream(data + "/state/state.sqlite", std::ios::in | std::ios::out)
            .seekp(20 * 4096)
            .write(std::string(100 * 4096, '\x55').data(), 100 * 4096);
        const auto outcome = migrate(data, "storage_sqlite", "storage_lmdb");
        INFO(outcome.output);
        CHECK(outcome.exit_code != 0);
        CHECK(has(outcome.output, "malformed"));
        CHECK(store_of(data) == "storage_sqlite");
        CHECK(state_folders(data) == 1);
    }
}
