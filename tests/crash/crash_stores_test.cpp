// Every store and log of this tree dies at random moments under load, by kill -9 and by power cuts that drop and tear what
// no sync had covered, and is opened again.
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "tests/crash/script.hpp"
#include "tests/support/power_loss.hpp"

using namespace belfry;
using namespace belfry::test;
using testing::CheckFailed;
namespace fs = std::filesystem;

namespace {

#ifdef BELFRY_SANITIZED
constexpr bool power_can_be_cut = false;
#else
constexpr bool power_can_be_cut = true;
#endif
constexpr int rounds = 3;

// What is promised after a power cut (docs/architecture.md, "Durability").
enum class AfterPowerCut {
    whole,    // some committed batch, no older than the last sync
    settled,  // what was synced, if nothing was written after it; else the hub rebuilds the store
    nothing,  // it keeps nothing on disk
};

struct StateStoreCase {
    std::string plugin;
    AfterPowerCut after_power_cut;
};
struct LogStoreCase {
    std::string plugin;
    std::vector<std::string> settings;
};

std::string file_of(const std::string& plugin) {
    return (fs::path(program("x")).parent_path().parent_path() / "lib/belfry/plugins" / (plugin + ".so")).string();
}

template <class Table>
const Table& table_of(const std::string& plugin) {
    const std::string path = file_of(plugin);
    void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    INFO(path);
    REQUIRE(library != nullptr);
    const auto entry = reinterpret_cast<belfry_plugin_entry_function>(::dlsym(library, BELFRY_PLUGIN_ENTRY_SYMBOL));
    return *static_cast<const Table*>(entry(nullptr, nullptr)->interfaces[0].table);
}

// A crash_writer, killed `after_ms` after its first word; what it said.
std::string run_and_kill(const std::vector<std::string>& prefix, std::vector<std::string> arguments,
                         const std::string& output, unsigned after_ms, bool until_synced) {
    std::vector<std::string> line = prefix;
    line.push_back(program("crash_writer"));
    line.insert(line.end(), arguments.begin(), arguments.end());
    fs::remove(output);  // what an earlier one said
    Process writer(line, output);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const std::string awaited = until_synced ? "s " : "";
    while (read_text(output).find(awaited) == std::string::npos || read_text(output).empty()) {
        if (writer.wait(0) != -1 || std::chrono::steady_clock::now() > patience)
            return read_text(output) + "\nended by itself";
        ::usleep(2000);
    }
    ::usleep(after_ms * 1000);
    if (writer.wait(0) != -1) return read_text(output) + "\nended by itself";
    writer.kill_now();
    return read_text(output);
}

// The number behind the last line that begins so; 0 = there is none.
uint64_t last_of(const std::string& said, char what) {
    const size_t at = ("\n" + said).rfind(std::string("\n") + what + ' ');
    return at == std::string::npos ? 0 : std::strtoull(said.c_str() + at + 2, nullptr, 10);
}

std::string judge_state(const belfry_state_store_v1& table, const std::string& directory, uint64_t applied_min) {
    try {
        StoreDriver store(table, directory);
        if (store.applied() < applied_min)
            return "batch " + std::to_string(store.applied()) + " is the last, " + std::to_string(applied_min) +
                   " was promised";
        return StateScript::fault_of(store);
    } catch (const CheckFailed& failed) {
        return failed.sentence;
    }
}

std::string judge_log(const belfry_log_store_v1& table, const std::string& directory, const LogStoreCase& one,
                      uint64_t seed, const LogProgress& progress) {
    std::vector<std::string> texts = one.settings;
    std::vector<belfry_setting> settings;
    for (std::string& text : texts) {
        const size_t equals = text.find('=');
        text[equals] = '\0';
        settings.push_back({text.c_str(), text.c_str() + equals + 1});
    }
    try {
        LogDriver log(table, directory, settings);
        return fault_of(log, seed, progress);
    } catch (const CheckFailed& failed) {
        return failed.sentence;
    }
}

uint64_t seed_of_run() {
    static const uint64_t seed = std::getenv("BELFRY_TEST_SEED") != nullptr
                                     ? std::strtoull(std::getenv("BELFRY_TEST_SEED"), nullptr, 10)
                                     : std::random_device()();
    return seed;
}

}  // namespace

