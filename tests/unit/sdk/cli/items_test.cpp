#include "sdk/cli/items.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "sdk/cli/tree_names.hpp"

using namespace belfry;
using namespace belfry::cli;
namespace fs = std::filesystem;

namespace {

using Map = std::map<Bytes, Bytes>;

// What a reader handed over, and what it skipped.
struct Collected {
    Map items;
    std::vector<Skip> skips;
    bool doubled = false;

    ItemSink sink() {
        return [this](Item item) -> Status {
            doubled = doubled || !items.emplace(item.key, item.value).second;
            return {};
        };
    }
    SkipSink skip() {
        return [this](Skip one) { skips.push_back(std::move(one)); };
    }

    bool skipped(std::string_view reason) const {
        return std::any_of(skips.begin(), skips.end(),
                           [&](const Skip& one) { return one.reason.find(reason) != std::string::npos; });
    }
};

std::vector<Item> listed(const Map& map) {
    std::vector<Item> items;
    for (const auto& [key, value] : map) items.push_back({key, value});
    return items;
}

// Keys that are awkward to nest or to name, values that are awkward to quote.
Map awkward() {
    Bytes deep = "d";
    for (int i = 0; i < 100; ++i) deep += "/d";
    return {
        {"plain", "text"},
        {"a", "leaf"},
        {"a/b", "leaf and folder"},
        {"a/b/c", "under a leaf"},
        {"x/base64", "aGk="},
        {"base64", "aGk="},
        {"/lead", "1"},
        {"trail/", "2"},
        {"two//slashes", "3"},
        {"dots/../up", "4"},
        {"dots/./here", "5"},
        {"%25/%", "6"},
        {"quote\"\\n", "\"\\"},
        {"lines", "a\nb\n"},
        {"crlf", "a\r\nb"},
        {"nul", Bytes("a\0b", 3)},
        {"octets", "\xFF\xFE"},
        {"empty", ""},
        {"three", "\"\"\"\n\"\"\"\n"},
        {"newline", "\n"},
        {"back", "\\\n\\"},
        {deep, "deep"},
        {"y/z/base64/q", "7"},
        {"tab", "\t\x7F"},
        {"k/e.y", "dotted"},
        {"umlaut/\xC3\xA4", "\xE2\x82\xAC"},
    };
}

class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "belfry_cli_XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    void write(const fs::path& name, const Bytes& octets) const {
        fs::create_directories((path / name).parent_path());
        std::ofstream(path / name, std::ios::binary) << octets;
    }
    fs::path path;
};

void write_tree(const Folder& folder, const Map& map) {
    std::vector<Bytes> keys;
    for (const auto& [key, value] : map) keys.push_back(key);
    const TreeNames names(keys);
    if (names.escaped()) folder.write(tree_marker, "");
    for (const auto& [key, value] : map) folder.write(names.path_of(key), value);
}

Collected read_tree(const Folder& folder, TreeOptions options = {false, 1024 * 1024}) {
    Collected collected;
    CHECK(read_tree_items(folder.path.string(), options, collected.sink(), collected.skip()));
    CHECK(!collected.doubled);
    return collected;
}

}  // namespace

TEST_CASE("json: 26 awkward keys come back as they were", "[cli][items]") {
    const Map map = awkward();
    const auto text = write_json_items(listed(map));
    REQUIRE(text);
    Collected back;
    REQUIRE(read_json_items(*text, back.sink(), back.skip()));
    CHECK(back.items == map);
    CHECK(back.skips.empty());
}

TEST_CASE("toml: 26 awkward keys come back as they were", "[cli][items]") {
    const Map map = awkward();
    const auto text = write_toml_items(listed(map));
    REQUIRE(text);
    Collected back;
    const auto status = read_toml_items(*text, back.sink(), back.skip());
    INFO(*text);
    INFO((status ? "" : status.error().detail));
    REQUIRE(status);
    CHECK(back.items == map);
}

TEST_CASE("json, toml: simple keys are nested as a person would write them", "[cli][items]") {
    const std::vector<Item> items = {{"db/host", "h"}, {"db/pool/size", "32"}, {"name", "n"}};
    CHECK(*write_json_items(items) ==
          "{\n  \"name\": \"n\",\n  \"db\": {\n    \"host\": \"h\",\n    \"pool\": {\n      \"size\": \"32\"\n    }\n  "
          "}\n}\n");
    CHECK(*write_toml_items(items) ==
          "\"name\" = \"n\"\n\n[\"db\"]\n\"host\" = \"h\"\n\n[\"db\".\"pool\"]\n\"size\" = \"32\"\n");
    CHECK(*write_json_items({}) == "{}\n");
    CHECK(write_toml_items({})->empty());
}

