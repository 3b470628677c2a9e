#include "sdk/discovery/selector.hpp"

#include <catch2/catch_test_macros.hpp>

#include "sdk/discovery/registry.hpp"

namespace belfry {

TEST_CASE("selector: which labels it takes") {
    Instance instance;
    instance.labels = {{"zone", "a"}, {"canary", ""}, {"expression", "x=y"}};
    const struct {
        std::vector<std::string> requirements;
        bool matches;
    } table[] = {
        {{}, true},
        {{"zone=a"}, true},
        {{"zone=b"}, false},
        {{"zone="}, false},
        {{"zone"}, true},
        {{"rack"}, false},
        {{"!rack"}, true},
        {{"!zone"}, false},
        {{"zone!=b"}, true},
        {{"zone!=a"}, false},
        {{"rack!=1"}, true},
        {{"canary="}, true},
        {{"expression=x=y"}, true},
        {{"zone=a", "canary", "!rack"}, true},
        {{"zone=a", "rack"}, false},
    };
    for (const auto& row : table) {
        INFO((row.requirements.empty() ? "nothing" : row.requirements.front()));
        const auto selector = Selector::parse(row.requirements);
        REQUIRE(selector);
        CHECK(selector->matches(instance) == row.matches);
    }
}

TEST_CASE("selector: what is none is refused, and named") {
    for (const char* text : {"", "=a", "!", "!=a", "a b", "a=\n", "!!a"}) {
        INFO(text);
        const auto selector = Selector::parse({"zone=a", text});
        REQUIRE_FALSE(selector);
        CHECK(selector.error().code == Code::invalid_argument);
        CHECK(selector.error().detail.starts_with("selector: write NAME=VALUE, NAME!=VALUE, NAME or !NAME; label"));
    }
    CHECK(Selector::parse(std::vector<std::string>(33, "a")).error().code == Code::too_large);
}

TEST_CASE("find: passing only leaves out what is not well, and what takes no new work") {
    Instance instance;
    const FindOptions all{}, passing{{}, true};
    CHECK(passing.wants(instance));
    instance.weight = 0;
    CHECK_FALSE(passing.wants(instance));
    CHECK(all.wants(instance));
    instance.weight = 1;
    instance.health = Health::warning;
    CHECK_FALSE(passing.wants(instance));
    CHECK(all.wants(instance));
}

TEST_CASE("instance id: one that nobody else makes, and a good name") {
    const std::string id = make_instance_id();
    CHECK(check_service_name("id", id));
    CHECK(id != make_instance_id());
}

}  // namespace belfry
