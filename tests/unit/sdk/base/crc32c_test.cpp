#include "sdk/base/crc32c.hpp"

#include <catch2/catch_test_macros.hpp>
#include <random>

using namespace belfry;

TEST_CASE("crc32c: the check value of the standard", "[crc32c]") {
    CHECK(crc32c(0, "123456789") == 0xe3069283u);
    CHECK(detail::crc32c_table(0, "123456789") == 0xe3069283u);
    CHECK(crc32c(0, "") == 0);
}

TEST_CASE("crc32c: instruction and table agree, whole and in parts", "[crc32c]") {
    std::mt19937 random(3);
    Bytes bytes(1000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    for (size_t size = 0; size < bytes.size(); size += 7) {
        const BytesView part = BytesView(bytes).substr(0, size);
        REQUIRE(crc32c(0, part) == detail::crc32c_table(0, part));
        REQUIRE(crc32c(crc32c(0, part.substr(0, size / 3)), part.substr(size / 3)) == crc32c(0, part));
    }
}
