#include "plugins/filter_json/query.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace belfry;
using belfry::filter_json::Query;
using Catch::Matchers::ContainsSubstring;

namespace {

Query query(BytesView spec) {
    auto parsed = Query::parse(spec);
    INFO(spec);
    if (!parsed) FAIL(parsed.error().detail);
    return *std::move(parsed);
}

bool holds(const Bytes& condition, BytesView value) { return query("k " + condition).matches("k", value); }

std::string sentence(BytesView spec) {
    const auto parsed = Query::parse(spec);
    INFO(spec);
    REQUIRE_FALSE(parsed.ok());
    return parsed.error().detail;
}

}  // namespace

TEST_CASE("query: keys by a glob, values by all conditions", "[plugins][json]") {
    const Query wanted = query("app/** /db/port >= 1024 and /db/name = \"main\"");
    CHECK(wanted.matches("app/a/b", R"({"db":{"port":1024,"name":"main"}})"));
    CHECK_FALSE(wanted.matches("web/a", R"({"db":{"port":1024,"name":"main"}})"));
    CHECK_FALSE(wanted.matches("app/a", R"({"db":{"port":1023,"name":"main"}})"));
    CHECK_FALSE(wanted.matches("app/a", R"({"db":{"port":1024,"name":"other"}})"));
    CHECK_FALSE(wanted.matches("app/a", R"({"db":{"port":1024}})"));
    CHECK_FALSE(wanted.matches("app/a", "port 1024"));
    CHECK_FALSE(wanted.matches("app/a", ""));
    CHECK(wanted.keys().literal_prefix() == "app/");
}

TEST_CASE("query: relations between numbers are exact, whatever they are written as", "[plugins][json]") {
    CHECK(holds(". = 1", "1.0"));
    CHECK(holds(". = 1e0", "1"));
    CHECK(holds(". = 0", "-0.0"));
    CHECK(holds(". > -1", "0"));
    CHECK(holds(". < 18446744073709551615", "-1"));
    CHECK_FALSE(holds(". = 9007199254740993", "9007199254740992.0"));
    CHECK(holds(". > 9007199254740992.0", "9007199254740993"));
    CHECK(holds(". <= 0.5", "0.5"));
    CHECK_FALSE(holds(". < 0.5", "0.5"));
    CHECK(holds(". >= 0.5", "1"));
}

TEST_CASE("query: relations between strings, truths and different types", "[plugins][json]") {
    CHECK(holds(R"(. = "a b")", R"("a b")"));
    CHECK(holds(R"(. = "A")", R"("A")"));
    CHECK(holds(R"(. < "b")", R"("a")"));
    CHECK(holds(R"(. > "z")", "\"\xC3\xA9\""));
    CHECK(holds(". = true", "true"));
    CHECK_FALSE(holds(". = true", "false"));
    CHECK(holds(". != true", "false"));
    CHECK(holds(". = null", "null"));
    CHECK_FALSE(holds(". = 1", R"("1")"));
    CHECK(holds(". != 1", R"("1")"));
    CHECK_FALSE(holds(". < 1", R"("0")"));
    CHECK_FALSE(holds(". = null", "[]"));
    CHECK(holds(". != null", "[]"));
    CHECK_FALSE(holds(". = false", "null"));
}

TEST_CASE("query: a place that is not there fails every condition", "[plugins][json]") {
    CHECK(holds("/a exists", R"({"a":null})"));
    CHECK_FALSE(holds("/a exists", R"({"b":1})"));
    CHECK_FALSE(holds("/a != 1", R"({"b":1})"));
    CHECK_FALSE(holds("/a/b exists", R"({"a":1})"));
    CHECK(holds(". exists", "{}"));
    CHECK_FALSE(holds(". exists", "no json"));
}

