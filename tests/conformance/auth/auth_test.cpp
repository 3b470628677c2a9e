#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "sdk/testing/auth_suite.hpp"

using namespace belfry::testing;

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_auth_open(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_auth_rbac(const belfry_host_v1*, belfry_error*);
}

TEST_CASE("every auth plugin of this tree keeps the contract", "[conformance][auth]") {
    const auto entry = GENERATE(belfry_plugin_entry_auth_open, belfry_plugin_entry_auth_rbac);
    const auto* table = static_cast<const belfry_auth_v1*>(entry(nullptr, nullptr)->interfaces[0].table);
    const Report report = check_auth({table, 20261127});
    for (const Check& check : report.checks) {
        INFO(check.name << ": " << check.sentence);
        CHECK(check.passed);
    }
    CHECK(report.checks.size() >= 4);
}

// What the suite is for: a plugin that lets everybody in does not pass.
namespace {

belfry_auth_v1 broken_table(belfry_status (*authorize)(const belfry_auth*, belfry_bytes, uint32_t, belfry_bytes,
                                                       const belfry_bytes*, belfry_error*)) {
    auto table = *static_cast<const belfry_auth_v1*>(belfry_plugin_entry_auth_rbac(nullptr, nullptr)->interfaces[0].table);
    table.authorize = authorize;
    return table;
}

}  // namespace

TEST_CASE("the suite finds a plugin that lets strangers in, and one that changes its mind", "[conformance][auth]") {
    const auto lets_in = broken_table([](const belfry_auth*, belfry_bytes, uint32_t, belfry_bytes, const belfry_bytes*,
                                         belfry_error*) -> belfry_status { return BELFRY_OK; });
    CHECK_FALSE(check_auth({&lets_in, 1}).passed());
    const auto moody = broken_table([](const belfry_auth*, belfry_bytes, uint32_t, belfry_bytes, const belfry_bytes*,
                                       belfry_error* error) -> belfry_status {
        static int calls = 0;
        error->message[0] = 'x';
        error->message[1] = '\0';
        return ++calls % 2 == 0 ? BELFRY_DENIED : BELFRY_UNAUTHENTICATED;
    });
    CHECK_FALSE(check_auth({&moody, 1}).passed());
}
