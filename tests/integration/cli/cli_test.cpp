// Every command against a real hub. The commands run in this process, through the library, so that their three streams can
// be told apart; the hub is a process.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "sdk/cli/commands.hpp"
#include "sdk/client/subscription.hpp"
#include "tests/support/hub_process.hpp"

using namespace belfry;
using namespace belfry::cli;
namespace fs = std::filesystem;

namespace {

struct Shell {
    test::TemporaryDirectory directory;
    test::HubProcess hub{directory.path() + "/data"};
    std::string out, err;
    int out_pipe = -1;

    Shell() {
        const bool started = hub.start();
        INFO(hub.log());
        REQUIRE(started);
    }

    int run(std::vector<std::string> line, const std::string& input = "") {
        const ClientOptions options = hub.client_options();
        line.insert(line.begin(),
                    {"--endpoint", options.endpoints[0], "--feed", options.feed_endpoints[0], "--author", "tester"});
        std::istringstream in(input);
        std::ostringstream to_out, to_err;
        const auto nothing = [](const char*) -> const char* { return nullptr; };
        const Exit exit = cli::run(line, {in, to_out, to_err, false, false, out_pipe}, nothing);
        out = to_out.str();
        err = to_err.str();
        return static_cast<int>(exit);
    }

    uint64_t revision() {
        REQUIRE(run({"get", "", "--prefix", "--count", "-o", "json"}) == 0);
        return std::stoull(out.substr(out.find(':') + 1));
    }

    std::string path(const std::string& name) const { return directory.path() + "/" + name; }
    void write(const std::string& name, const Bytes& octets) const {
        fs::create_directories(fs::path(path(name)).parent_path());
        std::ofstream(path(name), std::ios::binary) << octets;
    }
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("belfry: put, get and del of one key, with the answers a script looks at", "[integration][cli]") {
    Shell shell;
    CHECK(shell.run({"get", "db/size"}) == 1);
    CHECK(shell.out.empty());
    CHECK(shell.run({"put", "db/size", "32", "--comment", "first"}) == 0);
    CHECK(shell.out == "OK revision 1\n");
    CHECK(shell.run({"get", "db/size"}) == 0);
    CHECK(shell.out == "32\n");
    CHECK(shell.run({"get", "db/size", "--raw"}) == 0);
    CHECK(shell.out == "32");
    CHECK(shell.run({"put", "db/size", "48", "--prev"}) == 0);
    CHECK(shell.out == "OK revision 2\nprevious: 32\n");
    CHECK(shell.run({"get", "db/size", "--rev", "1"}) == 0);
    CHECK(shell.out == "32\n");
    CHECK(shell.run({"get", "db/size", "-d"}) == 0);
    CHECK(has(shell.out, "create_revision  1\nmod_revision     2\nversion          2\n"));
    CHECK(shell.run({"get", "db/size", "-o", "json"}) == 0);
    CHECK(shell.out == R"({"revision":2,"count":1,"kvs":[{"key":"db/size","value":"48","create_revision":1,)"
                       R"("mod_revision":2,"version":2}],"more":false})"
                       "\n");
    CHECK(shell.run({"del", "db/size"}) == 0);
    CHECK(shell.out == "1 key deleted, revision 3\n");
    CHECK(shell.run({"del", "db/size"}) == 1);
    CHECK(shell.run({"get", "db/size", "-o", "json"}) == 1);
    CHECK(has(shell.out, "\"kvs\":[]"));
}

TEST_CASE("belfry: octets from standard input and files come back exactly", "[integration][cli]") {
    Shell shell;
    Bytes all;
    for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
    CHECK(shell.run({"put", "in", "-"}, all) == 0);
    CHECK(shell.run({"get", "in", "--raw"}) == 0);
    CHECK(shell.out == all);
    shell.write("value", all + "\n");
    CHECK(shell.run({"put", "file", "@" + shell.path("value")}) == 0);
    CHECK(shell.run({"get", "file"}) == 0);
    CHECK(shell.out == all + "\n");
    CHECK(shell.run({"put", "literal", "@x", "--literal"}) == 0);
    CHECK(shell.run({"get", "literal"}) == 0);
    CHECK(shell.out == "@x\n");
    CHECK(shell.run({"put", "large", "-"}, Bytes(1024 * 1024 + 1, 'x')) == 5);
    CHECK(shell.run({"put", "largest", "-"}, Bytes(1024 * 1024, 'x')) == 0);
    CHECK(shell.run({"put", Bytes(481, 'k'), "v"}) == 5);
}

TEST_CASE("belfry: compare and set says what it found", "[integration][cli]") {
    Shell shell;
    CHECK(shell.run({"put", "lock", "a", "--cas", "0"}) == 0);
    CHECK(shell.run({"put", "lock", "b", "--cas", "0"}) == 1);
    CHECK(has(shell.err, "the key is at mod revision 1, but it must not exist"));
    CHECK(shell.run({"put", "lock", "b", "--cas", "1"}) == 0);
    CHECK(shell.run({"put", "other", "b", "--cas", "1"}) == 1);
    CHECK(has(shell.err, "there is no such key"));
    CHECK(shell.run({"get", "lock"}) == 0);
    CHECK(shell.out == "b\n");
}

TEST_CASE("belfry: 5,000 keys in pages, sorted, limited and counted", "[integration][cli]") {
    Shell shell;
    std::string lines;
    for (int i = 0; i < 5000; ++i) lines += "k" + std::to_string(10000 + i) + " = v" + std::to_string(i) + "\n";
    REQUIRE(shell.run({"import", "--stdin-kv", "--prefix", "p", "--batch", "500"}, lines) == 0);
    CHECK(has(shell.out, "imported 5,000 keys"));
    CHECK(has(shell.out, "in 10 change sets"));
    REQUIRE(shell.run({"get", "p/", "--prefix"}) == 0);
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 5000);
    CHECK(shell.out.starts_with("p/k10000\tv0\n"));
    CHECK(shell.out.ends_with("p/k14999\tv4999\n"));
    REQUIRE(shell.run({"get", "p/", "--prefix", "--limit", "2500", "--keys-only"}) == 0);
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 2500);
    REQUIRE(shell.run({"get", "p/", "--prefix", "--desc", "--limit", "1"}) == 0);
    CHECK(shell.out == "p/k14999\tv4999\n");
    REQUIRE(shell.run({"get", "p/k10001", "--range-end", "p/k10003"}) == 0);
    CHECK(shell.out == "p/k10001\tv1\np/k10002\tv2\n");
    REQUIRE(shell.run({"get", "", "--prefix", "--count"}) == 0);
    CHECK(shell.out == "5000\n");
}

