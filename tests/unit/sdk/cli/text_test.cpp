#include "sdk/cli/text.hpp"
#include "sdk/base/hash.hpp"

#include <catch2/catch_test_macros.hpp>

#include "sdk/cli/json_writer.hpp"

using namespace belfry;
using namespace belfry::cli;

TEST_CASE("text: printable makes one harmless line of any octets, and unescape gives them back", "[cli][text]") {
    Bytes all;
    for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
    all += "\xC3\xA4 \xC2\x9B\xE2\x82\xAC";  // a letter, a control character of the C1 range, a sign
    const std::string shown = printable(all);
    CHECK(is_utf8(shown));
    for (const char c : shown) CHECK(static_cast<unsigned char>(c) >= 0x20);
    CHECK(shown.find("\xC2\x9B") == std::string::npos);
    CHECK(shown.find("\xC3\xA4") != std::string::npos);
    REQUIRE(unescape(shown));
    CHECK(*unescape(shown) == all);
}

TEST_CASE("text: a long value is cut with its size told", "[cli][text]") {
    CHECK(printable("abcdefghij", 4) == "abcd... (10 bytes)");
    CHECK(printable("abcd", 4) == "abcd");
}

TEST_CASE("text: an unknown escape is refused with its place", "[cli][text]") {
    CHECK(!unescape("a\\q"));
    CHECK(!unescape("a\\x4"));
    CHECK(!unescape("a\\"));
}

TEST_CASE("text: a terminal gets no escape sequences out of a value", "[cli][text]") {
    CHECK(terminal_safe("a\n\tb\x1B[2J") == "a\n\tb\\x1b[2J");
}

TEST_CASE("text: UTF-8 in overlong, surrogate and too large forms is not UTF-8", "[cli][text]") {
    CHECK(is_utf8("\xF0\x9F\x94\x94 plain"));
    for (const auto* wrong :
         {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xC3"})
        CHECK(!is_utf8(wrong));
}

TEST_CASE("text: base64 goes there and back at every length", "[cli][text]") {
    for (size_t size = 0; size < 10; ++size) {
        const Bytes bytes(size, '\xFE');
        const auto back = base64_decode(base64_encode(bytes));
        REQUIRE(back);
        CHECK(*back == bytes);
    }
    CHECK(base64_encode("any carnal pleas") == "YW55IGNhcm5hbCBwbGVhcw==");
    for (const auto* wrong : {"a", "ab=c", "====", "ab c", "YW55=A=="}) CHECK(!base64_decode(wrong));
}

TEST_CASE("text: durations have a unit, a bare number is seconds, a year is the most", "[cli][text]") {
    using std::chrono::milliseconds;
    CHECK(*parse_duration("250ms") == milliseconds(250));
    CHECK(*parse_duration("5s") == milliseconds(5000));
    CHECK(*parse_duration("2m") == milliseconds(120000));
    CHECK(*parse_duration("7") == milliseconds(7000));
    for (const auto* wrong : {"", "s", "5x", "-1s", "9000000h", "99999999999999999999s"}) CHECK(!parse_duration(wrong));
}

TEST_CASE("text: numbers for people", "[cli][text]") {
    CHECK(human_bytes(812) == "812 B");
    CHECK(human_bytes(1536) == "1.5 KiB");
    CHECK(human_count(1234567) == "1,234,567");
    CHECK(human_count(123) == "123");
    CHECK(plural(1, "key") == "1 key");
    CHECK(plural(2000, "key") == "2,000 keys");
    CHECK(utc_time(1795410805123) == "2026-11-23T05:13:25.123Z");
    CHECK(hex64(255) == "00000000000000ff");
}

TEST_CASE("json writer: commas, names and octets that are no text", "[cli][json]") {
    JsonWriter json;
    json.begin_object().field("a", uint64_t{1}).name("b").begin_array().value("x\"\n").value(true).end_array();
    json.field("c", std::string_view("\xFF")).field("d", 0.5).end_object();
    CHECK(json.take() == R"({"a":1,"b":["x\"\n",true],"c":{"base64":"/w=="},"d":0.5})");
}
