// `belfry plugin new` as a stranger uses it: the installed package, no source tree, and the plugin in a real hub.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::test;
namespace fs = std::filesystem;

namespace {

constexpr double step_seconds_max = 120;  // of one program; a sanitized build on a busy machine takes its time

void must(const std::vector<std::string>& line) {
    const auto outcome = run_program(line, step_seconds_max);
    INFO(line.front() << " ...\n" << outcome.output);
    REQUIRE(outcome.exit_code == 0);
}

// The package in a prefix of its own, installed once; and a folder to work in.
class Workshop {
public:
    Workshop() {
        for (const std::string part : {"sdk", "command"})
            must({"cmake", "--install", BELFRY_TEST_BUILD, "--component", part, "--prefix", prefix()});
    }
    std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
    std::string prefix() const { return path("prefix"); }
    Outcome belfry(std::vector<std::string> words) const {
        words.insert(words.begin(), prefix() + "/bin/belfry");
        return run_program(words, step_seconds_max);
    }
    // Makes, builds and tests a plugin; where it is.
    std::string make(const std::string& kind, const std::string& name) const {
        const auto made = belfry({"plugin", "new", kind, name, path(name)});
        INFO(made.output);
        REQUIRE(made.exit_code == 0);
        return build(name);
    }
    std::string build(const std::string& name) const {
        compile(name, BELFRY_TEST_FLAGS, {});
        must({"ctest", "--test-dir", path(name) + "/build", "--no-tests=error", "--output-on-failure"});
        return path(name) + "/build/" + name + ".so";
    }
    // Built anew with a sanitizer; what its test says then.
    Outcome test_sanitized(const std::string& name, const std::string& sanitizer) const {
        fs::remove_all(path(name) + "/build");
        compile(name, "", "-DBELFRY_PLUGIN_SANITIZE=" + sanitizer);
        return run_program({"ctest", "--test-dir", path(name) + "/build", "--no-tests=error", "--output-on-failure"},
                           step_seconds_max * 5);
    }
    void compile(const std::string& name, const std::string& flags, const std::string& setting) const {
        must({"cmake", "-S", path(name), "-B", path(name) + "/build", "-G", "Ninja", "-D", "CMAKE_PREFIX_PATH=" + prefix(),
              "-D", "CMAKE_C_COMPILER=" BELFRY_TEST_C_COMPILER, "-D", "CMAKE_CXX_COMPILER=" BELFRY_TEST_CXX_COMPILER, "-D",
              "CMAKE_C_FLAGS=-Werror " + flags, "-D", "CMAKE_CXX_FLAGS=-Werror " + flags,
              setting.empty() ? "-DBELFRY_PLUGIN_SANITIZE=" : setting});
        must({"cmake", "--build", path(name) + "/build"});
    }
    std::string config(const std::string& file, const std::string& more = "") const {
        std::ofstream(path("belfry.toml")) << more << "[[plugins]]\npath = \"" << file << "\"\n";
        return path("belfry.toml");
    }

private:
    TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("plugin new: a filter, built from the package alone, serves in a hub", "[integration][scaffold]") {
    const Workshop workshop;
    HubProcess hub(workshop.path("data"));
    hub.use_config(workshop.config(workshop.make("filter", "filter_mine")));
    REQUIRE(hub.start());
    const auto client = hub.client();
    for (const char* key : {"a.conf", "b.conf", "b.conf.old"}) REQUIRE(client->put(key, "1").ok());
    protocol::DigestRequest request;
    request.filter = {"mine", ".conf"};
    const auto digest = client->digest(request);
    INFO((digest ? "" : digest.error().detail));
    REQUIRE(digest.ok());
    CHECK(digest->count == 2);
    request.filter = {"mine", ""};
    const auto refused = client->digest(request);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().detail.find("the spec is empty") != std::string::npos);
}

TEST_CASE("plugin new: a sanitizer finds what an author left in a filter, and passes one that is whole",
          "[integration][scaffold]") {
    if (*BELFRY_TEST_FLAGS != '\0') SKIP("this build has a sanitizer itself");
    const Workshop workshop;
    REQUIRE(workshop.belfry({"plugin", "new", "filter", "filter_mine", workshop.path("filter_mine")}).exit_code == 0);
    const auto whole = workshop.test_sanitized("filter_mine", "address");
    INFO(whole.output);
    CHECK(whole.exit_code == 0);

    fs::path source;
    for (const auto& entry : fs::directory_iterator(workshop.path("filter_mine"))) {
        if (entry.path().extension() == ".cpp") source = entry.path();
    }
    std::string text = read_text(source.string());
    const std::string sound = "return key.ends_with(suffix_);";
    REQUIRE(text.find(sound) != std::string::npos);
    text.replace(text.find(sound), sound.size(),
                 "char* left = new char[9]; left[0] = 'x'; return key.ends_with(suffix_) && left[0] == 'x';");
    std::ofstream(source) << text;
    const auto leaking = workshop.test_sanitized("filter_mine", "address");
    INFO(leaking.output);
    CHECK(leaking.exit_code != 0);
    CHECK(leaking.output.find("LeakSanitizer") != std::string::npos);
}

TEST_CASE("plugin new: a state store and a log store, built from the package alone, keep what a hub was told",
          "[integration][scaffold]") {
    const Workshop workshop;
    const std::string store = workshop.make("state_store", "storage_mine"), log = workshop.make("log_store", "log_mine");
    HubProcess hub(workshop.path("data"), {"log.plugin=log_mine"});
    hub.use_config(workshop.config(store, "[store]\nplugin = \"storage_mine\"\n[[plugins]]\npath = \"" + log + "\"\n"));
    REQUIRE(hub.start());
    for (int i = 0; i < 100; ++i) REQUIRE(hub.client()->put("key", std::to_string(i)).ok());
    const auto got = hub.client()->get("key");
    REQUIRE(got.ok());
    CHECK(got->value == "99");
    hub.kill();
    REQUIRE(hub.start());
    const auto again = hub.client()->get("key");
    REQUIRE(again.ok());
    CHECK(again->value == "99");
    CHECK(again->version == 100);
    CHECK(hub.stop() == 0);
}

TEST_CASE("plugin new: a transport, built from the package alone, passes its suite", "[integration][scaffold]") {
    const Workshop workshop;
    CHECK(fs::exists(workshop.make("transport", "transport_mine")));
}

TEST_CASE("plugin new: a validator, built from the package alone, decides about writes", "[integration][scaffold]") {
    const Workshop workshop;
    HubProcess hub(workshop.path("data"));
    hub.use_config(workshop.config(workshop.make("validator", "validate_mine")));
    REQUIRE(hub.start());
    std::ofstream(workshop.path("spec")) << "2";
    const auto set = workshop.belfry({"--endpoint", hub.client_options().endpoints[0], "policy", "set", "few/*", "--rule",
                                      "mine=" + workshop.path("spec")});
    INFO(set.output);
    REQUIRE(set.exit_code == 0);
    CHECK(hub.client()->put("few/a", "1\n2\n").ok());
    const auto refused = hub.client()->put("few/a", "1\n2\n3\n");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().detail == "'few/a': policy 'few/*' (mine): the value has 3 lines, at most 2 are allowed");
    CHECK(hub.stop() == 0);
}

