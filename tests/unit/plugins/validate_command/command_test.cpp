#include "plugins/validate_command/command.hpp"

#include <atomic>
#include <thread>

#include "hub/plugin/validator.hpp"
#include "sdk/testing/validator_suite.hpp"
#include "tests/unit/plugins/validate_command/folder.hpp"

using namespace belfry;
using namespace belfry::validate_command;
using test::Folder;

extern "C" const belfry_plugin_descriptor* belfry_plugin_entry_validate_command(const belfry_host_v1*, belfry_error*);

namespace {

const belfry_validator_v1& table() {
    return *static_cast<const belfry_validator_v1*>(
        belfry_plugin_entry_validate_command(nullptr, nullptr)->interfaces[0].table);
}

Status configure(plugin::Settings settings) { return Command::configure(plugin::Host(), settings); }

Status said(const std::string& name, BytesView key, std::optional<BytesView> value) {
    const auto command = Command::compile(name);
    if (!command) return command.error();
    return (*command)->check({key, {}, value});
}

}  // namespace

TEST_CASE("command: exit code 0 accepts, else the first line is the reason", "[validate_command]") {
    const Folder folder;
    REQUIRE(configure({{"directory", folder.path()}}));
    folder.program("check",
                   "test \"$BELFRY_ACTION\" = erase && { echo \"$BELFRY_KEY stays\"; exit 1; }\n"
                   "grep -q good && exit 0\n"
                   "echo; printf '  the word \\033[31mgood\\033[0m is missing\\nmore\\n'; exit 3");
    CHECK(said("check", "k", "all good"));
    CHECK(said("check", "k", "bad").error().detail == "the word ?[31mgood?[0m is missing");
    CHECK(said("check", "k", "bad").error().code == Code::invalid_argument);
    CHECK(said("check", "a b/'c", std::nullopt).error().detail == "a b/'c stays");
    CHECK(said("check", BytesView("a\0b", 3), "good").error().detail.find("zero octet") != std::string::npos);
    folder.program("silent", "exit 9");
    CHECK(said("silent", "k", "v").error().detail == "silent refused it without a word (exit code 9)");
    folder.program("crash", "kill -KILL $$");
    CHECK(said("crash", "k", "v").error().code == Code::io);
    CHECK(first_line("\n \n" + std::string(300, 'x')).size() == 203);
    CHECK(first_line("\xff\xc2\x9b") == "");
}

TEST_CASE("command: a policy names a program of the folder, and nothing else", "[validate_command]") {
    const Folder folder;
    REQUIRE(configure({{"directory", folder.path()}}));
    folder.program("good", "exit 0");
    for (const char* name : {"", "/bin/true", "../good", "a/b", ".good", "good ", "good\n", "g$(x)", ".."}) {
        INFO(name);
        CHECK(Command::compile(name).error().code == Code::invalid_argument);
    }
    CHECK(Command::compile(std::string(65, 'a')).error().code == Code::invalid_argument);
    CHECK(Command::compile("missing").error().code == Code::unsupported);
    folder.program("plain", "exit 0", 0644);
    CHECK(Command::compile("plain").error().code == Code::unsupported);
    folder.program("anybody", "exit 0", 0777);
    CHECK(Command::compile("anybody").error().detail.find("can be written to by others") != std::string::npos);
    CHECK(Command::compile("good"));
    // Looked at again before each run.
    const auto good = Command::compile("good");
    folder.program("good", "exit 0", 0757);
    CHECK((*good)->check({"k", {}, "v"}).error().code == Code::unsupported);
}

TEST_CASE("command: settings are checked at the start, by name", "[validate_command]") {
    const Folder folder;
    REQUIRE(configure({}));
    CHECK(Command::compile("good").error().detail.find("no folder of programs is set") != std::string::npos);
    CHECK(configure({{"directory", folder.path()}, {"timeout", "250ms"}, {"at_once", "64"}}));
    for (const auto& [name, value] : plugin::Settings{{"directory", "relative"},
                                                      {"directory", folder.path() + "/none"},
                                                      {"timeout", "1ms"},
                                                      {"timeout", "61s"},
                                                      {"timeout", "5"},
                                                      {"at_once", "0"},
                                                      {"at_once", "65"},
                                                      {"at_once", "x"},
                                                      {"other", ""}}) {
        INFO(name << " = " << value);
        CHECK(configure({{name, value}}).error().detail.find(name) != std::string::npos);
    }
    REQUIRE(chmod(folder.path().c_str(), 0777) == 0);
    CHECK(configure({{"directory", folder.path()}}).error().detail.find("can be written to by others") !=
          std::string::npos);
    hub::plugin::Validators validators;
    CHECK(validators.add(table(), nullptr, {{"color", "red"}}).error().detail.find("color") != std::string::npos);
}

TEST_CASE("command: no more run at once than are allowed; who waits too long is told", "[validate_command]") {
    const Folder folder;
    REQUIRE(configure({{"directory", folder.path()}, {"at_once", "2"}, {"timeout", "20s"}}));
    folder.program("count",
                   "mkdir one 2>/dev/null && { sleep 0.1; rmdir one; exit 0; }\n"
                   "mkdir two 2>/dev/null && { sleep 0.1; rmdir two; exit 0; }\n"
                   "echo a third one; exit 1");
    const auto command = Command::compile("count");
    REQUIRE(command);
    std::atomic<int> refused = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { refused += (*command)->check({"k", {}, "v"}) ? 0 : 1; });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(refused == 0);
    REQUIRE(configure({{"directory", folder.path()}, {"at_once", "1"}, {"timeout", "300ms"}}));
    folder.program("slow", "sleep 60");
    const auto slow = Command::compile("slow");
    std::atomic<int> timeouts = 0, busy = 0;
    threads.clear();
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
            const Code code = (*slow)->check({"k", {}, "v"}).error().code;
            ++(code == Code::timeout ? timeouts : busy);
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(timeouts >= 1);
    CHECK(timeouts + busy == 2);
}

TEST_CASE("command: it keeps the contract of validators", "[validate_command][conformance]") {
    const Folder folder;
    REQUIRE(configure({{"directory", folder.path()}, {"timeout", "20s"}}));
    folder.program("even", "test $(( $(wc -c) % 2 )) -eq 0 || { echo odd; exit 1; }");
    const testing::Report report = testing::check_validator({&table(), 7, {"even"}});
    INFO(report.text());
    CHECK(report.passed());
}