TEST_CASE("query: pointers as RFC 6901 has them, in quotes if they have spaces", "[plugins][json]") {
    const Bytes document = R"({"":1,"a/b":2,"m~n":3,"c d":4,"list":[5,{"x":6}],"q\"":7,"01":8})";
    for (const auto& [pointer, number] : std::vector<std::pair<Bytes, int>>{{"/", 1},
                                                                            {"/a~1b", 2},
                                                                            {"/m~0n", 3},
                                                                            {"\"/c d\"", 4},
                                                                            {"/list/0", 5},
                                                                            {"/list/1/x", 6},
                                                                            {"/q\"", 7},
                                                                            {"/01", 8}}) {
        INFO(pointer);
        CHECK(holds(pointer + " = " + std::to_string(number), document));
    }
    for (const char* nowhere : {"/list/2", "/list/-", "/list/00", "/list/+0", "/list/99999999999999999999", "/list/0/x"}) {
        INFO(nowhere);
        CHECK_FALSE(holds(Bytes(nowhere) + " exists", document));
    }
}

TEST_CASE("query: equal queries have one canonical form, which is a query", "[plugins][json]") {
    const Bytes form = query("app/** /a = 1 and /b exists").canonical();
    for (const char* same : {"app/**   /b  exists and /a = 1.0", "app/*** /a = 1 and /b exists and /a = 1e0",
                             " app/** \"/a\" = 1 and /b exists "}) {
        INFO(same);
        CHECK(query(same).canonical() == form);
    }
    CHECK(query(form).canonical() == form);
    CHECK(query(". \"\" = \"\\u0041\"").canonical() == ". . = \"A\"");
    CHECK(query("a\\ b[\\ x] \"/c d\" != -0.0").canonical() == "a\\ b[\\ x] \"/c d\" != 0");
    CHECK(query("a\\ b \"/c d\" != 0").matches("a b", R"({"c d":1})"));
    CHECK(query("k . = 18446744073709551616").canonical() == query("k . = 1.8446744073709551616e19").canonical());
    CHECK(query("k . = 1").canonical() != query("k . = \"1\"").canonical());
    CHECK(query("k . = 1").canonical() != query("k . != 1").canonical());
}

TEST_CASE("query: what is no query is refused with a sentence", "[plugins][json]") {
    CHECK_THAT(sentence("app/**"), ContainsSubstring("glob"));
    CHECK_THAT(sentence(""), ContainsSubstring("condition is missing"));
    CHECK_THAT(sentence("k port = 1"), ContainsSubstring("\"port\"") && ContainsSubstring("/name"));
    CHECK_THAT(sentence("k /a=1"), ContainsSubstring("parted by spaces"));
    CHECK_THAT(sentence("k /a == 1"), ContainsSubstring("\"==\""));
    CHECK_THAT(sentence("k /a = prod"), ContainsSubstring("string in quotes"));
    CHECK_THAT(sentence("k /a ="), ContainsSubstring("neither a number"));
    CHECK_THAT(sentence("k /a = [1]"), ContainsSubstring("neither a number"));
    CHECK_THAT(sentence("k /a = 1e999"), ContainsSubstring("neither a number"));
    CHECK_THAT(sentence("k /a < true"), ContainsSubstring("use = or !="));
    CHECK_THAT(sentence("k /a = 1 or /b = 2"), ContainsSubstring("'and' is expected") && ContainsSubstring("\"or\""));
    CHECK_THAT(sentence("k /a = 1 and"), ContainsSubstring("condition is missing"));
    CHECK_THAT(sentence("k /a~2 exists"), ContainsSubstring("~0"));
    CHECK_THAT(sentence("[ /a exists"), ContainsSubstring("glob"));
    Bytes many = "k /0 exists";
    for (int i = 1; i <= 16; ++i) many += " and /" + std::to_string(i) + " exists";
    CHECK_THAT(sentence(many), ContainsSubstring("more than 16"));
    CHECK_THAT(sentence("k . = \"" + Bytes(1024, 'x') + "\""), ContainsSubstring("1024 octets"));
    Bytes grows = "k . != 0";
    for (int i = 1; i < 16; ++i) grows += " and \"/" + Bytes(45, 'a' + static_cast<char>(i)) + "\" = 1e18";
    CHECK_THAT(sentence(grows), ContainsSubstring("spelled out"));
}