TEST_CASE("belfry: what prints much stops without a word when nobody reads it any more", "[integration][cli]") {
    Shell shell;
    std::string lines;
    for (int i = 0; i < 2100; ++i) lines += "k" + std::to_string(i) + " = v\n";
    REQUIRE(shell.run({"import", "--stdin-kv", "--batch", "1024"}, lines) == 0);
    REQUIRE(shell.run({"put", "other", "v"}) == 0);
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    ::close(ends[0]);
    shell.out_pipe = ends[1];
    const auto printed = [&](const std::vector<std::string>& line) {
        CHECK(shell.run(line) == 7);
        CHECK(shell.err.empty());
        return std::count(shell.out.begin(), shell.out.end(), '\n');
    };
    CHECK(printed({"get", "", "--prefix", "--keys-only"}) == 2000);  // a page
    CHECK(printed({"log", "--from", "1", "-o", "json"}) == 1);
    CHECK(printed({"diff", "1", "4"}) == 0);
    ::close(ends[1]);
}

TEST_CASE("belfry: a transaction goes one way or the other", "[integration][cli]") {
    Shell shell;
    const std::string text = "if\n  missing(a)\nthen\n  put a 1\n  put \"b c\" \"x\\ny\"\nelse\n  get a\n";
    CHECK(shell.run({"txn"}, text) == 0);
    CHECK(shell.out == "SUCCESS\nput: ok\nput: ok\nrevision 1\n");
    CHECK(shell.run({"txn", "-"}, text) == 1);
    CHECK(shell.out == "FAILURE\nget: 1 key\n  a\t1\nrevision 1\n");
    shell.write("txn.json", R"({"then": [{"txn": {"then": [{"put": {"key": "n", "value": {"base64": "/w=="}}}]}}]})");
    CHECK(shell.run({"txn", "--json", shell.path("txn.json"), "-o", "json"}) == 0);
    CHECK(shell.run({"get", "n"}) == 0);
    CHECK(shell.out == "\xFF\n");
    CHECK(shell.run({"txn"}, "then\nputt a b\n") == 5);
    CHECK(shell.run({"txn"}, "then\nput a 1\nput a 2\n") == 5);
}

