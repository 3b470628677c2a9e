#include "sdk/balance/chooser.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <map>
#include <set>

namespace belfry::balance {
namespace {

using Counts = std::map<std::string, int>;

Instance instance(const std::string& id, uint32_t weight = 100, Health health = Health::passing, uint64_t created = 1) {
    Instance one;
    one.service = "web";
    one.id = id;
    one.address = "127.0.0.1";
    one.port = 80;
    one.weight = weight;
    one.health = health;
    one.created = one.changed = {created};
    return one;
}

std::vector<Instance> fleet(int count) {
    std::vector<Instance> all;
    for (int i = 0; i < count; ++i) all.push_back(instance("i" + std::to_string(i)));
    return all;
}

PickerOptions with(Policy policy, uint64_t seed = 7) {
    PickerOptions options;
    options.policy = policy;
    options.random_seed = seed;
    return options;
}

std::string pick_and_end(Chooser& chooser, Outcome outcome = Outcome::success, uint64_t now_ms = 100, BytesView key = {}) {
    const auto member = chooser.pick(key, now_ms);
    if (!member) return "nobody";
    chooser.done(*member, outcome, 1000, now_ms);
    return member->instance->id;
}

Counts count(Chooser& chooser, int picks, uint64_t now_ms = 100) {
    Counts counts;
    for (int i = 0; i < picks; ++i) ++counts[pick_and_end(chooser, Outcome::success, now_ms, std::to_string(i))];
    return counts;
}

// Requests to this instance fail until it is left out; the others' succeed.
void wear_out(Chooser& chooser, const std::string& id, uint64_t now_ms) {
    for (int i = 0; i < 10'000; ++i) {
        const auto member = chooser.pick(std::to_string(i), now_ms);
        const bool bad = member->instance->id == id;
        chooser.done(*member, bad ? Outcome::failure : Outcome::success, 1000, now_ms);
        if (bad && member->outlier.ejected(now_ms)) return;
    }
    FAIL(id << " was not left out");
}

const auto policies = {Policy::round_robin, Policy::weighted, Policy::least_outstanding, Policy::consistent};

}  // namespace

TEST_CASE("chooser: round robin gives each of 7 its turn, whatever the weights", "[balance][chooser]") {
    Chooser chooser(with(Policy::round_robin));
    auto all = fleet(7);
    all[3].weight = 900;
    chooser.update(all);
    for (const auto& [id, picks] : count(chooser, 700)) CHECK(picks == 100);
    CHECK(count(chooser, 7).size() == 7);
}

TEST_CASE("chooser: weights 5, 1, 1: of any 7 picks in a row 5, 1 and 1, and never more than three of one in a row",
          "[balance][chooser]") {
    Chooser chooser(with(Policy::weighted));
    chooser.update(std::vector<Instance>{instance("a", 5), instance("b", 1), instance("c", 1)});
    std::string picks;
    for (int i = 0; i < 700; ++i) picks += pick_and_end(chooser);
    for (size_t begin = 7; begin + 7 <= picks.size(); ++begin) {
        const std::string window = picks.substr(begin, 7);
        CHECK(std::count(window.begin(), window.end(), 'b') == 1);
        CHECK(std::count(window.begin(), window.end(), 'c') == 1);
    }
    CHECK(picks.find("aaaaaa") == std::string::npos);
}

TEST_CASE("chooser: weighted picks are never further from their weights than one, 40 fleets", "[balance][chooser]") {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
        Prng random(seed);
        Chooser chooser(with(Policy::weighted, seed));
        std::vector<Instance> all;
        std::map<std::string, uint32_t> weights;
        uint64_t sum = 0;
        for (uint64_t i = 0; i < 2 + random.below(12); ++i) {
            const std::string id = "i" + std::to_string(i);
            sum += weights[id] = static_cast<uint32_t>(1 + random.below(300));
            all.push_back(instance(id, weights[id]));
        }
        chooser.update(all);
        Counts counts;
        for (int picks = 1; picks <= 2000; ++picks) {
            ++counts[pick_and_end(chooser)];
            if (picks % 97 != 0) continue;
            for (const auto& [id, weight] : weights) {
                INFO("seed " << seed << ", " << picks << " picks, " << id);
                const double ideal = static_cast<double>(picks) * weight / static_cast<double>(sum);
                CHECK(std::abs(counts[id] - ideal) < 2);
            }
        }
    }
}

TEST_CASE("chooser: who comes into a fleet of a million picks is not given what it missed", "[balance][chooser]") {
    Chooser chooser(with(Policy::weighted));
    auto all = fleet(4);
    chooser.update(all);
    count(chooser, 1'000'000);
    all.push_back(instance("new"));
    chooser.update(all);
    CHECK(count(chooser, 500)["new"] == 100);
}

