#include "sdk/cli/commands.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

using namespace belfry;
using namespace belfry::cli;

namespace {

struct Outcome {
    Exit exit;
    std::string out, err;
};

// Runs the command line as main() would, with no variable set and nothing on standard input.
Outcome run_line(const std::vector<std::string>& line, const char* (*environment)(const char*) = nullptr) {
    std::istringstream in;
    std::ostringstream out, err;
    if (environment == nullptr) environment = [](const char*) -> const char* { return nullptr; };
    const Exit exit = run(line, {in, out, err}, environment);
    return {exit, out.str(), err.str()};
}

// An endpoint nobody listens on, and little patience.
Outcome run_alone(std::vector<std::string> line) {
    line.insert(line.begin(), {"--endpoint", "tcp://127.0.0.1:1", "--feed", "tcp://127.0.0.1:1", "--timeout", "150ms"});
    return run_line(line);
}

}  // namespace

TEST_CASE("commands: every one is documented and its flags do not hide common ones", "[cli][commands]") {
    std::set<std::string_view> names;
    for (const Command* command : commands()) {
        CHECK(names.insert(command->name).second);
        CHECK(!command->summary.empty());
        CHECK(command->run != nullptr);
        CHECK(command->words_min <= command->words_max);
        std::set<std::string_view> flags;
        std::set<char> letters;
        for (const auto& table : {common_flags(), command->flags}) {
            for (const Flag& flag : table) {
                INFO(command->name << " --" << flag.name);
                CHECK(flags.insert(flag.name).second);
                CHECK((flag.letter == 0 || letters.insert(flag.letter).second));
                CHECK(flag.value.empty() == (flag.kind == FlagKind::toggle));
            }
        }
        CHECK(overview().find("  " + std::string(command->name) + " ") != std::string::npos);
        CHECK(run_line({"help", std::string(command->name)}).exit == Exit::ok);
        CHECK(run_line({std::string(command->name), "--help"}).out == manual(*command));
    }
}

TEST_CASE("commands: the installed completion is the one the program makes", "[cli][commands]") {
    std::ifstream file(BELFRY_COMPLETION_FILE);
    std::ostringstream text;
    text << file.rdbuf();
    CHECK(text.str() == bash_completion());
}