TEST_CASE("plugin new: the filter in C builds from the package alone", "[integration][scaffold]") {
    const Workshop workshop;
    fs::copy(BELFRY_TEST_SOURCE "/examples/filter_plugin_c", workshop.path("filter_words"));
    CHECK(fs::exists(workshop.build("filter_words")));
}

TEST_CASE("plugin new: what cannot be is refused with a sentence, and nothing is written", "[integration][scaffold]") {
    const TemporaryDirectory directory;
    const auto refuse = [&](const std::vector<std::string>& words, const std::string& part) {
        std::vector<std::string> line = {program("belfry"), "plugin", "new"};
        line.insert(line.end(), words.begin(), words.end());
        const auto outcome = run_program(line);
        INFO(outcome.output);
        CHECK(outcome.exit_code == 5);
        CHECK(outcome.output.find(part) != std::string::npos);
    };
    const std::string there = directory.path() + "/there";
    for (const std::string name : {"../evil", "filter_", "filter_A", "mine", "filter_a-b", "storage_mine", "filter_a b"})
        refuse({"filter", name, there}, "cannot be the name of a filter: take filter_SOMETHING");
    refuse({"filter", "filter_" + std::string(60, 'a'), there}, "at most 64");
    refuse({"filters", "filter_mine", there}, "there are filter, state_store, log_store, transport, validator");
    CHECK_FALSE(fs::exists(there));
    fs::create_directory(there);
    std::ofstream(there + "/mine") << "years of work";
    const auto full = run_program({program("belfry"), "plugin", "new", "filter", "filter_mine", there});
    INFO(full.output);
    CHECK(full.exit_code == 1);
    CHECK(full.output.find("is not empty") != std::string::npos);
    CHECK(std::distance(fs::directory_iterator(there), {}) == 1);
    const auto file = run_program({program("belfry"), "plugin", "new", "filter", "filter_mine", there + "/mine"});
    CHECK(file.exit_code == 1);
    CHECK(read_text(there + "/mine") == "years of work");
}
