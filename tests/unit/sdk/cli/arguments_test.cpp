#include "sdk/cli/arguments.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace belfry;
using namespace belfry::cli;

namespace {

constexpr Flag flags[] = {
    {"limit", FlagKind::number, "N", "", 'n'},
    {"prefix", FlagKind::toggle, "", ""},
    {"comment", FlagKind::text, "TEXT", ""},
    {"timeout", FlagKind::duration, "TIME", ""},
};

Result<Arguments> parse(const std::vector<std::string>& line) { return Arguments::parse(line, flags); }

}  // namespace

TEST_CASE("arguments: flags stand before, between and after the words", "[cli][arguments]") {
    const auto arguments = parse({"--limit", "3", "key", "--prefix", "value", "--comment=a=b", "-n", "4"});
    REQUIRE(arguments);
    CHECK(arguments->words() == std::vector<std::string>{"key", "value"});
    CHECK(arguments->has("prefix"));
    CHECK(arguments->number("limit") == 4);
    CHECK(arguments->text("comment") == "a=b");
    CHECK(arguments->all("comment") == std::vector<std::string>{"a=b"});
    CHECK(parse({"--comment", "1", "x", "--comment=2"})->all("comment") == std::vector<std::string>{"1", "2"});
    CHECK(arguments->all("none").empty());
    CHECK(arguments->duration("timeout", std::chrono::milliseconds(9)) == std::chrono::milliseconds(9));
}

TEST_CASE("arguments: a lone dash is a word, and after two dashes everything is", "[cli][arguments]") {
    const auto arguments = parse({"key", "-", "--", "--prefix", "--"});
    REQUIRE(arguments);
    CHECK(arguments->words() == std::vector<std::string>{"key", "-", "--prefix", "--"});
    CHECK(!arguments->has("prefix"));
}

TEST_CASE("arguments: an unknown flag names the nearest one, a wild guess names none", "[cli][arguments]") {
    CHECK(parse({"--perfix"}).error().detail == "unknown flag '--perfix'; did you mean '--prefix'?");
    CHECK(parse({"--limt=3"}).error().detail == "unknown flag '--limt'; did you mean '--limit'?");
    CHECK(parse({"--zzzzzz"}).error().detail == "unknown flag '--zzzzzz'");
    CHECK(!parse({"-z"}));
    CHECK(!parse({"-nn"}));
}

TEST_CASE("arguments: values of the wrong kind are refused with the flag's name", "[cli][arguments]") {
    CHECK(parse({"--limit", "many"}).error().detail == "--limit: 'many' is not a whole number");
    CHECK(!parse({"--limit", "-1"}));
    CHECK(!parse({"--timeout", "soon"}));
    CHECK(!parse({"--limit"}));
    CHECK(!parse({"--prefix=yes"}));
}

TEST_CASE("arguments: an empty text is a value", "[cli][arguments]") {
    const auto arguments = parse({"--comment", "", ""});
    REQUIRE(arguments);
    CHECK(arguments->has("comment"));
    CHECK(arguments->words() == std::vector<std::string>{""});
}
