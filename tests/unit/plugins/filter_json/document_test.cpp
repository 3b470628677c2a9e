#include "plugins/filter_json/document.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace belfry;
using belfry::filter_json::document_of;

namespace {

Bytes nested(size_t depth) { return Bytes(depth, '[') + Bytes(depth, ']'); }

}  // namespace

TEST_CASE("document: one whole JSON document in UTF-8, and nothing else", "[plugins][json]") {
    for (const char* good : {"{}", "[]", "1", "\"a\"", " true ", "null", "{\"a\":{\"b\":[1,2]}}", "1.5e3"}) {
        INFO(good);
        CHECK(document_of(good) != nullptr);
    }
    for (const char* bad : {"", " ", "{", "{}{}", "{a:1}", "{'a':1}", "[1,]", "nul", "01", "\"\xFF\"", "\"\\ud800\"",
                            "1e999", "// x\n1", "port = 5"}) {
        INFO(bad);
        CHECK(document_of(bad) == nullptr);
    }
    for (const Bytes& behind_nul : {Bytes("{}\0garbage", 10), Bytes("{}\0", 3), Bytes("\0", 1)}) {
        CHECK(document_of(behind_nul) == nullptr);
    }
}

TEST_CASE("document: depth 64 is read, 65 is not; brackets in strings do not count", "[plugins][json]") {
    CHECK(document_of(nested(64)) != nullptr);
    CHECK(document_of(nested(65)) == nullptr);
    CHECK(document_of("[\"" + Bytes(100, '[') + "\"]") != nullptr);
    CHECK(document_of("[\"\\\"" + Bytes(100, '{') + "\"]") != nullptr);
    CHECK(document_of("[" + nested(63) + "," + nested(63) + "]") != nullptr);
    CHECK(document_of(Bytes(filter_json::document_bytes_max, '[')) == nullptr);
}

TEST_CASE("document: 1 MiB is read, one octet more is not", "[plugins][json]") {
    const Bytes largest = "\"" + Bytes(filter_json::document_bytes_max - 2, 'x') + "\"";
    CHECK(document_of(largest) != nullptr);
    CHECK(document_of(largest + " ") == nullptr);
}

TEST_CASE("document: the last two values are remembered, each as itself", "[plugins][json]") {
    for (int round = 0; round < 3; ++round) {
        const auto* one = document_of("1");
        const auto* two = document_of("2");
        REQUIRE((one != nullptr && two != nullptr));
        CHECK(*one == 1);
        CHECK(*two == 2);
        CHECK(document_of("1") == one);
        CHECK(document_of("no") == nullptr);
        CHECK(*document_of("1") == 1);
        CHECK(document_of("no") == nullptr);
    }
}
