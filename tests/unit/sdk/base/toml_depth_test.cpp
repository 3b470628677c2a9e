#include "sdk/base/toml_depth.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace belfry;

namespace {

std::string dots(size_t count) {
    std::string text;
    for (size_t i = 0; i < count; ++i) text += "a.";
    return text;
}

}  // namespace

TEST_CASE("toml depth: 128 are read, and the line of more is told", "[base]") {
    CHECK_FALSE(too_deep_line(""));
    CHECK_FALSE(too_deep_line(dots(128) + "b = 1"));
    CHECK(too_deep_line(dots(129) + "b = 1") == 1);
    CHECK(too_deep_line("x = 1\n\n[" + dots(128) + "b]") == 3);
    CHECK_FALSE(too_deep_line(dots(100) + "b = 1\n" + dots(100) + "c = 2"));
    CHECK(too_deep_line("x = " + std::string(129, '[')) == 1);
    CHECK_FALSE(too_deep_line("x = " + std::string(128, '[') + std::string(128, ']') + "\n" + dots(128) + "b = 1"));
}

TEST_CASE("toml depth: texts and remarks are no depth, and end where a parser says", "[base]") {
    const std::string deep = dots(1000);
    CHECK_FALSE(too_deep_line("x = \"" + deep + "\\\"" + deep + "\" # " + deep));
    CHECK_FALSE(too_deep_line("x = '''\n" + deep + "''\n'''\ny = '[['"));
    for (const std::string quote : {"\"", "'"}) {
        const std::string three = quote + quote + quote;
        for (const std::string& own : {std::string(), quote, quote + quote})
            CHECK(too_deep_line("x = [" + three + own + "t" + own + three + ", {" + deep + "b = 1}]") == 1);
        CHECK(too_deep_line("x = [" + three + three + ", {" + deep) == 1);
        CHECK(too_deep_line("x = [" + quote + quote + ", {" + deep) == 1);
    }
    for (const char* unended : {"x = \"", "x = \"\\", "x = \"\"\"", "x = '''a''", "x = '''a'''''", "#"})
        CHECK_FALSE(too_deep_line(unended));
}