TEST_CASE("chooser: clients do not all begin with the same instance", "[balance][chooser]") {
    for (const Policy policy : {Policy::round_robin, Policy::weighted, Policy::least_outstanding}) {
        Counts first;
        for (uint64_t seed = 1; seed <= 1000; ++seed) {
            Chooser chooser(with(policy, seed));
            chooser.update(fleet(10));
            ++first[pick_and_end(chooser)];
        }
        CHECK(first.size() == 10);
        for (const auto& [id, clients] : first) {
            INFO(id << ": " << clients);
            CHECK(clients > 60);  // 100, and the deviation is 9.5
            CHECK(clients < 140);
        }
    }
}

TEST_CASE("chooser: least outstanding never picks the busiest, and goes by weight", "[balance][chooser]") {
    Chooser chooser(with(Policy::least_outstanding));
    chooser.update(fleet(5));
    std::shared_ptr<Member> stuck;
    while (!stuck || stuck->instance->id != "i2") {  // its requests do not end
        if (stuck) chooser.done(*stuck, Outcome::success, 1000, 100);
        stuck = chooser.pick({}, 100);
    }
    auto counts = count(chooser, 4000);
    CHECK(counts["i2"] == 0);
    for (const char* id : {"i0", "i1", "i3", "i4"}) {
        CHECK(counts[id] > 850);
        CHECK(counts[id] < 1150);
    }
    chooser.done(*stuck, Outcome::success, 1000, 100);
    CHECK(count(chooser, 4000)["i2"] > 650);

    Chooser weighted(with(Policy::least_outstanding));
    weighted.update(std::vector<Instance>{instance("big", 300), instance("one", 100), instance("two", 100)});
    Counts under_way;  // nothing ends
    for (int i = 0; i < 1000; ++i) ++under_way[weighted.pick({}, 100)->instance->id];
    CHECK(std::abs(under_way["big"] - 600) < 15);
    CHECK(std::abs(under_way["one"] - 200) < 15);
}

TEST_CASE("chooser: two choices keep the longest queue of 100 near the mean; one choice does not", "[balance][chooser]") {
    Chooser chooser(with(Policy::least_outstanding));
    chooser.update(fleet(100));
    Prng random(11);
    std::vector<int> by_chance(100);
    for (int i = 0; i < 10'000; ++i) {
        (void)chooser.pick({}, 100);
        ++by_chance[random.below(100)];
    }
    uint64_t longest = 0;
    for (const auto& member : chooser.members()) longest = std::max(longest, member->outstanding);
    CHECK(longest <= 104);
    CHECK(*std::max_element(by_chance.begin(), by_chance.end()) > 115);
}

TEST_CASE("chooser: a key stays with its instance; while that is left out it goes elsewhere, and then back",
          "[balance][chooser]") {
    Chooser chooser(with(Policy::consistent));
    chooser.update(fleet(10));
    std::map<std::string, std::string> before, during, after;
    const auto look = [&](auto& at, uint64_t now_ms) {
        for (int key = 0; key < 2000; ++key)
            at[std::to_string(key)] = pick_and_end(chooser, Outcome::success, now_ms, std::to_string(key));
    };
    look(before, 100);
    wear_out(chooser, "i4", 200);
    look(during, 300);
    look(after, 200 + PickerOptions{}.outliers.ejection_ms_min);
    CHECK(before == after);
    for (const auto& [key, id] : before) CHECK((during[key] == id) == (id != "i4"));
}

TEST_CASE("chooser: with a load bound of 1.25 one hot key is spread, and no instance has more than its share",
          "[balance][chooser]") {
    PickerOptions options = with(Policy::consistent);
    options.load_bound = 1.25;
    Chooser chooser(options);
    chooser.update(fleet(10));
    for (int i = 1; i <= 1000; ++i) {
        REQUIRE(chooser.pick("the one key", 100));
        const double bound = std::ceil(1.25 * i / 10);
        for (const auto& member : chooser.members()) CHECK(static_cast<double>(member->outstanding) <= bound);
    }
    Chooser free(with(Policy::consistent));
    free.update(fleet(10));
    std::set<std::string> owners;
    for (int i = 0; i < 100; ++i) owners.insert(free.pick("the one key", 100)->instance->id);
    CHECK(owners.size() == 1);
}

TEST_CASE("chooser: neither critical ones nor those of weight 0 are picked; a warning is", "[balance][chooser]") {
    for (const Policy policy : policies) {
        Chooser chooser(with(policy));
        chooser.update(std::vector<Instance>{instance("good"), instance("warned", 100, Health::warning),
                                             instance("critical", 100, Health::critical), instance("drained", 0)});
        const auto counts = count(chooser, 400);
        CHECK(counts.size() == 2);
        CHECK(counts.at("good") + counts.at("warned") == 400);
        CHECK(chooser.usable() == 2);
    }
}