TEST_CASE("belfry: history, log and diff tell who changed what", "[integration][cli]") {
    Shell shell;
    CHECK(shell.run({"put", "a", "1", "--comment", "one"}) == 0);
    CHECK(shell.run({"put", "b", "1"}) == 0);
    CHECK(shell.run({"put", "a", "2"}) == 0);
    CHECK(shell.run({"del", "b"}) == 0);
    CHECK(shell.run({"put", "c", "1"}) == 0);

    CHECK(shell.run({"history", "a"}) == 0);
    CHECK(has(shell.out, "rev 3 PUT v2 = 2 (tester)\n"));
    CHECK(has(shell.out, "rev 1 PUT v1 = 1 (tester: one)\n"));
    CHECK(shell.run({"history", "b", "--limit", "1"}) == 0);
    CHECK(has(shell.out, "rev 4 DEL (tester)"));
    CHECK(shell.run({"history", "none"}) == 1);

    CHECK(shell.run({"log"}) == 0);
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 5);
    CHECK(shell.run({"log", "--last", "2", "-o", "json"}) == 0);
    CHECK(shell.out.starts_with("{\"revision\":4,"));
    CHECK(shell.run({"log", "--from", "2", "--to", "3", "--prefix", "a"}) == 0);
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 1);

    CHECK(shell.run({"diff", "2", "5"}) == 1);
    CHECK(shell.out == "~ a = 1 -> 2\n- b = 1\n+ c = 1\n");
    CHECK(shell.run({"diff", "0", "2"}) == 1);
    CHECK(shell.out == "+ a = 1\n+ b = 1\n");
    CHECK(shell.run({"diff", "2", "--prefix", "b", "-o", "json"}) == 1);
    CHECK(shell.out == "{\"key\":\"b\",\"change\":\"removed\",\"before\":\"1\"}\n");
    CHECK(shell.run({"diff", "5"}) == 0);
    CHECK(shell.run({"diff", "3", "3"}) == 0);
}

TEST_CASE("belfry: after compaction old revisions answer 6 and the newest stays", "[integration][cli]") {
    Shell shell;
    for (int i = 1; i <= 10; ++i) CHECK(shell.run({"put", "a", std::to_string(i)}) == 0);
    CHECK(shell.run({"compact", "--keep", "3"}) == 0);
    CHECK(shell.run({"get", "a", "--rev", "2"}) == 6);
    CHECK(shell.run({"diff", "2", "10"}) == 6);
    CHECK(shell.run({"get", "a", "--rev", "9"}) == 0);
    CHECK(shell.out == "9\n");
    CHECK(shell.run({"log"}) == 0);
    CHECK(has(shell.out, "rev 10 PUT"));
    CHECK(shell.run({"get", "a"}) == 0);
    CHECK(shell.out == "10\n");
}

