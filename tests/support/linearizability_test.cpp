#include "tests/support/linearizability.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <random>

using namespace belfry;
using namespace belfry::test;

namespace {

using Kind = Operation::Kind;
constexpr uint64_t never = Operation::never;

Operation put(const Bytes& value, uint64_t called, uint64_t returned) {
    return {Kind::put, "k", value, {}, true, called, returned};
}
Operation erase(uint64_t called, uint64_t returned) { return {Kind::erase, "k", {}, {}, true, called, returned}; }
Operation get(std::optional<Bytes> value, uint64_t called, uint64_t returned) {
    return {Kind::get, "k", std::move(value), {}, true, called, returned};
}
Operation swap(std::optional<Bytes> expected, const Bytes& value, bool succeeded, uint64_t called, uint64_t returned) {
    return {Kind::swap, "k", value, std::move(expected), succeeded, called, returned};
}
bool good(const std::vector<Operation>& history) {
    const auto verdict = check_linearizability(history);
    REQUIRE(verdict.kind != LinearizabilityVerdict::Kind::gave_up);
    return verdict.ok();
}

// What clients of one true register see: an operation takes place at some moment between its call and its return.
std::vector<Operation> true_history(std::mt19937_64& random, size_t clients, size_t operations) {
    struct Plan {
        Operation operation;
        uint64_t takes_place = 0;
    };
    std::vector<Plan> plans;
    for (size_t client = 0; client < clients; ++client) {
        uint64_t now = random() % 20;
        for (size_t i = 0; i < operations / clients; ++i) {
            Plan plan;
            plan.operation.kind = static_cast<Kind>(random() % 4);
            plan.operation.key = "k" + std::to_string(random() % 2);
            if (plan.operation.kind != Kind::get) plan.operation.value = std::to_string(random() % 5);
            if (random() % 3 != 0) plan.operation.expected = std::to_string(random() % 5);
            plan.operation.called = now;
            plan.takes_place = now + random() % 30;
            plan.operation.returned = plan.takes_place + random() % 30;
            now = plan.operation.returned + 1 + random() % 10;
            plans.push_back(plan);
        }
    }
    std::sort(plans.begin(), plans.end(),
              [](const Plan& left, const Plan& right) { return left.takes_place < right.takes_place; });
    std::map<Bytes, std::optional<Bytes>> state;
    std::vector<Operation> history;
    for (Plan& plan : plans) {
        Operation& operation = plan.operation;
        auto& value = state[operation.key];
        const bool unanswered = operation.kind != Kind::get && random() % 20 == 0;
        if (unanswered) operation.returned = never;
        const bool lost = unanswered && random() % 2 == 0;
        switch (operation.kind) {
            case Kind::put: value = lost ? value : operation.value; break;
            case Kind::erase: value = lost ? value : std::nullopt; break;
            case Kind::get: operation.value = value; break;
            case Kind::swap:
                operation.succeeded = value == operation.expected;
                if (operation.succeeded && !lost) value = operation.value;
                break;
        }
        if (operation.kind == Kind::erase) operation.value.reset();
        history.push_back(operation);
    }
    return history;
}

}  // namespace

TEST_CASE("histories that a register could have", "[linearizability]") {
    CHECK(good({}));
    CHECK(good({get({}, 0, 1), put("1", 2, 3), get("1", 4, 5), erase(6, 7), get({}, 8, 9)}));
    CHECK(good({put("1", 0, 10), get({}, 1, 3), get("1", 4, 6)}));      // the put takes place between the reads
    CHECK(good({put("1", 0, 10), put("2", 0, 10), get("1", 11, 12)}));  // either of the two may be the last
    CHECK(good({put("1", 0, 10), put("2", 0, 10), get("2", 11, 12)}));
    CHECK(good({put("1", 0, never), get({}, 5, 6), get("1", 100, 101)}));  // unanswered, and done late
    CHECK(good({put("1", 0, never), get({}, 5, 6), get({}, 100, 101)}));   // or never
    CHECK(good({put("1", 0, 1), swap("1", "2", true, 2, 3), swap("1", "3", false, 4, 5), get("2", 6, 7)}));
    CHECK(good({put("1", 0, 1), swap("1", "2", true, 2, never), get("1", 4, 5), get("2", 6, 7)}));
    CHECK(good({swap({}, "1", true, 0, 5), swap({}, "2", false, 0, 5), get("1", 6, 7)}));
}

TEST_CASE("histories that no register can have", "[linearizability]") {
    CHECK_FALSE(good({put("1", 0, 1), get({}, 2, 3)}));                                         // a lost write
    CHECK_FALSE(good({put("1", 0, 1), put("2", 2, 3), get("1", 4, 5)}));                        // a stale read
    CHECK_FALSE(good({put("1", 0, 10), get("1", 1, 3), get({}, 4, 6)}));                        // back in time
    CHECK_FALSE(good({get("7", 0, 1)}));                                                        // from nowhere
    CHECK_FALSE(good({put("1", 5, 6), get("1", 0, 1)}));                                        // before it was written
    CHECK_FALSE(good({swap({}, "1", true, 0, 5), swap({}, "2", true, 0, 5)}));                  // both took the lock
    CHECK_FALSE(good({put("1", 0, 1), swap("1", "2", false, 2, 3)}));                           // refused without reason
    CHECK_FALSE(good({put("1", 0, never), get("1", 2, 3), get({}, 4, 5)}));                     // done and undone
    CHECK_FALSE(good({put("1", 0, 10), put("2", 0, 10), get("1", 11, 12), get("2", 13, 14)}));  // two orders at once
    CHECK_FALSE(good({put("1", 0, 1), erase(2, 3), get("1", 4, 5)}));                           // back from the dead
    const auto verdict = check_linearizability({put("1", 0, 1), put("2", 2, 3), get("1", 4, 5)});
    CHECK(verdict.key == "k");
    CHECK(verdict.longest == "put '1'; put '2' | then no place for: get '1'");
}

TEST_CASE("a search that takes too long is given up and said so", "[linearizability]") {
    std::vector<Operation> history;
    for (int i = 0; i < 30; ++i) history.push_back(put(std::to_string(i), 0, 100));
    history.push_back(get("no such value", 101, 102));
    CHECK(check_linearizability(history, 1000).kind == LinearizabilityVerdict::Kind::gave_up);
}

TEST_CASE("what clients of a true register see is linearizable; one stale read more is not", "[linearizability]") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 200; ++round) {
        auto history = true_history(random, 2 + random() % 5, 60);
        REQUIRE(good(history));
        const uint64_t end = 1'000'000;
        history.push_back({Kind::put, "k0", "the last but one", {}, true, end, end + 1});
        history.push_back({Kind::put, "k0", "the last", {}, true, end + 2, end + 3});
        history.push_back({Kind::get, "k0", "the last", {}, true, end + 4, end + 5});
        // What is unanswered may still come, so only a value that nobody left unanswered proves something.
        REQUIRE(good(history));
        history.back().value = "the last but one";
        REQUIRE_FALSE(good(history));
    }
}