TEST_CASE("commands: a wrong line is told what is wrong, and exits with 2", "[cli][commands]") {
    CHECK(run_line({}).exit == Exit::usage);
    CHECK(run_line({"--help"}).exit == Exit::ok);
    const Outcome typo = run_line({"gte", "a"});
    CHECK(typo.exit == Exit::usage);
    CHECK(typo.err.find("did you mean 'get'?") != std::string::npos);
    const std::vector<std::vector<std::string>> wrong = {
        {"put", "a"},
        {"put", "a", "b", "c"},
        {"get"},
        {"get", ""},
        {"get", "a", "--sort", "size"},
        {"get", "a", "--prefix", "--range-end", "b"},
        {"del", ""},
        {"del", "", "--prefix"},
        {"diff", "x"},
        {"diff", "5", "3"},
        {"compact"},
        {"compact", "5", "--keep", "3"},
        {"import"},
        {"import", "-"},
        {"import", "f", "--delete-missing"},
        {"import", "f", "--stdin-kv"},
        {"import", "f", "--format", "xml"},
        {"export", "-", "--format", "tree"},
        {"export", "f", "--format", "lines"},
        {"watch", "a", "--snapshot", "--rev", "3"},
        {"bench", "fly"},
        {"bench", "put", "--clients", "0"},
        {"bench", "put", "--count", "99999999999999999"},
        {"bench", "watch", "--clients", "1000", "--count", "1000000"},
        {"completion", "fish"},
        {"plugin", "make", "x"},
        {"help", "nothing"},
        {"user", "add", "ann", "--no-password", "--new-password-file", "f"},
        {"member", "remove", "3", "--key", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"},
        {"member", "list", "--key", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"},
        {"member", "add", "4", "10.0.0.4:7422"},
        {"member", "add", "4", "tcp://10.0.0.4"},
        {"member", "add", "4", "tcp://10.0.0.4:0"},
        {"member", "add", "4", "tcp://10.0.0.4:7422 x"},
        {"member", "add", "4", "tcp://10.0.0.4:7422", "--key", "short"},
        {"member", "replace", "3", "4", "tcp://:7422"},
        {"policy", "set", "a", "--rule", "kind"},
        {"lease", "grant"},
        {"lease", "grant", "soon"},
        {"lease", "grant", "1500ms"},
        {"lease", "grant", "0"},
        {"lease", "revoke", "seven"},
        {"lease", "list", "7"},
        {"lease", "timetolive", "7", "--once"},
        {"lease", "renew", "7"},
        {"once", "job"},
        {"once", "job", "--forget", "--", "true"},
        {"once", "job", "--tries", "0", "--", "true"},
        {"once", "job", "--ttl", "1500ms", "--", "true"},
        {"watch", "--children"},
        {"watch", "a", "--children", "--kind", "glob"},
        {"presence", "join", "workers"},
        {"presence", "list", "workers", "--below", "3"},
        {"presence", "watch", "workers", "--", "true"},
        {"presence", "leave", "workers"},
        {"presence", "watch", "workers", "--ttl", "3s"},
        {"policy", "list", "--schema", "f"},
        {"policy", "show", "a", "--dry-run"},
        {"policy", "remove", "a", "--quota-keys", "1"},
        {"user", "list", "--roles", "r"},
        {"user", "passwd", "ann", "--no-password"},
        {"user", "key", "add", "ann"},
        {"user", "key", "remove", "ann", "k"},
        {"role", "show", "app", "--prefix"},
        {"snapshot", "save", "f", "--data-dir", "d"},
        {"snapshot", "status", "f", "--force"},
        {"snapshot", "look", "f"},
        {"service", "list", "--passing"},
        {"service", "pick", "web", "--passing"},
        {"service", "find", "web", "--port", "80"},
        {"service", "find", "web", "--stream"},
        {"plugin", "list", "--verbose"},
        {"lease", "list", "--keys"},
        {"import", "f", "--batch", "0"},
        {"import", "f", "--batch", "1025"},
        {"barrier", "close", "b"},
        {"barrier", "open", "b", "--wait", "5s"},
        {"barrier", "hold", "b", "--ttl", "5s", "--lasting"},
        {"counter", "c", "--add", "1", "--set", "1"},
        {"counter", "c", "--add", "9223372036854775808"},
        {"put", "a", "b", "--sequential", "--cas", "0"},
        {"job", "post", "a"},
        {"job", "post", "a", "b", "--priority", "10"},
        {"job", "post", "a", "b", "--ttl", "2s"},
        {"job", "work", "a"},
        {"job", "result", "a", "b", "--most", "2"},
        {"barrier", "join", "a", "--", "true"},
        {"barrier", "join", "a", "--members", "1001", "--", "true"},
        {"queue", "push", "a"},
        {"queue", "push", "a", "b", "--priority", "10"},
        {"queue", "push", "a", "b", "--follow"},
        {"queue", "take", "a", "--most", "0"},
        {"queue", "take", "a", "--peek", "--wait", "1s"},
        {"queue", "take", "a", "--peek", "--", "cat"},
        {"queue", "take", "a", "--ttl", "1500ms"},
        {"queue", "status", "a", "b"},
        {"queue", "revive", "a"},
        {"queue", "grab", "a"},
        {"get", "a", "--output", "xml"},
        {"get", "a", "--timeout", "soon"},
        {"get", "a", "--nonsense"},
        {"--endpoint", "", "get", "a"},
    };
    for (const auto& line : wrong) {
        INFO(line[0] << ' ' << (line.size() > 1 ? line[1] : ""));
        const Outcome outcome = run_line(line);
        CHECK((outcome.exit == Exit::usage || line[0] == "--endpoint"));
        CHECK(outcome.out.empty());
    }
}

TEST_CASE("commands: version in both outputs", "[cli][commands]") {
    CHECK(run_line({"version"}).out.starts_with("belfry "));
    CHECK(run_line({"version", "-o", "json"}).out.starts_with("{\"version\":"));
    const auto json = [](const char* name) -> const char* {
        return std::string_view(name) == "BELFRY_OUTPUT" ? "json" : nullptr;
    };
    CHECK(run_line({"version"}, json).out.starts_with("{"));
    CHECK(run_line({"--output", "text", "version"}, json).out.starts_with("belfry "));
}

TEST_CASE("commands: with no hub there, each ends within its timeout and says unavailable", "[cli][commands]") {
    const std::vector<std::vector<std::string>> lines = {
        {"get", "a"},
        {"put", "a", "b"},
        {"status"},
        {"watch", "a"},
        {"log"},
        {"digest", "a"},
        {"bench", "put"},
        {"lease", "list"},
        {"lease", "grant", "30s"},
        {"lease", "keep-alive", "7", "--once"},
        {"once", "job", "--", "true"},
        {"watch", "a", "--children"},
        {"presence", "join", "workers", "me"},
        {"presence", "list", "workers"},
        {"presence", "watch", "workers"},
        {"barrier", "hold", "b"},
        {"barrier", "wait", "b", "--wait", "300ms"},
        {"counter", "c", "--add", "1"},
        {"queue", "push", "a", "b"},
        {"queue", "take", "a"},
    };
    for (const auto& line : lines) {
        INFO(line[0]);
        const Outcome outcome = run_alone(line);
        const bool not_done = outcome.exit == Exit::unavailable || outcome.exit == Exit::uncertain;
        CHECK(not_done);
        CHECK(outcome.out.empty());
        CHECK(outcome.err.starts_with("belfry " + line[0] + ": "));
    }
    const Outcome json = run_alone({"get", "a", "-o", "json"});
    CHECK(json.err.starts_with("{\"error\":\""));
}

TEST_CASE("commands: each endpoint has its feed, and a variable's feed is not that of an endpoint on the line",
          "[cli][commands]") {
    const Outcome unlike = run_line({"--endpoint", "tcp://a:1,tcp://b:1", "--feed", "tcp://a:2", "get", "x"});
    CHECK(unlike.exit == Exit::usage);
    CHECK(unlike.err.find("--feed: one address for each of --endpoint") != std::string::npos);
    const auto cluster = [](const char* name) -> const char* {
        if (std::string_view(name) == "BELFRY_ENDPOINT") return "tcp://a:1,tcp://b:1";
        return std::string_view(name) == "BELFRY_FEED" ? "tcp://a:2,tcp://b:2" : nullptr;
    };
    const Outcome other = run_line({"--endpoint", "tcp://127.0.0.1:1", "--timeout", "50ms", "get", "x"}, cluster);
    CHECK(other.exit == Exit::unavailable);
}

TEST_CASE("commands: a daemon whose end nobody sees has not succeeded", "[cli][commands]") {
    const std::string path = std::getenv("PATH");
    char folder[] = "/tmp/belfry-cli-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    const std::string daemon = std::string(folder) + "/belfryd";  // unless a real one is beside this program
    REQUIRE(::symlink("/bin/false", daemon.c_str()) == 0);
    ::setenv("PATH", folder, 1);
    std::signal(SIGCHLD, SIG_IGN);
    const Outcome unseen = run_line({"store", "migrate", "--data", "/nowhere", "--from", "a", "--to", "b"});
    std::signal(SIGCHLD, SIG_DFL);
    ::setenv("PATH", path.c_str(), 1);
    ::unlink(daemon.c_str());
    ::rmdir(folder);
    CHECK(unseen.exit == Exit::other);
    CHECK(unseen.err.find("ended was not seen") != std::string::npos);
}

TEST_CASE("commands: a value from a file that is not there is not written", "[cli][commands]") {
    const Outcome outcome = run_alone({"put", "a", "@/nonexistent/file"});
    CHECK(outcome.exit == Exit::other);
    CHECK(outcome.err.find("/nonexistent/file") != std::string::npos);
}

TEST_CASE("commands: a file that is not there is no answer of the hub's, and no fault of the line", "[cli][commands]") {
    for (const std::vector<std::string>& line :
         std::vector<std::vector<std::string>>{{"get", "a", "--token-file", "/nonexistent/token"},
                                               {"get", "a", "--user", "ann", "--password-file", "/nonexistent/password"},
                                               {"snapshot", "status", "/nonexistent/backup"},
                                               {"policy", "set", "a", "--schema", "/nonexistent/schema"},
                                               {"policy", "set", "a", "--rule", "kind=/nonexistent/rule"}}) {
        INFO(line[0] << ' ' << line[1]);
        const Outcome outcome = run_alone(line);
        CHECK(outcome.exit == Exit::other);
        CHECK(outcome.err.find("/nonexistent/") != std::string::npos);
        CHECK(outcome.err.find("usage:") == std::string::npos);
    }
}
