// What change sets make of a folder's children, and what numbers make of an alert.
#include "sdk/recipes/directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include "sdk/recipes/presence.hpp"

namespace belfry::recipes {
namespace {

KeyValue key(const Bytes& name) { return {name, "v", {1}, {1}, 1, {}}; }
KeyChange put(const Bytes& name) { return {name, {}, key(name)}; }
KeyChange put_again(const Bytes& name) { return {name, key(name), key(name)}; }
KeyChange erase(const Bytes& name) { return {name, key(name), {}}; }

// "+a ~b -c"
std::string told(const std::vector<ChildEvent>& events) {
    std::string text;
    for (const ChildEvent& event : events)
        text += (text.empty() ? "" : " ") + std::string(1, "+~-"[static_cast<int>(event.kind)]) + event.child.name;
    return text;
}

}  // namespace

TEST_CASE("children: one change set tells of each child once, as it is afterwards") {
    Children children("d/");
    CHECK(told(children.apply({put("d/a"), put("d/f/1"), put("d/f/x/y"), put("e/a")})) == "+a +f");
    CHECK(children.all()[1].keys_below == 2);
    CHECK_FALSE(children.all()[1].kv);
    CHECK(told(children.apply({put_again("d/f/1")})) == "~f");
    CHECK(told(children.apply({erase("d/f/1"), put("d/f")})) == "~f");
    CHECK(told(children.apply({erase("d/f/x/y")})) == "~f");
    CHECK(told(children.apply({erase("d/f"), erase("d/a")})) == "-f -a");
    CHECK(children.all().empty());
    CHECK(told(children.apply({put("d//x"), put("d/")})) == "+");
    CHECK(told(children.apply({erase("d/gone")})).empty());
}

TEST_CASE("alert: it is told of once when a number goes out of its bounds, and when it is back") {
    using State = PresenceAlert::State;
    PresenceAlert alert(3, 5);
    CHECK(alert.take(2) == State::below);
    CHECK_FALSE(alert.take(0));
    CHECK(alert.take(3) == State::fine);
    CHECK_FALSE(alert.take(5));
    CHECK(alert.take(6) == State::above);
    CHECK(alert.take(1) == State::below);
    CHECK_FALSE(PresenceAlert({}, {}).take(0));
    CHECK_FALSE(PresenceAlert(3, {}).take(3));
}

}  // namespace belfry::recipes