TEST_CASE("crash: a state store is at a committed batch, whole, and says which", "[crash]") {
    const StateStoreCase one = GENERATE(
        StateStoreCase{"storage_lmdb", AfterPowerCut::settled}, StateStoreCase{"storage_sqlite", AfterPowerCut::settled},
        StateStoreCase{"storage_rocksdb", AfterPowerCut::whole}, StateStoreCase{"storage_journal", AfterPowerCut::settled},
        StateStoreCase{"storage_memory", AfterPowerCut::nothing});
    const auto& table = table_of<belfry_state_store_v1>(one.plugin);
    const std::string path = file_of(one.plugin);
    std::mt19937_64 chance(seed_of_run());
    INFO(one.plugin << ", BELFRY_TEST_SEED=" << seed_of_run());
    const TemporaryDirectory directory;
    const std::string output = directory.path() + "/output";
    SECTION("kill -9, again and again on the same data") {
        const std::string data = directory.path() + "/data";
        fs::create_directory(data);
        for (int round = 0; round < rounds; ++round) {
            const std::string said = run_and_kill({}, {"state", path, data, "0"}, output, 20 + chance() % 150, false);
            INFO("round " << round << "\n" << said.substr(said.size() - std::min<size_t>(said.size(), 400)));
            REQUIRE(said.find("ended by itself") == std::string::npos);
            const uint64_t committed = one.after_power_cut == AfterPowerCut::nothing ? 0 : last_of(said, 'c');
            REQUIRE(judge_state(table, data, committed) == "");
        }
    }
    SECTION("power cuts") {
        if (!power_can_be_cut) SKIP("sanitizers come before the shim");
        if (one.after_power_cut == AfterPowerCut::nothing) return;
        const bool settled = one.after_power_cut == AfterPowerCut::settled;
        size_t changed = 0;
        for (int round = 0; round < rounds; ++round) {
            const std::string data = directory.path() + "/data" + std::to_string(round);
            fs::create_directory(data);
            const PowerLoss power(directory.path() + "/durable" + std::to_string(round));
            const std::string batches = std::to_string(20 + chance() % 150);
            const std::string said = run_and_kill(power.prefix(), {settled ? "settled" : "state", path, data, batches},
                                                  output, settled ? 0 : 20 + chance() % 150, settled);
            INFO("round " << round << "\n" << said.substr(said.size() - std::min<size_t>(said.size(), 400)));
            REQUIRE(said.find("ended by itself") == std::string::npos);
            changed += power.strike(data, chance);
            REQUIRE(judge_state(table, data, last_of(said, 's')) == "");
        }
        if (!settled) CHECK(changed > 0);  // there was something to lose
    }
}

TEST_CASE("crash: a log keeps everything that was synced, in order, and the vote", "[crash]") {
    const LogStoreCase one = GENERATE(LogStoreCase{"log_wal", {"segment_bytes=65536"}}, LogStoreCase{"log_lmdb", {}},
                                      LogStoreCase{"log_journal", {}});
    const bool power_cut = GENERATE(false, true);
    if (power_cut && !power_can_be_cut) SKIP("sanitizers come before the shim");
    const auto& table = table_of<belfry_log_store_v1>(one.plugin);
    const std::string path = file_of(one.plugin);
    std::mt19937_64 chance(seed_of_run());
    INFO(one.plugin << (power_cut ? ", power cut" : ", kill -9") << ", BELFRY_TEST_SEED=" << seed_of_run());
    const TemporaryDirectory directory;
    uint64_t synced = 0;
    for (int round = 0; round < 2 * rounds; ++round) {
        const std::string data = directory.path() + "/data" + std::to_string(round);
        fs::create_directory(data);
        const PowerLoss power(directory.path() + "/durable" + std::to_string(round));
        const uint64_t seed = chance();
        std::vector<std::string> arguments = {"log", path, data, std::to_string(seed)};
        arguments.insert(arguments.end(), one.settings.begin(), one.settings.end());
        const std::string said = run_and_kill(power_cut ? power.prefix() : std::vector<std::string>(), arguments,
                                              directory.path() + "/output", 10 + chance() % 200, false);
        INFO("round " << round << ", script " << seed << "\n"
                      << said.substr(said.size() - std::min<size_t>(said.size(), 400)));
        REQUIRE(said.find("ended by itself") == std::string::npos);
        if (power_cut) power.strike(data, chance);
        const LogProgress progress{last_of(said, 'o'), last_of(said, 's'), last_of(said, 'v')};
        synced += progress.synced;
        REQUIRE(judge_log(table, data, one, seed, progress) == "");
    }
    CHECK(synced > 0);
}

TEST_CASE("crash: a log whose syncs do nothing is found out", "[crash]") {
    if (!power_can_be_cut) SKIP("sanitizers come before the shim");
    const auto& table = table_of<belfry_log_store_v1>("log_lmdb");
    std::mt19937_64 chance(seed_of_run());
    const TemporaryDirectory directory;
    int found_out = 0;
    for (int round = 0; round < 2 * rounds; ++round) {
        const std::string data = directory.path() + "/data" + std::to_string(round);
        fs::create_directory(data);
        const PowerLoss power(directory.path() + "/durable");
        const std::string said =
            run_and_kill(power.prefix(), {"log", file_of("log_lmdb"), data, "7"}, directory.path() + "/output", 50, true);
        power.forget();
        power.strike(data, chance);
        found_out +=
            judge_log(table, data, {"log_lmdb", {}}, 7, {last_of(said, 'o'), last_of(said, 's'), last_of(said, 'v')}) != "";
    }
    CHECK(found_out > 0);
}
