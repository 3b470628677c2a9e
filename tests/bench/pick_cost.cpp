// belfry_pick_bench: what an application pays to pick an instance and to say how it went. One line for each policy and size
// of the set: the thread's time for a pick and a report, with two requests under way and one thread, and what a change of
// the set costs. docs/balancing.md has the figures.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "sdk/balance/picker.hpp"
#include "tests/support/cpu_time.hpp"

using namespace belfry;

namespace {

constexpr int picks = 1'000'000;
constexpr int updates = 10;

std::vector<Instance> fleet(int count) {
    std::vector<Instance> all;
    for (int i = 0; i < count; ++i) {
        Instance one;
        one.service = "web";
        one.id = "web-" + std::to_string(i);
        one.address = "10.0.0.5";
        one.port = 80;
        one.labels = {{"zone", "a"}};
        one.weight = static_cast<uint32_t>(50 + i % 4 * 50);
        one.created = one.changed = {1};
        all.push_back(one);
    }
    return all;
}

double nanoseconds(std::chrono::nanoseconds time, int times) { return static_cast<double>(time.count()) / times; }

void run(const char* name, const PickerOptions& options, int instances) {
    Picker picker(options);
    auto all = fleet(instances);
    picker.update(all);
    std::vector<std::string> keys;
    for (int i = 0; i < 1024; ++i) keys.push_back("user/" + std::to_string(i * 7919));
    std::deque<Picked> under_way;
    const auto begin = test::cpu_time();
    for (int i = 0; i < picks; ++i) {
        auto picked = picker.pick(keys[static_cast<size_t>(i) % keys.size()]);
        if (!picked) std::abort();
        under_way.push_back(*std::move(picked));
        if (under_way.size() <= 2) continue;
        under_way.front().succeed();
        under_way.pop_front();
    }
    const auto picked_all = test::cpu_time();
    for (int i = 0; i < updates; ++i) {  // one comes, one goes
        if (i % 2 == 0) all.pop_back();
        if (i % 2 == 1) all = fleet(instances);
        picker.update(all);
        if (!picker.pick("x")) std::abort();
    }
    std::printf("%-32s %5d instances  %7.0f ns each  %9.1f us a change of the set\n", name, instances,
                nanoseconds(picked_all - begin, picks), nanoseconds(test::cpu_time() - picked_all, updates) / 1000);
}

}  // namespace

int main() {
    PickerOptions bounded;
    bounded.policy = Policy::consistent;
    bounded.load_bound = 1.25;
    const auto with = [](Policy policy) {
        PickerOptions options;
        options.policy = policy;
        return options;
    };
    for (const int instances : {3, 100, 1000, 4096}) {
        run("round robin", with(Policy::round_robin), instances);
        run("weighted", with(Policy::weighted), instances);
        run("least outstanding", with(Policy::least_outstanding), instances);
        run("consistent", with(Policy::consistent), instances);
        run("consistent, load bound 1.25", bounded, instances);
    }
}