TEST_CASE("chooser: who fails is left out for its time, and comes back", "[balance][chooser]") {
    for (const Policy policy : policies) {
        Chooser chooser(with(policy));
        chooser.update(fleet(5));
        wear_out(chooser, "i1", 1'000);
        const uint64_t until_ms = 1'000 + PickerOptions{}.outliers.ejection_ms_min;
        CHECK(count(chooser, 500, until_ms - 1)["i1"] == 0);
        CHECK(count(chooser, 500, until_ms)["i1"] > 0);
    }
}

TEST_CASE("chooser: at most 3 of 10 are left out, however many fail", "[balance][chooser]") {
    for (const Policy policy : policies) {
        Chooser chooser(with(policy));
        chooser.update(fleet(10));
        for (int i = 0; i < 5000; ++i) (void)pick_and_end(chooser, Outcome::failure, 100, std::to_string(i));
        CHECK(count(chooser, 500, 200).size() == 7);
    }
}

TEST_CASE("chooser: too few are usable, so all are: 1 of 5 and none of 2, but not 1 of 4", "[balance][chooser]") {
    const auto critical = [](int count, int of) {
        auto all = fleet(of);
        for (int i = 0; i < count; ++i) all[static_cast<size_t>(i)].health = Health::critical;
        return all;
    };
    for (const Policy policy : policies) {
        Chooser chooser(with(policy));
        chooser.update(critical(4, 5));
        CHECK(count(chooser, 2000).size() == 5);
        CHECK(chooser.panics());
        chooser.update(critical(3, 4));
        CHECK(count(chooser, 2000).size() == 1);
        CHECK_FALSE(chooser.panics());
        chooser.update(critical(2, 2));
        CHECK(count(chooser, 2000).size() == 2);
        chooser.update(std::vector<Instance>{instance("drained", 0)});
        CHECK(pick_and_end(chooser) == "nobody");
        chooser.update({});
        CHECK(pick_and_end(chooser) == "nobody");

        PickerOptions brave = with(policy);
        brave.panic_share = 0;
        Chooser never(brave);
        never.update(critical(4, 5));
        CHECK(count(never, 100).size() == 1);
        never.update(critical(2, 2));
        CHECK(pick_and_end(never) == "nobody");
    }
}

TEST_CASE("chooser: what is known of an instance stays with it, unless it was registered anew", "[balance][chooser]") {
    Chooser chooser(with(Policy::round_robin));
    auto all = fleet(4);
    chooser.update(all);
    wear_out(chooser, "i1", 100);
    all[1].note = "another word", all[1].changed = {9};
    std::swap(all[0], all[3]);
    chooser.update(all);
    CHECK(count(chooser, 100, 200)["i1"] == 0);
    const auto under_way = chooser.pick({}, 200);
    const auto old = chooser.members()[1];
    all[1].created = {10};
    chooser.update(all);
    CHECK(count(chooser, 100, 200)["i1"] == 25);
    CHECK(chooser.members()[1] != old);
    chooser.update({});
    chooser.done(*under_way, Outcome::failure, 1000, 300);  // of one that is gone
    CHECK(under_way->outstanding == 0);
}

TEST_CASE("chooser: a success that took too long is a failure, and what is dropped is neither", "[balance][chooser]") {
    PickerOptions options = with(Policy::round_robin);
    options.outliers.slow_ms = 50;
    Chooser chooser(options);
    chooser.update(fleet(2));
    for (int i = 0; i < 20; ++i) {
        const auto member = chooser.pick({}, 100);
        chooser.done(*member, Outcome::dropped, 80'000, 100);
    }
    CHECK(count(chooser, 10).size() == 2);
    CHECK(chooser.members()[0]->failures == 0);
    for (int i = 0; i < 20; ++i) {
        const auto member = chooser.pick({}, 100);
        chooser.done(*member, Outcome::success, member->instance->id == "i0" ? 50'001 : 50'000, 100);
    }
    CHECK(count(chooser, 10)["i0"] == 0);
    CHECK(chooser.members()[0]->failures == 5);
    CHECK(chooser.members()[0]->latency_us > 20'000);
}

TEST_CASE("chooser: of more than 4096 instances the first are picked, of equal ids the first one", "[balance][chooser]") {
    Chooser chooser(with(Policy::round_robin));
    chooser.update(fleet(5000));
    CHECK(chooser.members().size() == instances_max);
    auto twice = std::vector<Instance>{instance("a", 7), instance("a", 9)};
    chooser.update(twice);
    REQUIRE(chooser.members().size() == 1);
    CHECK(chooser.members()[0]->instance->weight == 7);
}

}  // namespace belfry::balance
