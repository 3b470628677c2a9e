// What the conformance suite cannot know of storage_rocksdb: its folder, its settings, its reserve, its memory.
#include "plugins/storage_rocksdb/rocks_store.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "plugins/storage_rocksdb/snapshot.hpp"

using namespace belfry;
using storage_rocksdb::RocksStore;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "belfry-rocksdb-XXXXXX").string();
        path = ::mkdtemp(pattern.data()) != nullptr ? pattern : "";
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    std::string path;
};

Result<std::unique_ptr<RocksStore>> open(const Folder& folder, plugin::Settings settings = {}) {
    return RocksStore::open({plugin::Host(), folder.path, std::move(settings)});
}

std::unique_ptr<RocksStore> opened(const Folder& folder, plugin::Settings settings = {}) {
    auto store = open(folder, std::move(settings));
    INFO((store ? "" : store.error().detail));
    REQUIRE(store.ok());
    return std::move(*store);
}

Bytes value_of(uint64_t number, size_t size) {
    std::mt19937_64 chance(number);
    Bytes value(size, '\0');
    for (char& octet : value) octet = static_cast<char>(chance());
    return value;
}

void write(RocksStore& store, uint64_t index, int count, size_t size) {
    REQUIRE(store.begin().ok());
    for (int i = 0; i < count; ++i) REQUIRE(store.put(1, std::to_string(i), value_of(index, size)).ok());
    REQUIRE(store.commit(Index{index}).ok());
}

Bytes image_of(RocksStore& store) {
    Bytes image;
    const auto take = [](void* context, belfry_bytes part) -> belfry_status {
        static_cast<Bytes*>(context)->append(plugin::from_c(part));
        return BELFRY_OK;
    };
    REQUIRE(store.snapshot_write(plugin::SnapshotSink(take, &image)).ok());
    return image;
}

Status restore(RocksStore& store, BytesView image) {
    const auto give = [](void* context, void* buffer, uint64_t capacity, uint64_t* size) -> belfry_status {
        auto& rest = *static_cast<BytesView*>(context);
        *size = std::min<uint64_t>(capacity, rest.size());
        std::memcpy(buffer, rest.data(), *size);
        rest.remove_prefix(*size);
        return BELFRY_OK;
    };
    return store.snapshot_read(plugin::SnapshotSource(give, &image));
}

}  // namespace

TEST_CASE("storage_rocksdb: settings out of range or unknown are refused by name", "[storage_rocksdb]") {
    const Folder folder;
    for (const char* name : {"cache_bytes", "write_buffer_bytes", "background_threads"}) {
        for (const char* value : {"", "many", "0", "99999999999999999999", "2 "}) {
            const auto store = open(folder, {{name, value}});
            REQUIRE_FALSE(store.ok());
            CHECK(store.error().code == Code::invalid_argument);
            CHECK(store.error().detail.find(name) != Bytes::npos);
        }
    }
    const auto store = open(folder, {{"compression", "none"}});
    REQUIRE_FALSE(store.ok());
    CHECK(store.error().detail.find("'compression'") != Bytes::npos);
    CHECK(open(folder, {{"cache_bytes", "2097152"}, {"write_buffer_bytes", "4194304"}, {"background_threads", "1"}}).ok());
}

