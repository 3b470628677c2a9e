// Plugins that were built with each older minor version of the ABI are loaded, checked and used.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "hub/plugin/filter_set.hpp"
#include "hub/plugin/plugin.hpp"
#include "sdk/testing/plugin_check.hpp"

using namespace belfry;
using namespace belfry::hub::plugin;

TEST_CASE("a plugin built with any released minor version runs, and lacks only what came later", "[conformance][abi]") {
    const int minor = GENERATE(Catch::Generators::range(0, BELFRY_ABI_MINOR));
    const std::string path = std::string(OLD_PLUGINS) + "/filter_octet_1_" + std::to_string(minor) + ".so";
    INFO(path);
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr, nullptr};
    const auto plugin = load_plugin(path, host);
    INFO((plugin ? "" : plugin.error().detail));
    REQUIRE(plugin.ok());
    Filters filters;
    REQUIRE(filters.add(*plugin->filters().at(0)).ok());
    const auto filter = filters.compile({"octet", "x"});
    REQUIRE(filter.ok());
    CHECK((*filter)->sight("a/x", "v", std::nullopt) == Sight::put);
    CHECK((*filter)->sight("a/y", "v", std::nullopt) == Sight::nothing);
    CHECK((*filter)->reads_value() == (minor < 1));
    CHECK_FALSE((*filter)->of_changes());
    CHECK_FALSE(FilterSet::is_offered_for(**filter));
    CHECK(filters.compile({"octet", "xy"}).error().detail.find("one octet is needed") != std::string::npos);
    std::string about;
    const auto report = testing::check_plugin(path, &about);
    INFO(report.text());
    CHECK(report.passed());
    CHECK(about.find("plugin ABI 1." + std::to_string(minor)) != std::string::npos);
}