TEST_CASE("belfry: what import made of a tree, export gives back in every format", "[integration][cli]") {
    Shell shell;
    Bytes all;
    for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
    shell.write("tree/app/name", "belfry\n");
    shell.write("tree/app/octets", all);
    shell.write("tree/app/empty", "");
    shell.write("tree/a%20b", "percent");
    fs::create_symlink("app/name", shell.path("tree/link"));
    REQUIRE(shell.run({"import", shell.path("tree"), "--prefix", "t"}) == 0);
    CHECK(has(shell.out, "imported 4 keys"));
    CHECK(has(shell.err, "skipped 1: 1 not a regular file"));
    // Keys that are no file names.
    REQUIRE(shell.run({"put", "t/app", "a leaf and a folder"}) == 0);
    REQUIRE(shell.run({"put", "t/x//..", "up"}) == 0);
    REQUIRE(shell.run({"put", "t/x/base64", "aGk="}) == 0);
    REQUIRE(shell.run({"get", "t/", "--prefix"}) == 0);
    const std::string wanted = shell.out;

    for (const std::string name : {"copy", "copy.json", "copy.toml"}) {
        INFO(name);
        REQUIRE(shell.run({"export", shell.path(name), "--prefix", "t"}) == 0);
        CHECK(has(shell.out, "exported 7 keys"));
        REQUIRE(shell.run({"del", "t/", "--prefix"}) == 0);
        REQUIRE(shell.run({"import", shell.path(name), "--prefix", "t"}) == 0);
        CHECK(shell.err.empty());
        REQUIRE(shell.run({"get", "t/", "--prefix"}) == 0);
        CHECK(shell.out == wanted);
    }
    CHECK(shell.run({"export", shell.path("copy")}) == 5);  // not empty
    CHECK(shell.run({"export", "-", "--prefix", "t/x"}) == 0);
    CHECK(has(shell.out, "\"base64\": \"aGk=\""));
}

TEST_CASE("belfry: export spares what is there, and writes for the owner alone", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"put", "a/b", "1"}) == 0);
    const auto others = [&](const std::string& name) {
        return fs::symlink_status(shell.path(name)).permissions() & fs::perms(077);
    };
    const auto left_behind = [&] {
        size_t parts = 0;
        for (const auto& entry : fs::directory_iterator(shell.directory.path())) {
            parts += has(entry.path().string(), ".part") ? 1 : 0;
        }
        return parts;
    };
    REQUIRE(shell.run({"export", shell.path("x.json")}) == 0);
    CHECK(others("x.json") == fs::perms::none);
    CHECK(shell.run({"export", shell.path("x.json")}) == 1);
    CHECK(has(shell.err, "--force"));
    shell.write("x.json", "old");
    shell.write("x.json.part", "somebody else's");
    REQUIRE(shell.run({"export", shell.path("x.json"), "--force"}) == 0);
    CHECK(has(test::read_text(shell.path("x.json")), "\"b\": \"1\""));
    CHECK(test::read_text(shell.path("x.json.part")) == "somebody else's");
    fs::remove(shell.path("x.json.part"));
    // What is no regular file is not replaced, not even by force.
    fs::create_symlink("x.json", shell.path("link.json"));
    REQUIRE(mkfifo(shell.path("pipe.json").c_str(), 0600) == 0);
    for (const std::string name : {"link.json", "pipe.json"}) {
        CHECK(shell.run({"export", shell.path(name), "--force"}) == 5);
        CHECK(fs::symlink_status(shell.path(name)).type() != fs::file_type::regular);
    }
    REQUIRE(shell.run({"put", "a/\xFF", "no JSON can name it"}) == 0);
    CHECK(shell.run({"export", shell.path("y.json")}) == 5);
    CHECK(!fs::exists(shell.path("y.json")));
    CHECK(left_behind() == 0);

    REQUIRE(shell.run({"export", shell.path("new/tree")}) == 0);
    for (const std::string name : {"new", "new/tree", "new/tree/a", "new/tree/a/b"}) {
        INFO(name);
        CHECK(others(name) == fs::perms::none);
    }
    fs::remove(shell.path("new/tree/a/b"));
    REQUIRE(mkfifo(shell.path("new/tree/a/b").c_str(), 0600) == 0);
    CHECK(shell.run({"export", shell.path("new/tree"), "--merge"}) != 0);
    CHECK(fs::is_fifo(shell.path("new/tree/a/b")));
}

