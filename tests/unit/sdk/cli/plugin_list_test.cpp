#include "sdk/cli/plugin_list.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace belfry;
using namespace belfry::cli;
using protocol::PluginFacts;
using protocol::PluginsReply;

namespace {

const PluginFacts lmdb = {"storage_lmdb", "1.0.0", "state store", "built in", "", true};

PluginFacts words(const std::string& version, const std::string& path, const std::string& sha256) {
    return {"filter_words", version, "filter 'word'", path, sha256, true};
}

}  // namespace

TEST_CASE("plugin list: members that run the same differ in nothing, wherever the files lie", "[cli][plugin]") {
    const std::vector<PluginsReply> members = {{1, {lmdb, words("1.0.0", "/a.so", "aa")}},
                                               {2, {words("1.0.0", "/b.so", "aa"), lmdb}}};
    CHECK(plugin_differences(members).empty());
    CHECK(plugin_differences({}).empty());
    const auto table = plugin_table(members);
    REQUIRE(table.size() == 4);
    CHECK(table[0] == "PLUGIN        VERSION  KIND           MEMBERS  FROM");
    CHECK(table[1] == "filter_words  1.0.0    filter 'word'  1*       /a.so");
    CHECK(table[2] == "filter_words  1.0.0    filter 'word'  2*       /b.so");
    CHECK(table[3] == "storage_lmdb  1.0.0    state store    1* 2*    built in");
}

TEST_CASE("plugin list: a difference is a sentence that names the members", "[cli][plugin]") {
    const auto difference = [](const PluginsReply& second, const PluginsReply& third) {
        const auto all = plugin_differences({{1, {lmdb, words("1.0.0", "/a.so", "aa")}}, second, third});
        REQUIRE(all.size() == 1);
        return all[0];
    };
    CHECK(difference({2, {lmdb}}, {3, {lmdb}}) ==
          "filter_words (filter 'word') is 1.0.0 on member 1, is not on members 2 3");
    CHECK(difference({2, {lmdb, words("1.1.0", "/a.so", "bb")}}, {3, {lmdb, words("1.0.0", "/a.so", "aa")}}) ==
          "filter_words (filter 'word') is 1.0.0 on members 1 3, is 1.1.0 on member 2");
    CHECK(difference({2, {lmdb, words("1.0.0", "/a.so", "bb")}}, {3, {lmdb, words("1.0.0", "/a.so", "aa")}}) ==
          "filter_words (filter 'word') is of sha256 aa on members 1 3, is of sha256 bb on member 2");
    PluginFacts idle = lmdb;
    idle.used = false;
    CHECK(difference({2, {idle, words("1.0.0", "/a.so", "aa")}}, {3, {lmdb, words("1.0.0", "/a.so", "aa")}}) ==
          "storage_lmdb (state store) is not used on member 2, is used on members 1 3");
}

TEST_CASE("plugin list: what a member says cannot drive the terminal", "[cli][plugin]") {
    const auto table = plugin_table({{1, {{"a\x1b[2J", "1\n2", "k", "o", "", false}}}});
    REQUIRE(table.size() == 2);
    CHECK(table[1].find('\x1b') == std::string::npos);
    CHECK(table[1].find('\n') == std::string::npos);
}
