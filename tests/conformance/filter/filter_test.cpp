#include "sdk/testing/filter_suite.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "sdk/base/limits.hpp"
#include "sdk/plugin/plugin.h"

using namespace belfry;
using namespace belfry::testing;

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_filter_exact(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_glob(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_prefix(const belfry_host_v1*, belfry_error*);
}

namespace {

const belfry_filter_v1& table_of(belfry_plugin_entry_function entry) {
    return *static_cast<const belfry_filter_v1*>(entry(nullptr, nullptr)->interfaces[0].table);
}

}  // namespace

TEST_CASE("every filter of this tree keeps the contract", "[conformance][filter]") {
    using Specs = std::vector<std::string>;
    const auto [entry, specs] = GENERATE(Catch::Generators::table<belfry_plugin_entry_function, Specs>({
        {belfry_plugin_entry_filter_exact,
         Specs{"a", "app/db/host", std::string("\0\xff", 2), std::string(limits::key_bytes_max, 'k')}},
        {belfry_plugin_entry_filter_prefix, Specs{"", "app/", "\xff\xff", std::string("a\0", 2),
                                                  "\xff"
                                                  "a"}},
        {belfry_plugin_entry_filter_glob,
         Specs{"**", "app/*", "app/**/host", "app/?b", "app/**", "a[/]b", "a[!/]b", "[!a-c]*"}},
    }));
    const Report report = check_filter({&table_of(entry), 20261123, specs});
    for (const Check& check : report.checks) {
        INFO(table_of(entry).kind << ": " << check.name << ": " << check.sentence);
        CHECK(check.passed);
    }
    CHECK(report.checks.size() == 5);
}

TEST_CASE("the suite finds what a broken filter does wrong", "[conformance][filter]") {
    static const belfry_filter_v1& sound = table_of(belfry_plugin_entry_filter_prefix);
    belfry_filter_v1 broken = sound;
    SECTION("a range too small") {
        broken.range = [](const belfry_filter* filter, belfry_bytes* begin, belfry_bytes* end) {
            sound.range(filter, begin, end);
            *end = *begin;
        };
    }
    SECTION("a canonical form that grows") {
        broken.canonical = [](const belfry_filter*, belfry_bytes* spec) {
            static std::string text;
            text += 'x';
            *spec = {text.data(), text.size()};
        };
    }
    SECTION("refusals without a sentence") {
        broken.compile = [](belfry_bytes spec, belfry_filter** filter, belfry_error* error) {
            return spec.size == 3 ? belfry_status{BELFRY_INVALID_ARGUMENT} : sound.compile(spec, filter, error);
        };
    }
    const Report report = check_filter({&broken, 1, {"app/"}});
    INFO(report.text());
    CHECK(report.failures() > 0);
}