TEST_CASE("belfry: a tree is merged into one of its own kind", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"put", "plain/a%20b", "1"}) == 0);
    REQUIRE(shell.run({"put", "odd/x//y", "2"}) == 0);
    REQUIRE(shell.run({"put", "odd/" + Bytes(475, '/'), "deep"}) == 0);
    // Names of a plain tree would be unescaped by a marker that comes later.
    REQUIRE(shell.run({"export", shell.path("first"), "--prefix", "plain"}) == 0);
    CHECK(shell.run({"export", shell.path("first"), "--prefix", "odd", "--merge"}) == 5);
    CHECK(!fs::exists(shell.path("first/.belfry-tree")));
    // Into an escaped one all go escaped, whether they need it or not.
    REQUIRE(shell.run({"export", shell.path("second"), "--prefix", "odd"}) == 0);
    REQUIRE(shell.run({"export", shell.path("second"), "--prefix", "plain", "--merge"}) == 0);
    REQUIRE(shell.run({"import", shell.path("second"), "--prefix", "back", "--strict"}) == 0);
    CHECK(has(shell.out, "imported 3 keys"));
    CHECK(shell.run({"get", "back/a%20b"}) == 0);
    CHECK(shell.run({"get", "back/x//y"}) == 0);
    CHECK(shell.run({"get", "back/" + Bytes(475, '/')}) == 0);
}

TEST_CASE("belfry: an import that fails reports what was written", "[integration][cli]") {
    Shell shell;
    shell.write("rules.json", R"({"type": "integer"})");
    REQUIRE(shell.run({"policy", "set", "p/*", "--rules", shell.path("rules.json")}) == 0);
    std::string lines = "k00 = no number\n";
    for (int i = 10; i < 60; ++i) lines += "k" + std::to_string(i) + " = 1\n";
    CHECK(shell.run({"import", "--stdin-kv", "--prefix", "p", "--batch", "1", "-o", "json"}, lines) == 5);
    CHECK(has(shell.err, "k00"));
    const std::string reported = shell.out;
    REQUIRE(shell.run({"get", "p/", "--prefix", "--count"}) == 0);
    CHECK(shell.out != "0\n");
    CHECK(reported.starts_with("{\"written\":" + shell.out.substr(0, shell.out.size() - 1) + ","));
}

TEST_CASE("belfry: with -o json the output is one document", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"compact", "--keep", "5", "-o", "json"}) == 0);
    CHECK(shell.out == "{\"compacted\":0}\n");
    shell.write("rules.json", R"({"type": "integer"})");
    shell.write("schema.json", "{}");
    REQUIRE(shell.run({"policy", "set", "n/*", "--rules", shell.path("rules.json"), "--schema", shell.path("schema.json"),
                       "--rule", "rules=" + shell.path("rules.json"), "--rule", "schema=" + shell.path("schema.json")}) ==
            0);
    REQUIRE(shell.run({"policy", "show", "n/*", "-o", "json"}) == 0);
    CHECK(shell.out.starts_with("{\"pattern\":\"n/*\",\"version\":1,\"rules\":[{\"kind\":\"schema\",\"spec\":\"{}\"},"));
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 1);
    size_t kinds = 0;
    for (size_t at = 0; (at = shell.out.find("\"kind\"", at)) != std::string::npos; ++at) ++kinds;
    CHECK(kinds == 4);  // of a flag that stands twice, both
    REQUIRE(shell.run({"put", "p/old", "1"}) == 0);
    REQUIRE(shell.run({"import", "--stdin-kv", "--prefix", "p", "--delete-missing", "--dry-run", "-v", "-o", "json"},
                      "a = 1\nb = 2\n") == 0);
    CHECK(has(shell.out, "\"would_write\":2,\"would_delete\":1,\"puts\":[\"p/a\",\"p/b\"],\"deletes\":[\"p/old\"],"));
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 1);
}

TEST_CASE("belfry: login where nobody is asked is refused", "[integration][cli]") {
    Shell shell;
    shell.write("password", "secret\n");
    fs::permissions(shell.path("password"), fs::perms::owner_read | fs::perms::owner_write);
    CHECK(shell.run({"login", "--user", "ann", "--password-file", shell.path("password"), "--out", shell.path("t")}) == 5);
    CHECK(has(shell.err, "asks nobody"));
    CHECK(!fs::exists(shell.path("t")));
}