TEST_CASE("json, toml: a key that is not UTF-8 is refused by name", "[cli][items]") {
    const std::vector<Item> items = {{"k\xFF", "v"}};
    CHECK(write_json_items(items).error().detail.find("k\\xff") != std::string::npos);
    CHECK(!write_toml_items(items));
}

TEST_CASE("json: numbers, booleans and lists become their text, null is skipped", "[cli][items]") {
    Collected read;
    REQUIRE(
        read_json_items(R"({"n": 32, "f": 1.5, "b": true, "l": [1, "x"], "none": null, "bad": {"base64": "?"}, "e": {}})",
                        read.sink(), read.skip()));
    CHECK(read.items == Map{{"n", "32"}, {"f", "1.5"}, {"b", "true"}, {"l", "[1,\"x\"]"}});
    CHECK(read.skipped("null is no value"));
    CHECK(read.skipped("not base64"));
}

TEST_CASE("json: a number comes through as it was written", "[cli][items]") {
    Collected read;
    REQUIRE(read_json_items(
        R"({"big": 18446744073709551616, "low": -9223372036854775809, "e": 1e3, "f": 1.10,)"
        R"( "max": 18446744073709551615, "zero": -0.0, "l": [1.10, {"a\"b": [1E+2, true, null], "c": {}}, "x"]})",
        read.sink(), read.skip()));
    CHECK(read.items == Map{{"big", "18446744073709551616"},
                            {"low", "-9223372036854775809"},
                            {"e", "1e3"},
                            {"f", "1.10"},
                            {"max", "18446744073709551615"},
                            {"zero", "-0.0"},
                            {"l", R"([1.10,{"a\"b":[1E+2,true,null],"c":{}},"x"])"}});
}

TEST_CASE("json: what is no object of keys is refused", "[cli][items]") {
    Collected read;
    const std::string deep(1000, '[');
    for (const std::string& text :
         {std::string("[]"), std::string("{"), std::string(""), std::string(R"({"a": 1, "a": 2})"), deep,
          std::string("{\"a\": \"\xFF\"}"), std::string("{} x"), std::string("{\"a\":1}\0{\"b\":2}", 15)}) {
        CHECK(!read_json_items(text, read.sink(), read.skip()));
    }
    CHECK(read.items.empty());
}

TEST_CASE("toml: typed values become their text", "[cli][items]") {
    Collected read;
    REQUIRE(
        read_toml_items("i = 0x20\nf = 0.1\nb = false\nd = 2026-11-23\nt = 2026-11-23T05:13:25Z\nl = [1, \"x\", {a = 2}]\n"
                        "[db.pool]\nsize = 32\n[[many]]\nx = 1\n",
                        read.sink(), read.skip()));
    CHECK(read.items == Map{{"i", "32"},
                            {"f", "0.1"},
                            {"b", "false"},
                            {"d", "2026-11-23"},
                            {"t", "2026-11-23T05:13:25Z"},
                            {"l", "[1,\"x\",{\"a\":2}]"},
                            {"db/pool/size", "32"},
                            {"many", "[{\"x\":1}]"}});
    const auto wrong = read_toml_items("a = 1\nb = \n", read.sink(), read.skip());
    REQUIRE(!wrong);
    CHECK(wrong.error().detail.starts_with("line 2"));
}

TEST_CASE("toml: a name of 200,000 parts is refused, and told where", "[cli][items]") {
    std::string text = "a = 1\n";
    for (int i = 0; i < 200'000; ++i) text += "b.";
    Collected collected;
    const Status read = read_toml_items(text + "c = 1\n", collected.sink(), collected.skip());
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Code::too_large);
    CHECK(read.error().detail == "line 2: nested deeper than 128");
    CHECK(collected.items.empty());
}

TEST_CASE("json, toml: 43 values of 1 MiB that become 258 MiB are refused, for no import reads them", "[cli][items]") {
    std::vector<Item> items;
    for (int i = 0; i < 43; ++i) items.push_back({"k" + std::to_string(i), Bytes(1024 * 1024, '\x01')});
    for (const Format format : {Format::json, Format::toml}) {
        const auto refused = write_document_items(format, items);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Code::too_large);
        CHECK(refused.error().detail.find("256.0 MiB") != std::string::npos);
        CHECK(refused.error().detail.find("export to a folder, or by --prefix in parts") != std::string::npos);
    }
    items.resize(1);
    CHECK(write_document_items(Format::json, items)->size() > 6 * 1024 * 1024);
}

