#include "sdk/balance/ring.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>

namespace belfry::balance {
namespace {

constexpr int keys = 20'000;

std::string id_of(int number) { return "web-" + std::to_string(number); }

using Weights = std::map<std::string, uint32_t>;

// Whose each key is.
std::vector<std::string> owners(const Weights& weights) {
    Ring ring;
    std::vector<std::string> ids;
    for (const auto& [id, weight] : weights) {
        ring.add(id, weight, static_cast<uint32_t>(ids.size()));
        ids.push_back(id);
    }
    ring.close();
    std::vector<std::string> all;
    for (int key = 0; key < keys; ++key) {
        size_t place = ring.place_of("user/" + std::to_string(key));
        all.push_back(ids[ring.walk(place)]);
    }
    return all;
}

Weights equal(int count) {
    Weights weights;
    for (int i = 0; i < count; ++i) weights[id_of(i)] = 100;
    return weights;
}

double share_of(const std::vector<std::string>& all, const std::string& id) {
    return static_cast<double>(std::count(all.begin(), all.end(), id)) / keys;
}

}  // namespace

TEST_CASE("ring: 20 instances of one weight get shares of keys that are off by less than a quarter", "[balance][ring]") {
    const auto all = owners(equal(20));
    for (int i = 0; i < 20; ++i) {
        INFO(id_of(i) << " has " << share_of(all, id_of(i)));
        CHECK(share_of(all, id_of(i)) > 0.05 * 0.75);
        CHECK(share_of(all, id_of(i)) < 0.05 * 1.25);
    }
}

TEST_CASE("ring: weights 300 to 100 are shares of 3 to 1, and weight 0 gets none", "[balance][ring]") {
    const auto all = owners({{"heavy", 300}, {"light-1", 100}, {"light-2", 100}, {"light-3", 100}, {"none", 0}});
    CHECK(share_of(all, "heavy") > 0.45);
    CHECK(share_of(all, "heavy") < 0.55);
    CHECK(share_of(all, "none") == 0);
}

TEST_CASE("ring: of 20 instances one that comes takes its share of keys, and no other key moves", "[balance][ring]") {
    const auto before = owners(equal(20));
    const auto after = owners(equal(21));
    int moved = 0;
    for (size_t key = 0; key < keys; ++key) {
        if (before[key] == after[key]) continue;
        ++moved;
        CHECK(after[key] == id_of(20));
    }
    const double ideal = keys / 21.0;
    CHECK(moved > ideal * 0.75);
    CHECK(moved < ideal * 1.25);
}

TEST_CASE("ring: of 20 instances one that goes gives up its keys, to many others, and no other key moves",
          "[balance][ring]") {
    Weights fewer = equal(20);
    fewer.erase(id_of(7));
    const auto before = owners(equal(20));
    const auto after = owners(fewer);
    std::map<std::string, int> heirs;
    for (size_t key = 0; key < keys; ++key) {
        CHECK((before[key] == after[key]) == (before[key] != id_of(7)));
        if (before[key] != after[key]) ++heirs[after[key]];
    }
    CHECK(heirs.size() == 19);
}

TEST_CASE("ring: 10 changes of a fleet move no more keys than each change's share", "[balance][ring]") {
    Weights fleet = equal(30);
    auto before = owners(fleet);
    for (int change = 0; change < 10; ++change) {
        if (change % 2 == 0) fleet[id_of(100 + change)] = 100;
        if (change % 2 == 1) fleet.erase(id_of(change));
        const auto after = owners(fleet);
        int moved = 0;
        for (size_t key = 0; key < keys; ++key) moved += before[key] != after[key] ? 1 : 0;
        CHECK(moved < keys / 30.0 * 1.3);
        before = after;
    }
}

TEST_CASE("ring: the order in which instances are added does not matter", "[balance][ring]") {
    Ring one, other;
    one.add("a", 100, 0), one.add("b", 100, 1), one.close();
    other.add("b", 100, 1), other.add("a", 100, 0), other.close();
    for (int key = 0; key < 1000; ++key) {
        size_t place = one.place_of(std::to_string(key)), other_place = other.place_of(std::to_string(key));
        CHECK(one.walk(place) == other.walk(other_place));
    }
}

// Every client must agree, in every release and every language.
TEST_CASE("ring: where eight keys are is a promise", "[balance][ring]") {
    Ring ring;
    const char* const ids[] = {"a", "b", "c", "d"};
    for (uint32_t i = 0; i < 4; ++i) ring.add(ids[i], 100, i);
    ring.close();
    CHECK(ring.size() == 640);
    std::string owners_of_keys;
    for (int key = 0; key < 8; ++key) {
        size_t place = ring.place_of("key-" + std::to_string(key));
        owners_of_keys += ids[ring.walk(place)];
    }
    CHECK(owners_of_keys == "bacadbcd");
}

TEST_CASE("ring: a walk goes past all points and begins again", "[balance][ring]") {
    Ring ring;
    ring.add("a", 1, 0), ring.add("b", 2, 1), ring.add("c", 100'000, 2), ring.close();
    CHECK(ring.size() == 1 + 3 + ring_points_max);
    std::map<uint32_t, int> seen;
    size_t place = ring.place_of("x");
    for (size_t step = 0; step < ring.size(); ++step) ++seen[ring.walk(place)];
    CHECK(place == ring.place_of("x"));
    CHECK((seen == std::map<uint32_t, int>{{0, 1}, {1, 3}, {2, static_cast<int>(ring_points_max)}}));
}

}  // namespace belfry::balance