TEST_CASE("belfry: import writes only what changed and deletes what is gone, if asked", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"put", "outside", "1"}) == 0);
    shell.write("app.toml", "a = 1\nb = 2\n[c]\nd = \"x\"\n");
    REQUIRE(shell.run({"import", shell.path("app.toml"), "--prefix", "app"}) == 0);
    const uint64_t before = shell.revision();
    shell.write("app.toml", "a = 1\n[c]\nd = \"y\"\n");
    REQUIRE(shell.run({"import", shell.path("app.toml"), "--prefix", "app", "--changed-only", "--delete-missing",
                       "--dry-run"}) == 0);
    CHECK(shell.out == "would write 1 key and delete 1 key\n");
    CHECK(shell.revision() == before);
    REQUIRE(shell.run({"import", shell.path("app.toml"), "--prefix", "app", "--changed-only", "--delete-missing", "-o",
                       "json"}) == 0);
    CHECK(has(shell.out, "\"written\":1,"));
    CHECK(has(shell.out, "\"deleted\":1,\"unchanged\":1,"));
    REQUIRE(shell.run({"get", "", "--prefix"}) == 0);
    CHECK(shell.out == "app/a\t1\napp/c/d\ty\noutside\t1\n");
    // Something of the input is lost: nothing may be deleted on its account.
    shell.write("app.json", R"({"a": "1", "c": null})");
    CHECK(shell.run({"import", shell.path("app.json"), "--prefix", "app", "--delete-missing"}) == 5);
    CHECK(shell.run({"get", "app/c/d"}) == 0);
    shell.write("broken.toml", "a = \n");
    CHECK(shell.run({"import", shell.path("broken.toml")}) == 5);
    CHECK(has(shell.err, "broken.toml: line 1"));
}

TEST_CASE("belfry: watch prints what was and what comes, in groups", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"put", "w/a", "1"}) == 0);
    REQUIRE(shell.run({"txn", "--comment", "both"}, "then\nput w/a 2\nput w/b 2\nput other 1\n") == 0);
    REQUIRE(shell.run({"del", "w/a"}) == 0);
    CHECK(shell.run({"watch", "w/", "--rev", "1", "--count", "3"}) == 0);
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 4);
    CHECK(has(shell.out, "rev 2 PUT w/a = 2 (tester: both)\n"));
    CHECK(has(shell.out, "rev 2 PUT w/b = 2 (tester: both)\n"));
    CHECK(has(shell.out, "rev 3 DEL w/a (tester)\n"));
    CHECK(!has(shell.out, "other"));
    CHECK(shell.run({"watch", "w/*", "--kind", "glob", "--rev", "2", "--count", "1", "-o", "json"}) == 0);
    CHECK(std::count(shell.out.begin(), shell.out.end(), '\n') == 1);
    CHECK(shell.run({"watch", "w/", "--kind", "nonsense", "--rev", "1", "--count", "1"}) == 5);
}

TEST_CASE("belfry: a subscriber's digest is the hub's", "[integration][cli]") {
    Shell shell;
    for (int i = 0; i < 20; ++i) REQUIRE(shell.run({"put", "s/" + std::to_string(i), "v"}) == 0);
    const std::string report = shell.path("report");
    REQUIRE(shell.run({"subscribe", "s/", "--until-revision", "20", "--for", "10s", "--report", report}) == 0);
    const std::string line = test::read_text(report);
    REQUIRE(shell.run({"digest", "s/", "-o", "json"}) == 0);
    const std::string digest = shell.out.substr(shell.out.find("\"digest\":"), 27);
    CHECK(has(line, digest));
    CHECK(has(line, "\"keys\":20"));
    CHECK(shell.run({"subscribe", "s/", "--until-revision", "99", "--for", "300ms"}) == 3);
}

TEST_CASE("belfry: status, and a small bench of every kind that cleans up behind it", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"status", "-o", "json"}) == 0);
    CHECK(has(shell.out, "\"revision\":0"));
    REQUIRE(shell.run({"status"}) == 0);
    CHECK(has(shell.out, "revision"));
    for (const std::string kind : {"put", "get", "range", "watch"}) {
        INFO(kind);
        const std::string count = kind == "range" ? "20" : "500";
        CHECK(shell.run({"bench", kind, "--clients", "2", "--in-flight", "16", "--count", count, "--keys", "100"}) == 0);
        CHECK(has(shell.out, "p99"));
        INFO(shell.err);
    }
    REQUIRE(shell.run({"get", "", "--prefix", "--count"}) == 0);
    CHECK(shell.out == "0\n");
}

