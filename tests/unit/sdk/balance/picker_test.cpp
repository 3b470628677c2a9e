#include "sdk/balance/picker.hpp"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <thread>

namespace belfry {
namespace {

std::vector<Instance> fleet(int count) {
    std::vector<Instance> all;
    for (int i = 0; i < count; ++i) {
        Instance one;
        one.service = "web";
        one.id = "i" + std::to_string(i);
        one.address = "127.0.0.1";
        one.port = static_cast<uint16_t>(8000 + i);
        one.created = one.changed = {1};
        all.push_back(one);
    }
    return all;
}

uint64_t under_way(const Picker& picker) {
    uint64_t sum = 0;
    for (const InstanceFigures& one : picker.figures().instances) sum += one.outstanding;
    return sum;
}

}  // namespace

TEST_CASE("picker: a request is under way until it is reported once, or its handle is gone", "[balance][picker]") {
    Picker picker;
    CHECK(picker.pick().error().code == Code::unavailable);
    picker.update(fleet(1));
    {
        auto first = picker.pick();
        auto second = picker.pick();
        REQUIRE(first);
        CHECK(first->instance().port == 8000);
        CHECK(under_way(picker) == 2);
        first->succeed();
        first->fail();  // not counted
        CHECK(under_way(picker) == 1);
        Picked moved = std::move(*second);
        CHECK(under_way(picker) == 1);
        moved = *picker.pick();  // gives up what it had
        CHECK(under_way(picker) == 1);
    }
    const auto figures = picker.figures();
    CHECK(figures.instances[0].outstanding == 0);
    CHECK(figures.instances[0].picks == 3);
    CHECK(figures.instances[0].successes == 1);
    CHECK(figures.instances[0].failures == 0);
}

TEST_CASE("picker: a handle outlives the picker and its instance's place in the set", "[balance][picker]") {
    std::optional<Picked> held;
    {
        Picker picker;
        picker.update(fleet(1));
        held.emplace(*picker.pick());
        picker.update({});
        CHECK(picker.pick().error().code == Code::unavailable);
    }
    CHECK(held->instance().id == "i0");
    held->fail();
}

TEST_CASE("picker: latency is from the pick to the report", "[balance][picker]") {
    Picker picker;
    picker.update(fleet(1));
    auto picked = picker.pick();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    picked->succeed();
    CHECK(picker.figures().instances[0].latency_us >= 20'000);
}

TEST_CASE("picker: 4 threads pick while a fifth changes the set, and everything adds up", "[balance][picker]") {
    for (const Policy policy : {Policy::round_robin, Policy::weighted, Policy::least_outstanding, Policy::consistent}) {
        PickerOptions options;
        options.policy = policy;
        Picker picker(options);
        picker.update(fleet(8));
        std::atomic<bool> stop = false;
        std::atomic<int> picks = 0, missing = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                for (int round = 0; round < 2000; ++round) {
                    auto picked = picker.pick(std::to_string(round));
                    if (!picked) ++missing;
                    if (!picked) continue;
                    ++picks;
                    if ((round + i) % 3 == 0) picked->fail();
                    if ((round + i) % 3 == 1) picked->succeed();
                }
            });
        }
        threads.emplace_back([&] {
            for (int size = 1; !stop; size = size % 8 + 1) picker.update(fleet(size));
        });
        for (size_t i = 0; i < 4; ++i) threads[i].join();
        stop = true;
        threads[4].join();
        CHECK(picks == 8000);
        CHECK(missing == 0);
        CHECK(under_way(picker) == 0);
    }
}

}  // namespace belfry