TEST_CASE("lines: names and values as sysctl prints them", "[cli][items]") {
    Collected read;
    const char* text =
        "kernel.core_pattern = |/bin/x a=b\nnet.ipv4.conf.eth0/1.mtu = 1\r\n\n# remark\nkernel.empty = \nnonsense\n";
    REQUIRE(read_line_items(text, true, read.sink(), read.skip()));
    CHECK(read.items ==
          Map{{"kernel/core_pattern", "|/bin/x a=b"}, {"net/ipv4/conf/eth0.1/mtu", "1"}, {"kernel/empty", ""}});
    REQUIRE(read.skips.size() == 1);
    CHECK(read.skips[0].place == "line 6");
}

TEST_CASE("tree: plain keys are plain files, percent signs included", "[cli][items]") {
    const Map map = {{"etc/hosts", "127.0.0.1"}, {"etc/a%20b", Bytes("\0\xFF", 2)}, {"motd", ""}};
    const Folder folder;
    write_tree(folder, map);
    CHECK(fs::exists(folder.path / "etc/a%20b"));
    CHECK(!fs::exists(folder.path / tree_marker));
    CHECK(read_tree(folder).items == map);
}

TEST_CASE("tree: 26 awkward keys and a few worse ones come back as they were", "[cli][items]") {
    Map map = awkward();
    map.emplace(Bytes("zero\0octet", 10), "8");
    map.emplace(Bytes(".belfry-tree"), "9");
    map.emplace(Bytes("long/") + Bytes(470, '%'), "10");
    map.emplace(Bytes("long/") + Bytes(470, 'n'), "11");
    map.emplace(Bytes("k\xFF"), "12");
    map.emplace("..", "13");
    map.emplace("/", "14");
    const Folder folder;
    write_tree(folder, map);
    const Collected back = read_tree(folder);
    CHECK(back.items == map);
    CHECK(back.skips.empty());
}

TEST_CASE("tree: no key leads out of the folder", "[cli][items]") {
    const std::vector<Bytes> keys = {"../../etc/passwd", "/etc/passwd", "a/../../b"};
    const TreeNames names(keys);
    CHECK(names.path_of(keys[0]) == "%2E./%2E./etc/passwd");
    CHECK(names.path_of(keys[1]) == "%_/etc/passwd");
    CHECK(names.path_of(keys[2]) == "a/%2E./%2E./b");
}

TEST_CASE("tree: links, pipes, large files and hidden ones are skipped with a reason", "[cli][items]") {
    const Folder folder;
    folder.write("good", "1");
    folder.write("large", Bytes(101, 'x'));
    folder.write("exact", Bytes(100, 'x'));
    folder.write("secret", "2");
    folder.write("closed/inside", "3");
    fs::create_symlink("good", folder.path / "link");
    REQUIRE(mkfifo((folder.path / "pipe").c_str(), 0644) == 0);
    REQUIRE(chmod((folder.path / "secret").c_str(), 0640) == 0);
    REQUIRE(chmod((folder.path / "closed").c_str(), 0750) == 0);
    const Collected read = read_tree(folder, {true, 100});
    CHECK(read.items == Map{{"exact", Bytes(100, 'x')}, {"good", "1"}});
    REQUIRE(read.skips.size() == 5);
    CHECK(read.skipped("not a regular file"));
    CHECK(read.skipped("larger than 100 B"));
    CHECK(read.skipped("not readable by everybody"));
    const Collected all = read_tree(folder);
    CHECK(all.items.contains("secret"));
    CHECK(all.items.contains("closed/inside"));
}

TEST_CASE("tree: a folder that is not there is an error, not an empty import", "[cli][items]") {
    Collected read;
    CHECK(!read_tree_items("/nonexistent/belfry", {}, read.sink(), read.skip()));
}

TEST_CASE("tree: names that no export makes are refused in an escaped tree", "[cli][items]") {
    for (const auto* wrong : {"a%", "a%2", "%zz", "%+1", "%="}) CHECK(!key_of_escaped_path(wrong));
    CHECK(*key_of_escaped_path("a%+/b/%=") == "ab");
}