TEST_CASE("belfry: a bench deletes what it wrote and nothing else", "[integration][cli]") {
    Shell shell;
    for (const std::string key : {"b/00000000x", "b/00000099", "b/other"}) REQUIRE(shell.run({"put", key, "mine"}) == 0);
    CHECK(shell.run({"bench", "put", "--prefix", "b/", "--count", "50", "--keys", "100"}) == 0);
    REQUIRE(shell.run({"get", "b/", "--prefix", "--keys-only"}) == 0);
    CHECK(shell.out == "b/00000000x\nb/00000099\nb/other\n");
}

TEST_CASE("belfry: a snapshot replaces a backup only when it is whole", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"put", "a", "1"}) == 0);
    REQUIRE(shell.run({"snapshot", "save", shell.path("backup")}) == 0);
    CHECK(shell.run({"snapshot", "save", shell.path("backup")}) == 1);
    CHECK(shell.run({"snapshot", "save", shell.path("backup"), "--force"}) == 0);
    CHECK(shell.run({"snapshot", "status", shell.path("backup")}) == 0);
    fs::create_symlink("backup", shell.path("link"));
    CHECK(shell.run({"snapshot", "save", shell.path("link"), "--force"}) == 5);
    CHECK(std::count_if(fs::directory_iterator(shell.directory.path()), {},
                        [](const auto& entry) { return has(entry.path().string(), ".part"); }) == 0);
}

TEST_CASE("belfry: a value's content type is kept, shown, and read by", "[integration][cli]") {
    Shell shell;
    shell.write("db.toml", "[pool]\nsize = 32\n# why\nhosts = [\"a\"]\n");
    shell.write("odd.json", "{ // a remark\n}");
    CHECK(shell.run({"put", "app/db", "@" + shell.path("db.toml")}) == 0);
    CHECK(shell.run({"get", "app/db", "-o", "json"}) == 0);
    CHECK(has(shell.out, "\"content_type\":\"toml\""));
    CHECK(shell.run({"get", "app/db", "-d"}) == 0);
    CHECK(has(shell.out, "content_type     toml\n"));
    CHECK(shell.run({"get", "app/db", "--format", "yaml"}) == 0);
    CHECK(shell.out == "pool:\n  hosts:\n    - a\n  size: 32\n");
    CHECK(shell.run({"get", "app/db", "--path", "/pool/size"}) == 0);
    CHECK(shell.out == "32\n");
    CHECK(shell.run({"get", "app/db", "--path", "/pool/hosts", "--format", "json"}) == 0);
    CHECK(shell.out == "[\n  \"a\"\n]\n");
    CHECK(shell.run({"get", "app/db", "--path", "/pool/none"}) == 1);
    CHECK(shell.run({"get", "app/db", "--format", "raw"}) == 0);
    CHECK(has(shell.out, "# why"));
    CHECK(shell.run({"get", "app/", "--prefix", "--format", "json"}) == 2);
    // What is stated must be so; what a name promises need not.
    CHECK(shell.run({"put", "app/x", "{\"a\": 1,}", "--type", "json"}) == 5);
    CHECK(has(shell.err, "line 1, column 9: "));
    CHECK(shell.run({"put", "app/odd", "@" + shell.path("odd.json")}) == 0);
    CHECK(has(shell.err, "put without a content type"));
    CHECK(shell.run({"get", "app/odd", "--format", "yaml"}) == 5);
    CHECK(shell.run({"get", "app/odd", "--format", "yaml", "--type", "json"}) == 5);
    CHECK(shell.run({"put", "logo", "octets", "--type", "image/png"}) == 0);
    CHECK(shell.run({"get", "logo", "--format", "json"}) == 5);
    CHECK(shell.run({"txn", "--json"}, R"({"then": [{"put": {"key": "t", "value": "a: 1", "content_type": "yaml"}}]})") ==
          0);
    CHECK(shell.run({"get", "t", "--path", "/a"}) == 0);
    CHECK(shell.run({"txn"}, "then\n  put t \"a = 2\" --type toml\n") == 0);
    CHECK(shell.run({"get", "t", "--path", "/a"}) == 0);
    CHECK(shell.out == "2\n");
    CHECK(shell.run({"put", "t", "plain"}) == 0);  // the next put does not inherit it
    CHECK(shell.run({"history", "t", "-o", "json"}) == 0);
    CHECK(has(shell.out, "\"content_type\":\"toml\""));
    CHECK(has(shell.out, "\"content_type\":\"yaml\""));
    CHECK(shell.run({"get", "t", "-o", "json"}) == 0);
    CHECK_FALSE(has(shell.out, "content_type"));
    CHECK(shell.run({"put", "t", "v", "--dry-run", "-o", "json"}) == 0);
    CHECK(has(shell.out, "\"dry_run\":true"));
    CHECK(shell.run({"txn", "--dry-run", "-o", "json"}, "then\n  put t v\n") == 0);
    CHECK(has(shell.out, "\"dry_run\":true"));
    CHECK(shell.run({"txn", "--dry-run"}, "then\n  put t v\n") == 0);
    CHECK(shell.out.ends_with("nothing was changed\n"));
    // A subscriber has it too, and its digest is the hub's.
    const auto client = shell.hub.client();
    const auto subscription = Subscription::open(client, {.filter = {"prefix", "app/"}});
    REQUIRE((*subscription)->wait_current(std::chrono::seconds(10)));
    CHECK((*subscription)->view()->find("app/db")->content_type == "toml");
    CHECK(client->digest({{"prefix", "app/"}, {}})->digest == (*subscription)->figures().digest);
}