TEST_CASE("storage_rocksdb: a snapshot takes a new folder, what a crash left of one is removed", "[storage_rocksdb]") {
    const Folder folder, other;
    const auto source = opened(other);
    write(*source, 9, 100, 100);
    const Bytes image = image_of(*source);
    {
        const auto store = opened(folder);
        write(*store, 3, 10, 10);
        CHECK(fs::read_symlink(folder.path + "/CURRENT") == "data-1");
        REQUIRE(restore(*store, image).ok());
        CHECK(fs::read_symlink(folder.path + "/CURRENT") == "data-2");
        CHECK_FALSE(fs::exists(folder.path + "/data-1"));
        CHECK_FALSE(restore(*store, BytesView(image).substr(0, 50)).ok());
        CHECK_FALSE(fs::exists(folder.path + "/data-3"));
        CHECK(store->applied_index().value() == Index{9});
    }
    fs::create_directory(folder.path + "/data-3");
    std::ofstream(folder.path + "/data-3/000001.log") << "half";
    {
        const auto store = opened(folder);
        CHECK(store->applied_index().value() == Index{9});
        CHECK(store->get(1, "99").value() == value_of(9, 100));
        CHECK_FALSE(fs::exists(folder.path + "/data-3"));
    }
    fs::remove_all(folder.path + "/data-2");
    const auto lost = open(folder);
    REQUIRE_FALSE(lost.ok());
    CHECK(lost.error().code == Code::corrupt);
    CHECK(lost.error().detail.find("data-2") != Bytes::npos);
}

TEST_CASE("storage_rocksdb: a copy that runs while the store is replaced ends, and sync waits", "[storage_rocksdb]") {
    const Folder folder;
    const auto store = opened(folder);
    write(*store, 1, 2000, 1000);
    const Bytes image = image_of(*store);
    std::atomic<bool> stop = false;
    std::atomic<int> copies = 0;
    std::thread copier([&] {
        while (!stop) {
            const auto drop = [](void*, belfry_bytes) -> belfry_status { return BELFRY_OK; };
            const auto copied = store->snapshot_write(plugin::SnapshotSink(drop, nullptr));
            if (!copied) CHECK(copied.error().code == Code::unavailable);
            CHECK(store->sync().ok());
            ++copies;
        }
    });
    while (copies == 0) std::this_thread::yield();
    for (int i = 0; i < 5; ++i) REQUIRE(restore(*store, image).ok());
    stop = true;
    copier.join();
    CHECK(store->get(1, "1999").value() == value_of(1, 1000));
}

