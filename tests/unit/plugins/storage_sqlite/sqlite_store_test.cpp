// What the conformance suite does not ask: what people find in the file, how far the log grows, what outlives a get.
#include "plugins/storage_sqlite/sqlite_store.hpp"

#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

using namespace belfry;
using storage_sqlite::SqliteStore;

namespace {

struct Folder {
    Folder() {
        const char* base = std::getenv("TMPDIR");
        path = std::string(base != nullptr ? base : "/tmp") + "/sqlite_store_test_XXXXXX";
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file() const { return path + "/state.sqlite"; }
    uint64_t log_bytes() const { return std::filesystem::file_size(file() + "-wal"); }
    std::string path;
};

auto open(const Folder& folder, plugin::Settings settings = {}) {
    return SqliteStore::open({plugin::Host(), folder.path, std::move(settings)});
}

std::unique_ptr<SqliteStore> opened(const Folder& folder) {
    auto store = open(folder);
    if (!store) FAIL(store.error().detail);
    return std::move(*store);
}

// Batch `index`: `count` keys of table 1 get values of `bytes` octets.
void write(SqliteStore& store, uint64_t index, int count, size_t bytes) {
    REQUIRE(store.begin());
    for (int i = 0; i < count; ++i)
        REQUIRE(store.put(1, "key" + std::to_string(i), Bytes(bytes, static_cast<char>(index))));
    REQUIRE(store.commit(Index{index}));
}

uint64_t number(const std::string& file, const char* sql) {
    const auto database = storage_sqlite::Database::open(file, 1024 * 1024);
    REQUIRE(database);
    const auto found = (*database)->number(sql, 0);
    if (!found) FAIL(found.error().detail);
    return *found;
}

}  // namespace

TEST_CASE("storage_sqlite: what get lends is there until something else than get and scan is called", "[storage_sqlite]") {
    const Folder folder;
    const auto store = opened(folder);
    REQUIRE(store->begin());
    for (int i = 0; i < 1000; ++i) REQUIRE(store->put(2, std::to_string(i), std::to_string(i) + Bytes(3000, 'v')));
    std::vector<BytesView> lent;
    for (int round = 0; round < 2; ++round) {  // within the batch, and after it
        lent.clear();
        for (int i = 0; i < 1000; ++i) lent.push_back(store->get(2, std::to_string(i)).value());
        const auto end = [](void*, belfry_bytes, belfry_bytes) -> int32_t { return 0; };
        REQUIRE(store->scan(2, {}, {}, plugin::Direction::reverse, plugin::ScanVisitor(end, nullptr)));
        for (int i = 0; i < 1000; ++i) REQUIRE(lent[static_cast<size_t>(i)] == std::to_string(i) + Bytes(3000, 'v'));
        CHECK(store->get(2, "7").value().data() == lent[7].data());  // lent once, not copied again
        if (round == 0) REQUIRE(store->commit(Index{1}));
    }
    REQUIRE(store->begin());
    REQUIRE(store->put(2, "7", "new"));
    CHECK(store->get(2, "7").value() == "new");
    store->rollback();
    CHECK(store->get(2, "7").value() == "7" + Bytes(3000, 'v'));
}

TEST_CASE("storage_sqlite: after sync the file alone holds everything, for any SQLite tool", "[storage_sqlite]") {
    const Folder folder, copy;
    {
        const auto store = opened(folder);
        write(*store, 41, 100, 2000);
        REQUIRE(store->applied_index().value() == Index{41});  // a reader of the core does not hold the log
        REQUIRE(store->sync());
    }
    std::filesystem::copy_file(folder.file(), copy.file());
    CHECK(number(copy.file(), "SELECT count(*) FROM table1 WHERE typeof(key) = 'blob' AND length(value) = 2000") == 100);
    CHECK(number(copy.file(), "SELECT value FROM belfry WHERE name = 'applied'") == 41);
    CHECK(number(copy.file(), "SELECT count(*) FROM belfry WHERE value = 'storage_sqlite'") == 1);
    // Such a tool may move the log into the file and remove it.
    std::filesystem::remove(folder.file() + "-wal");
    std::filesystem::remove(folder.file() + "-shm");
    CHECK(opened(folder)->applied_index().value() == Index{41});
}

TEST_CASE("storage_sqlite: the log starts again, also while the hub writes without a pause", "[storage_sqlite]") {
    const Folder folder;
    const auto store = opened(folder);
    constexpr uint64_t batches = 600;  // of 400 KB each: 240 MB
    for (uint64_t index = 1; index <= batches; ++index) write(*store, index, 100, 4000);
    CHECK(folder.log_bytes() < 100 * 1024 * 1024);
    CHECK(std::filesystem::file_size(folder.file()) < 20 * 1024 * 1024);
    CHECK(store->stats().value().bytes_used < 200 * 1024 * 1024);
}

TEST_CASE("storage_sqlite: a log that a copy has held is cut afterwards", "[storage_sqlite]") {
    const Folder folder;
    const auto store = opened(folder);
    write(*store, 1, 2000, 1000);
    std::atomic<bool> copying = false, ended = false;
    struct Slow {
        std::atomic<bool>&copying, &ended;
    } slow{copying, ended};
    std::thread copier([&] {
        const auto wait = [](void* context, belfry_bytes) -> belfry_status {
            auto& self = *static_cast<Slow*>(context);
            self.copying = true;
            while (!self.ended) std::this_thread::yield();
            return BELFRY_OK;
        };
        const auto copied = store->snapshot_write(plugin::SnapshotSink(wait, &slow));
        CHECK((copied.ok() && *copied == Index{1}));
    });
    while (!copying) std::this_thread::yield();
    for (uint64_t index = 2; index < 80; ++index) write(*store, index, 1000, 1000);
    const uint64_t held = folder.log_bytes();
    ended = true;
    copier.join();
    CHECK(held > storage_sqlite::wal_bytes_kept);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto large = [&] { return folder.log_bytes() > storage_sqlite::wal_bytes_kept; };
    for (uint64_t index = 80; large() && std::chrono::steady_clock::now() < patience; ++index) {
        write(*store, index, 100, 1000);
    }
    CHECK(folder.log_bytes() <= storage_sqlite::wal_bytes_kept);
}

TEST_CASE("storage_sqlite: files of others and damaged ones are refused, and stay as they are", "[storage_sqlite]") {
    const Folder folder;
    SECTION("another program's") {
        {
            const auto other = storage_sqlite::Database::open(folder.file(), 1024 * 1024);
            REQUIRE((*other)->run("CREATE TABLE songs (title TEXT)"));
        }
        const auto store = open(folder);
        REQUIRE_FALSE(store.ok());
        CHECK(store.error().code == Code::incompatible);
        CHECK(store.error().detail.find("not written by storage_sqlite") != Bytes::npos);
        CHECK_FALSE(std::filesystem::exists(folder.path + "/PLUGIN"));
    }
    SECTION("a newer release's") {
        opened(folder)->rollback();
        {
            const auto newer = storage_sqlite::Database::open(folder.file(), 1024 * 1024);
            REQUIRE((*newer)->run("UPDATE belfry SET value = 7 WHERE name = 'format'"));
        }
        const auto store = open(folder);
        REQUIRE_FALSE(store.ok());
        CHECK(store.error().code == Code::incompatible);
        CHECK(store.error().detail.find("format 7") != Bytes::npos);
    }
    SECTION("no SQLite file") {
        std::ofstream(folder.file()) << std::string(8192, 'x');
        const auto store = open(folder);
        REQUIRE_FALSE(store.ok());
        CHECK(store.error().code == Code::corrupt);
        CHECK(store.error().detail.find(folder.file()) != Bytes::npos);
    }
    SECTION("damaged in the middle") {
        {
            const auto store = opened(folder);
            write(*store, 1, 2000, 1000);
            REQUIRE(store->sync());
        }
        std::filesystem::remove(folder.file() + "-wal");
        std::fstream(folder.file(), std::ios::in | std::ios::out)
            .seekp(20 * 4096)
            .write(Bytes(400 * 4096, '\x55').data(), 400 * 4096);
        const auto store = opened(folder);
        const auto end = [](void*, belfry_bytes, belfry_bytes) -> int32_t { return 0; };
        const Status scanned = store->scan(1, {}, {}, plugin::Direction::forward, plugin::ScanVisitor(end, nullptr));
        REQUIRE_FALSE(scanned.ok());
        CHECK(scanned.error().code == Code::corrupt);
    }
}

TEST_CASE("storage_sqlite: a program that writes to the file makes a batch busy, not wrong", "[storage_sqlite]") {
    const Folder folder;
    const auto store = opened(folder);
    const auto other = storage_sqlite::Database::open(folder.file(), 1024 * 1024);
    REQUIRE((*other)->run("BEGIN IMMEDIATE"));
    const Status begun = store->begin();
    REQUIRE_FALSE(begun.ok());
    CHECK(begun.error().code == Code::busy);
    REQUIRE((*other)->run("ROLLBACK"));
    write(*store, 1, 1, 1);
}

TEST_CASE("storage_sqlite: settings out of range are refused by name", "[storage_sqlite]") {
    const Folder folder;
    for (const char* value : {"", "many", "1000", "99999999999999999999", "1048576 "}) {
        const auto store = open(folder, {{"cache_bytes", value}});
        REQUIRE_FALSE(store.ok());
        CHECK(store.error().code == Code::invalid_argument);
        CHECK(store.error().detail.find("cache_bytes") != Bytes::npos);
    }
    CHECK(open(folder, {{"cache_bytes", "1048576"}}).ok());
}