TEST_CASE("belfry: content types survive export and import in every form", "[integration][cli]") {
    Shell shell;
    REQUIRE(shell.run({"put", "x/a", "{}", "--type", "json"}) == 0);
    REQUIRE(shell.run({"put", "x/b.json", "[1]"}) == 0);  // no type, whatever its name says
    REQUIRE(shell.run({"put", "x/c", "-", "--type", "image/png"}, Bytes("\x89PNG\0", 5)) == 0);
    REQUIRE(shell.run({"put", "x/d/content_type", "text"}) == 0);
    REQUIRE(shell.run({"put", "x/d/text", "not one value", "--type", "text"}) == 0);
    REQUIRE(shell.run({"get", "x/", "--prefix", "-o", "json"}) == 0);
    const auto facts = [&] {
        std::map<Bytes, std::pair<Bytes, Bytes>> all;
        protocol::RangeRequest range;
        range.range = KeyRange::prefix("x/");
        const auto found = shell.hub.client()->range(range);
        REQUIRE(found.ok());
        for (const KeyValue& kv : found->kvs) all[kv.key] = {kv.value, kv.content_type};
        return all;
    };
    const auto before = facts();
    REQUIRE(before.size() == 5);
    for (const std::string form : {"tree", "json", "toml"}) {
        INFO(form);
        const std::string path = shell.path("out." + form);
        REQUIRE(shell.run({"export", path, "--prefix", "x", "--format", form}) == 0);
        REQUIRE(shell.run({"del", "x/", "--prefix"}) == 0);
        REQUIRE(shell.run({"import", path, "--prefix", "x", "--format", form}) == 0);
        CHECK(facts() == before);
        CHECK(shell.run({"import", path, "--prefix", "x", "--format", form, "--changed-only"}) == 0);
        CHECK(has(shell.out, "imported 0 keys"));
    }
    // A folder that no export made: by the names' endings.
    shell.write("conf/a.yaml", "a: 1\n");
    shell.write("conf/b.json", "no json");
    CHECK(shell.run({"import", shell.path("conf"), "--prefix", "x"}) == 0);
    CHECK(has(shell.err, "x/b.json: not what its name's ending says"));
    CHECK(facts()["x/a.yaml"].second == "yaml");
    CHECK(facts()["x/b.json"].second.empty());
}
