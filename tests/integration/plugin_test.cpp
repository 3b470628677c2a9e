// Plugins as files: what `belfry plugin check` says of ours and of strangers, and what the daemon does with them.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <thread>

#include "tests/support/cluster_processes.hpp"

using namespace belfry;
using namespace belfry::test;
namespace fs = std::filesystem;

namespace {

fs::path plugins() { return fs::path(program("belfry")).parent_path().parent_path() / "lib/belfry/plugins"; }
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Outcome start_with(const std::string& directory, const std::string& file, const std::string& sha256 = "") {
    const std::string config = directory + "/belfry.toml";
    std::ofstream(config) << "[[plugins]]\npath = \"" << file << "\"\n"
                          << (sha256.empty() ? "" : "sha256 = \"" + sha256 + "\"\n");
    return run_program({program("belfryd"), "--config", config, "--data-dir", directory + "/data", "--listen",
                        "tcp://127.0.0.1:*", "--feed", "tcp://127.0.0.1:*"});
}

}  // namespace

TEST_CASE("plugin: every plugin of this build keeps its contract", "[integration][plugin]") {
    size_t checked = 0;
    for (const auto& entry : fs::directory_iterator(plugins())) {
        if (entry.path().extension() != ".so") continue;
#if defined(__SANITIZE_THREAD__)
        // Takes minutes with segments of the default size; log_store_conformance_test runs its suite on small ones.
        if (entry.path().stem() == "log_wal") continue;
#endif
        const auto outcome = run_program({program("belfry"), "plugin", "check", entry.path().string()}, 200);
        INFO(entry.path() << "\n" << outcome.output);
        CHECK(outcome.exit_code == 0);
        CHECK(has(outcome.output, entry.path().stem().string()));
        ++checked;
    }
    CHECK(checked >= 12);
}

TEST_CASE("plugin: what is none is refused with a sentence", "[integration][plugin]") {
    const TemporaryDirectory directory;
    const std::string text = directory.path() + "/text.so", empty = directory.path() + "/empty.so";
    std::ofstream(text) << "no library";
    std::ofstream(empty).flush();
    for (const auto& file : {text, empty, directory.path() + "/absent.so", directory.path(), program("belfry")}) {
        const auto outcome = run_program({program("belfry"), "plugin", "check", file});
        INFO(outcome.output);
        CHECK(outcome.exit_code == 1);
        CHECK(has(outcome.output, file));
    }
    const auto outcome = start_with(directory.path(), text);
    INFO(outcome.output);
    CHECK(outcome.exit_code == 1);
    CHECK(has(outcome.output, text));
    CHECK_FALSE(fs::exists(directory.path() + "/data"));
}

TEST_CASE("plugin: a name or filter kind that is there already is refused, with both origins", "[integration][plugin]") {
    for (const std::string name : {"storage_memory", "filter_glob", "transport_zmq"}) {
        const TemporaryDirectory directory;
        const std::string file = (plugins() / (name + ".so")).string();
        const auto outcome = start_with(directory.path(), file);
        INFO(outcome.output);
        CHECK(outcome.exit_code == 1);
        CHECK(has(outcome.output, file));
        CHECK(has(outcome.output, "'" + name + "'"));
        CHECK(has(outcome.output, "built in"));
    }
}

TEST_CASE("plugin: a file that is not the pinned one, or of another ABI, keeps the hub from starting",
          "[integration][plugin]") {
    const TemporaryDirectory directory;
    const std::string file = (plugins() / "filter_suffix.so").string();
    const std::string digest = run_program({"sha256sum", file}).output.substr(0, 64);
    const std::string other = std::string(digest[0] == '0' ? "1" : "0") + digest.substr(1);
    const auto unpinned = start_with(directory.path(), file, other);
    INFO(unpinned.output);
    CHECK(unpinned.exit_code == 1);
    CHECK(has(unpinned.output, "its sha256 is " + digest + ", the settings say " + other));
    const auto old = start_with(directory.path(), BELFRY_TEST_LIBRARY_OTHER_ABI);
    INFO(old.output);
    CHECK(old.exit_code == 1);
    CHECK(has(old.output, "built for plugin ABI 2.3, this host speaks 1."));
    CHECK_FALSE(fs::exists(directory.path() + "/data"));

    HubProcess hub(directory.path() + "/data");
    const std::string config = directory.path() + "/belfry.toml";
    std::ofstream(config) << "[[plugins]]\npath = \"" << file << "\"\nsha256 = \"" << digest << "\"\n";
    hub.use_config(config);
    CHECK(hub.start());
}

