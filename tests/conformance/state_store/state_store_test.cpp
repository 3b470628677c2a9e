#include "sdk/testing/state_store_suite.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

using namespace belfry;
using namespace belfry::testing;

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_storage_memory(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_storage_lmdb(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_storage_sqlite(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_storage_rocksdb(const belfry_host_v1*, belfry_error*);
}

namespace {

const belfry_state_store_v1& table_of(belfry_plugin_entry_function entry) {
    return *static_cast<const belfry_state_store_v1*>(entry(nullptr, nullptr)->interfaces[0].table);
}

// storage_lmdb where it must not write through its map.
belfry_state_store_v1 plain_lmdb() {
    belfry_state_store_v1 table = table_of(belfry_plugin_entry_storage_lmdb);
    table.open = [](const belfry_host_v1* host, const char* directory, const belfry_setting* settings, uint64_t count,
                    belfry_state_store** store, belfry_error* error) {
        const belfry_setting plain = {"write", "plain"};
        const bool none = count == 0;
        return table_of(belfry_plugin_entry_storage_lmdb)
            .open(host, directory, none ? &plain : settings, none ? 1 : count, store, error);
    };
    return table;
}

class TempDirectory {
public:
    TempDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "belfry-store-XXXXXX").string();
        path = ::mkdtemp(pattern.data()) != nullptr ? pattern : "";
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string path;
};

}  // namespace

TEST_CASE("every state store of this tree keeps the contract", "[conformance][state_store]") {
    const auto [name, table] = GENERATE(Catch::Generators::table<std::string, belfry_state_store_v1>({
        {"storage_memory", table_of(belfry_plugin_entry_storage_memory)},
        {"storage_lmdb", table_of(belfry_plugin_entry_storage_lmdb)},
        {"storage_lmdb with write = plain", plain_lmdb()},
        {"storage_sqlite", table_of(belfry_plugin_entry_storage_sqlite)},
        {"storage_rocksdb", table_of(belfry_plugin_entry_storage_rocksdb)},
    }));
    const TempDirectory directory;
    const Report report = check_state_store({&table, directory.path, 20261123});
    for (const Check& check : report.checks) {
        INFO(name << ": " << check.name << ": " << check.sentence);
        CHECK(check.passed);
    }
    CHECK(report.checks.size() >= 16);
}

TEST_CASE("the suite finds what a broken store does wrong", "[conformance][state_store]") {
    static const belfry_state_store_v1& sound = table_of(belfry_plugin_entry_storage_memory);
    belfry_state_store_v1 broken = sound;
    std::string found_by;
    SECTION("a scan that cannot go back") {
        broken.scan = [](belfry_state_store* store, uint32_t table, belfry_bytes from, belfry_bytes to, int32_t,
                         belfry_scan_visitor visitor, void* context,
                         belfry_error* error) { return sound.scan(store, table, from, to, 0, visitor, context, error); };
        found_by = "scan: ranges, reverse, an early end";
    }
    SECTION("an erase that forgets") {
        broken.erase = [](belfry_state_store*, uint32_t, belfry_bytes, belfry_error*) { return belfry_status{BELFRY_OK}; };
        found_by = "erase: also of what is not there";
    }
    SECTION("a rollback that commits") {
        broken.rollback = [](belfry_state_store* store) { sound.commit(store, 0, nullptr); };
        found_by = "batches: atomic, seen from inside, gone after a rollback";
    }
    SECTION("a snapshot that tells a wrong index") {
        broken.snapshot_write = [](belfry_state_store* store, belfry_snapshot_sink sink, void* context, uint64_t* index,
                                   belfry_error* error) {
            const belfry_status status = sound.snapshot_write(store, sink, context, index, error);
            ++*index;
            return status;
        };
        found_by = "snapshot: restores everything and nothing else";
    }
    static std::vector<std::jthread> left_threads;
    SECTION("a thread that goes on after close") {
        broken.close = [](belfry_state_store* store) {
            left_threads.emplace_back([](const std::stop_token& stop) {
                while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
            });
            sound.close(store);
        };
        found_by = "threads: those of a store end when it is closed";
    }
    // A sanitizer's allocator tells nobody what is taken, and finds leaks by itself.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    static std::vector<belfry_state_store*> left_stores;
    SECTION("a store that is not freed") {
        broken.close = [](belfry_state_store* store) { left_stores.push_back(store); };
        found_by = "leaks: an opened, used and closed store leaves no memory behind";
    }
#endif
    const TempDirectory directory;
    const Report report = check_state_store({&broken, directory.path, 1});
    bool found = false;
    for (const Check& check : report.checks) found |= check.name == found_by && !check.passed && !check.sentence.empty();
    left_threads.clear();
    INFO(report.text());
    CHECK(found);
}

TEST_CASE("a full tmpfs gives no_space and never SIGBUS", "[conformance][state_store]") {
    const belfry_state_store_v1& table = table_of(GENERATE(
        belfry_plugin_entry_storage_lmdb, belfry_plugin_entry_storage_sqlite, belfry_plugin_entry_storage_rocksdb));
    const TempDirectory directory;
    constexpr int cannot_mount = 77;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // A disk of 16 MiB in a mount namespace of its own, gone with the child.
        if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(cannot_mount);
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
        if (::mount("tmpfs", directory.path.c_str(), "tmpfs", 0, "size=16m") != 0) ::_exit(cannot_mount);
        const Report report = check_state_store_on_full_disk(table, directory.path, 32 * 1024 * 1024);
        const std::string text = report.text();
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        ::_exit(report.passed() && written > 0 ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == cannot_mount) SKIP("no right to mount a small tmpfs here");
    INFO("wait status " << status);
    CHECK(status == 0);
}