TEST_CASE("storage_rocksdb: values lent stay as they are until the next write", "[storage_rocksdb]") {
    const Folder folder;
    const auto store = opened(folder, {{"cache_bytes", "1048576"}, {"write_buffer_bytes", "1048576"}});
    for (int i = 0; i < 100; ++i) {  // more than the cache and the buffers hold
        REQUIRE(store->begin().ok());
        for (int k = 0; k < 100; ++k) {
            const int number = 100 * i + k;
            REQUIRE(store->put(2, std::to_string(number), value_of(static_cast<uint64_t>(number), 1000)).ok());
        }
        REQUIRE(store->commit(Index{static_cast<uint64_t>(i) + 1}).ok());
    }
    std::vector<BytesView> lent;
    for (int i = 0; i < 10'000; ++i) lent.push_back(store->get(2, std::to_string(i)).value());
    for (size_t i = 0; i < lent.size(); ++i) REQUIRE(lent[i] == value_of(i, 1000));
    CHECK(store->applied_index().value() == Index{100});
}

TEST_CASE("storage_rocksdb: ranges see 2,000 changes of the open batch among 2,000 stored keys", "[storage_rocksdb]") {
    const Folder folder;
    const auto store = opened(folder);
    std::map<Bytes, Bytes> model;
    REQUIRE(store->begin().ok());
    for (int i = 0; i < 2000; ++i) {
        const Bytes key = std::to_string(2 * i);
        model[key] = "stored";
        REQUIRE(store->put(1, key, model[key]).ok());
        REQUIRE(store->put(2, key, "of another table").ok());
    }
    REQUIRE(store->commit(Index{1}).ok());
    REQUIRE(store->begin().ok());
    for (int i = 0; i < 2000; ++i) {
        const Bytes key = std::to_string(i * 7919 % 4000);
        if (i % 3 == 0) {
            model.erase(key);
            REQUIRE(store->erase(1, key).ok());
        } else {
            model[key] = "changed" + key;
            REQUIRE(store->put(1, key, model[key]).ok());
        }
    }
    const auto see = [](void* context, belfry_bytes key, belfry_bytes value) -> int32_t {
        static_cast<std::vector<std::pair<Bytes, Bytes>>*>(context)->emplace_back(plugin::from_c(key),
                                                                                  plugin::from_c(value));
        return 0;
    };
    for (const auto& [from, to] : {std::pair<Bytes, Bytes>{"", ""}, {"1", "2"}, {"3999", ""}, {"", "10"}, {"7", "7"}}) {
        std::vector<std::pair<Bytes, Bytes>> up, down;
        REQUIRE(store->scan(1, from, to, plugin::Direction::forward, plugin::ScanVisitor(see, &up)).ok());
        REQUIRE(store->scan(1, from, to, plugin::Direction::reverse, plugin::ScanVisitor(see, &down)).ok());
        const auto end = to.empty() ? model.end() : model.lower_bound(to);
        const std::vector<std::pair<Bytes, Bytes>> expected(model.lower_bound(from), end);
        CHECK(up == expected);
        std::reverse(down.begin(), down.end());
        CHECK(down == expected);
    }
    store->rollback();
    CHECK(store->get(1, "0").value() == "stored");
}

TEST_CASE("storage_rocksdb: data of format 1, all in one family, is read and written, and a snapshot renews it",
          "[storage_rocksdb]") {
    const Folder folder;
    {
        rocksdb::Options options;
        options.create_if_missing = true;
        rocksdb::DB* made = nullptr;
        REQUIRE(rocksdb::DB::Open(options, folder.path + "/data-1", &made).ok());
        const std::unique_ptr<rocksdb::DB> db(made);
        const auto write_one = [&](Bytes key, Bytes value) { REQUIRE(db->Put({}, key, value).ok()); };
        write_one("\x01key", "value");
        write_one(Bytes("\x02") + "change", "of a key");
        write_one(
            "\xff"
            "applied",
            Bytes("\7\0\0\0\0\0\0\0", 8));
    }
    fs::create_symlink("data-1", folder.path + "/CURRENT");
    std::ofstream(folder.path + "/PLUGIN") << "storage_rocksdb 1\n";
    const auto identity = [&] {
        std::string name, format;
        std::ifstream(folder.path + "/PLUGIN") >> name >> format;
        return format;
    };
    for (int round = 0; round < 2; ++round) {
        const auto store = opened(folder);
        CHECK(store->applied_index().value() == Index{7});
        CHECK(store->get(1, "key").value() == "value");
        CHECK(store->get(2, "change").value() == "of a key");
        REQUIRE(store->begin().ok());
        REQUIRE(store->put(2, "next", "one").ok());
        REQUIRE(store->commit(Index{7}).ok());
        CHECK(identity() == "1");
    }
    const auto store = opened(folder);
    REQUIRE(restore(*store, image_of(*store)).ok());
    CHECK(identity() == "2");
    CHECK(store->get(2, "next").value() == "one");
    CHECK(store->applied_index().value() == Index{7});
}

TEST_CASE("storage_rocksdb: a damaged file is told as such", "[storage_rocksdb]") {
    const Folder folder;
    {
        const auto store = opened(folder, {{"write_buffer_bytes", "1048576"}});
        for (uint64_t index = 1; index < 40; ++index) write(*store, index, 100, 1000);
        REQUIRE(store->sync().ok());
    }
    size_t damaged = 0;
    for (const auto& entry : fs::directory_iterator(folder.path + "/data-1")) {
        if (entry.path().extension() != ".sst") continue;
        std::fstream(entry.path(), std::ios::in | std::ios::out).seekp(1000).write(Bytes(20'000, '\x55').data(), 20'000);
        ++damaged;
    }
    REQUIRE(damaged > 0);
    const auto store = open(folder);
    const auto end = [](void*, belfry_bytes, belfry_bytes) -> int32_t { return 0; };
    const Status scanned =
        store ? (*store)->scan(1, {}, {}, plugin::Direction::forward, plugin::ScanVisitor(end, nullptr)) : store.error();
    REQUIRE_FALSE(scanned.ok());
    INFO(scanned.error().detail);
    CHECK(scanned.error().code == Code::corrupt);
}