TEST_CASE("plugin: a hub runs with a log store that came from a file", "[integration][plugin]") {
    const TemporaryDirectory directory;
    const std::string file = (plugins() / "log_memory.so").string();
    REQUIRE(fs::exists(file));
    const int port = free_port_pair();
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(port);
    Process hub(
        {program("belfryd"), "--data-dir", directory.path() + "/data", "--listen", endpoint, "--feed",
         "tcp://127.0.0.1:" + std::to_string(port + 1), "--set", "plugins=" + file, "--set", "log.plugin=log_memory"},
        directory.path() + "/log");
    ClientOptions options;
    options.endpoints = {endpoint};
    options.timeout = std::chrono::seconds(20);  // it starts meanwhile
    auto client = Client::connect(options);
    REQUIRE(client.ok());
    const auto put = (*client)->put("k", "v");
    INFO(read_text(directory.path() + "/log"));
    CHECK(put.ok());
}

TEST_CASE("plugin list: every member of a cluster tells what it runs, and where they differ", "[integration][plugin]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    const std::string config = directory.path() + "/belfry.toml";
    std::ofstream(config) << "[[plugins]]\npath = \"" << (plugins() / "filter_suffix.so").string() << "\"\n";
    cluster.at(2).use_config(config);
    REQUIRE(cluster.start());
    std::string all;
    for (const uint64_t id : cluster.ids()) all += (all.empty() ? "" : ",") + cluster.at(id).client_options().endpoints[0];
    const std::string first = cluster.at(1).client_options().endpoints[0];

    const auto listed = run_program({program("belfry"), "plugin", "list", "--endpoint", all});
    INFO(listed.output);
    CHECK(listed.exit_code == 1);
    const std::string table = std::regex_replace(listed.output, std::regex(" +"), " ");  // columns fit what is in them
    CHECK(has(table, "storage_lmdb 1.0.0 state store 1* 2* 3* built in"));
    CHECK(has(table, "storage_memory 1.0.0 state store 1 2 3 built in"));
    CHECK(
        has(listed.output, "members differ: filter_suffix (filter 'suffix') is 1.0.0 on member 2, is not on members 1 3"));
    CHECK_FALSE(has(listed.output, "not asked"));

    const auto status = run_program({program("belfry"), "status", "--endpoint", all});
    INFO(status.output);
    CHECK(status.exit_code == 0);
    CHECK(has(status.output, "members differ: filter_suffix (filter 'suffix')"));

    // Each member warns by itself, once.
    const auto warns = [&](uint64_t id, const std::string& of) {
        for (int tries = 0; tries < 500 && !has(cluster.at(id).log(), "unlike_members=" + of); ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        const std::string log = cluster.at(id).log();
        INFO(log);
        CHECK(has(log, "unlike_members=" + of));
        CHECK(log.find("unlike_members") == log.rfind("unlike_members"));
    };
    warns(1, "2");
    warns(3, "2");

    const auto alone = run_program({program("belfry"), "plugin", "list", "--endpoint", first});
    INFO(alone.output);
    CHECK(alone.exit_code == 0);
    CHECK(has(alone.output, "member 2 was not asked"));
    CHECK(has(alone.output, "member 3 was not asked"));

    cluster.at(3).kill();
    const auto partly =
        run_program({program("belfry"), "plugin", "list", "--endpoint", all, "--timeout", "2s", "-o", "json"});
    INFO(partly.output);
    CHECK(partly.exit_code == 3);
    CHECK(has(partly.output, R"("not_asked":[3])"));
    CHECK(has(partly.output,
              R"("differences":["filter_suffix (filter 'suffix') is 1.0.0 on member 2, is not on member 1"])"));
}
