#include "sdk/base/units.hpp"

#include <catch2/catch_test_macros.hpp>

#include "sdk/base/content_type.hpp"

using namespace belfry;
using namespace std::chrono_literals;

TEST_CASE("duration: a number and its unit", "[base]") {
    CHECK(parse_duration("250ms") == 250ms);
    CHECK(parse_duration("1.5s") == 1500ms);
    CHECK(parse_duration("0.000000001s") == 1ns);
    CHECK(parse_duration("0.0000000019s") == 1ns);
    CHECK(parse_duration("5 m") == 5min);
    CHECK(parse_duration("0.5h") == 30min);
    CHECK(parse_duration("36500d") == 36500 * 24h);
    CHECK(parse_duration("0s") == 0s);
    for (const char* wrong : {"", "s", "5", "-5s", "+5s", "5 s ", " 5s", "5  s", "5S", "1.s", ".5s", "1e3s", "5s5",
                              "1.5.5s", "106752d", "99999999999999999999s", "5us"}) {
        INFO(wrong);
        CHECK_FALSE(parse_duration(wrong));
    }
    CHECK(parse_duration("106751d"));
}

TEST_CASE("size: a number and its unit, whole octets", "[base]") {
    CHECK(parse_size("4096 B") == 4096);
    CHECK(parse_size("1 MiB") == 1048576);
    CHECK(parse_size("1.5KiB") == 1536);
    CHECK(parse_size("8388607 TiB"));
    for (const char* wrong : {"4096", "1 MB", "1.0001 KiB", "8388608 TiB", "MiB", "1.5 B"}) {
        INFO(wrong);
        CHECK_FALSE(parse_size(wrong));
    }
}

TEST_CASE("content type: one word for each spelling", "[base]") {
    CHECK(canonical_content_type("application/json; charset=utf-8") == "json");
    CHECK(canonical_content_type("TEXT/X-YAML") == "yaml");
    CHECK(canonical_content_type("YML") == "yaml");
    CHECK(canonical_content_type("text/plain") == "text");
    CHECK(canonical_content_type("image/PNG; q=1") == "image/PNG; q=1");
    CHECK(content_type_of_path("a/b.JSON") == "json");
    CHECK(content_type_of_path("a.yml") == "yaml");
    CHECK(content_type_of_path("json").empty());
    CHECK(content_type_of_path("a.json.bak").empty());
    CHECK(check_content_type(""));
    CHECK_FALSE(check_content_type("a\x7f"));
}
