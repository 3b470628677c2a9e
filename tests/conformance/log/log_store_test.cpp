#include "sdk/testing/log_store_suite.hpp"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "sdk/plugin/plugin.h"

using namespace belfry::testing;

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_log_memory(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_log_wal(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_log_lmdb(const belfry_host_v1*, belfry_error*);
}

namespace {

const belfry_log_store_v1& table_of(belfry_plugin_entry_function entry) {
    return *static_cast<const belfry_log_store_v1*>(entry(nullptr, nullptr)->interfaces[0].table);
}

class TempDirectory {
public:
    TempDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "belfry-log-XXXXXX").string();
        path = ::mkdtemp(pattern.data()) != nullptr ? pattern : "";
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string path;
};

}  // namespace

TEST_CASE("every log store of this tree keeps the contract", "[conformance][log]") {
    using Settings = std::vector<belfry_setting>;
    const auto [name, entry, settings] =
        GENERATE(Catch::Generators::table<std::string, belfry_plugin_entry_function, Settings>({
            {"log_memory", belfry_plugin_entry_log_memory, Settings{}},
            {"log_wal", belfry_plugin_entry_log_wal, Settings{{"segment_bytes", "8388608"}}},
            {"log_wal with small segments", belfry_plugin_entry_log_wal, Settings{{"segment_bytes", "65536"}}},
            {"log_lmdb", belfry_plugin_entry_log_lmdb, Settings{}},
        }));
    const TempDirectory directory;
    const Report report = check_log_store({&table_of(entry), directory.path, 20261123, settings});
    for (const Check& check : report.checks) {
        INFO(name << ": " << check.name << ": " << check.sentence);
        CHECK(check.passed);
    }
    CHECK(report.checks.size() >= (name == "log_memory" ? 13 : 15));
}

TEST_CASE("the suite finds what a broken log store does wrong", "[conformance][log]") {
    static const belfry_log_store_v1& sound = table_of(belfry_plugin_entry_log_memory);
    belfry_log_store_v1 broken = sound;
    std::string found_by;
    SECTION("a truncation that forgets") {
        broken.truncate_after = [](belfry_log_store*, uint64_t, belfry_error*) { return belfry_status{BELFRY_OK}; };
        found_by = "truncate: and append again";
    }
    SECTION("a compaction that takes one too many") {
        broken.compact = [](belfry_log_store* log, uint64_t first_kept, belfry_error* error) {
            return sound.compact(log, first_kept + 1, error);
        };
        found_by = "compaction: keeps what it must, knows the boundary";
    }
    SECTION("a vote that is lost") {
        broken.save_vote = [](belfry_log_store* log, uint64_t term, uint64_t, belfry_error* error) {
            return sound.save_vote(log, term, 0, error);
        };
        found_by = "votes: durable when saved, kept by a reset";
    }
    const TempDirectory directory;
    const Report report = check_log_store({&broken, directory.path, 1, {}});
    bool found = false;
    for (const Check& check : report.checks) found |= check.name == found_by && !check.passed && !check.sentence.empty();
    INFO(report.text());
    CHECK(found);
}

TEST_CASE("a full tmpfs gives no_space, and room again is used", "[conformance][log]") {
    using Settings = std::vector<belfry_setting>;
    const auto [entry, settings] = GENERATE(Catch::Generators::table<belfry_plugin_entry_function, Settings>({
        {belfry_plugin_entry_log_wal, Settings{{"segment_bytes", "524288"}}},
        {belfry_plugin_entry_log_lmdb, Settings{}},
    }));
    const TempDirectory directory;
    constexpr int cannot_mount = 77;
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // A disk of 8 MiB in a mount namespace of its own, gone with the child.
        if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(cannot_mount);
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
        if (::mount("tmpfs", directory.path.c_str(), "tmpfs", 0, "size=8m") != 0) ::_exit(cannot_mount);
        const Report report =
            check_log_store_on_full_disk({&table_of(entry), directory.path, 1, settings}, 8 * 1024 * 1024);
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
