#include "tests/bench/scenarios.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>

#include "tests/support/process.hpp"

namespace belfry::bench {

using namespace belfry::test;

namespace {

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point begun) { return std::chrono::duration<double, std::micro>(Clock::now() - begun).count(); }

double percentile(std::vector<float>& sorted, double fraction) {
    if (sorted.empty()) return 0;
    return sorted[static_cast<size_t>(fraction * static_cast<double>(sorted.size() - 1))];
}

void add_latencies(Figures& figures, std::vector<float>& latencies) {
    std::sort(latencies.begin(), latencies.end());
    figures["p50 us"] = percentile(latencies, 0.5);
    figures["p99 us"] = percentile(latencies, 0.99);
}

std::string key_of(const std::string& prefix, size_t number) {
    char digits[16];
    std::snprintf(digits, sizeof digits, "%08zu", number);
    return prefix + digits;
}

using Start = std::function<void(size_t number, Done done)>;

// Keeps `in_flight` operations going until the deadline or `count` of them; every completion starts the next one.
class ClosedLoop {
public:
    ClosedLoop(Start start, size_t in_flight, double seconds, size_t count)
        : start_(std::move(start)),
          in_flight_(in_flight),
          count_(count),
          deadline_(Clock::now() + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6))) {
        latencies_.reserve(1 << 20);
    }

    Figures run(int server) {
        const double server_cpu = cpu_seconds(server), client_cpu = cpu_seconds(0);
        const auto begun = Clock::now();
        running_ = in_flight_;
        for (size_t at = 0; at < in_flight_; ++at) next();
        std::unique_lock lock(mutex_);
        ended_.wait(lock, [&] { return running_ == 0; });
        const double seconds = us_since(begun) / 1e6;
        const auto done = static_cast<double>(std::max<size_t>(latencies_.size(), 1));
        Figures figures;
        figures["rate/s"] = static_cast<double>(latencies_.size()) / seconds;
        figures["server cpu us/op"] = (cpu_seconds(server) - server_cpu) * 1e6 / done;
        figures["client cpu us/op"] = (cpu_seconds(0) - client_cpu) * 1e6 / done;
        figures["failed"] = static_cast<double>(failed_);
        add_latencies(figures, latencies_);
        return figures;
    }

private:
    void next() {
        const size_t number = started_.fetch_add(1, std::memory_order_relaxed);
        const auto begun = Clock::now();
        if (number >= count_ || begun >= deadline_) return finish();
        start_(number, [this, begun](bool ok) {
            const auto latency = static_cast<float>(us_since(begun));
            {
                const std::lock_guard lock(mutex_);
                if (ok)
                    latencies_.push_back(latency);
                else
                    ++failed_;
            }
            next();
        });
    }
    void finish() {
        const std::lock_guard lock(mutex_);
        if (--running_ == 0) ended_.notify_all();
    }

    Start start_;
    size_t in_flight_, count_;
    Clock::time_point deadline_;
    std::atomic<size_t> started_{0};
    std::mutex mutex_;
    std::condition_variable ended_;
    std::vector<float> latencies_;
    size_t failed_ = 0;
    size_t running_ = 0;
};

// Spreads 0, 1, 2, ... over the keys without order.
size_t scatter(size_t number, size_t keys) { return (number * 2654435761u) % keys; }

std::string value_of(size_t bytes) { return std::string(bytes, 'v'); }

// The first 8 octets of a value carry the time it was written.
std::string stamped_value(size_t bytes) {
    std::string value = value_of(std::max<size_t>(bytes, 8));
    const int64_t now = Clock::now().time_since_epoch().count();
    std::memcpy(value.data(), &now, sizeof now);
    return value;
}

}  // namespace

bool fill(Driver& driver, const std::string& prefix, size_t keys, size_t value_bytes) {
    const std::string value = value_of(value_bytes);
    ClosedLoop loop([&](size_t number, Done done) { driver.put(key_of(prefix, number), value, std::move(done)); },
                    std::min<size_t>(keys, 1024), 600, keys);
    return loop.run(driver.pid())["failed"] == 0;
}

Figures run_puts(Driver& driver, const Load& load) {
    const std::string value = value_of(load.value_bytes);
    ClosedLoop loop(
        [&](size_t number, Done done) { driver.put(key_of("put/", scatter(number, load.keys)), value, std::move(done)); },
        load.in_flight, load.seconds, 20'000'000);
    return loop.run(driver.pid());
}

Figures run_gets(Driver& driver, const Load& load) {
    fill(driver, "put/", load.keys, load.value_bytes);
    ClosedLoop loop(
        [&](size_t number, Done done) { driver.get(key_of("put/", scatter(number, load.keys)), std::move(done)); },
        load.in_flight, load.seconds, 50'000'000);
    return loop.run(driver.pid());
}

Figures run_ranges(Driver& driver, const Load& load, size_t keys_per_range) {
    fill(driver, "range/", keys_per_range, load.value_bytes);
    ClosedLoop loop([&](size_t, Done done) { driver.range("range/", keys_per_range, std::move(done)); }, load.in_flight,
                    load.seconds, 1'000'000);
    return loop.run(driver.pid());
}

Figures run_fanout(Driver& driver, const Load& load, size_t subscribers) {
    std::atomic<uint64_t> delivered{0};
    const double before_kib = private_kib(driver.pid());
    if (!driver.subscribe(subscribers, "fan/",
                          [&](const std::string&) { delivered.fetch_add(1, std::memory_order_relaxed); })) {
        return {{"failed", 1}};
    }
    Figures figures;
    figures["server KiB/subscriber"] = (private_kib(driver.pid()) - before_kib) / static_cast<double>(subscribers);
    const std::string value = value_of(load.value_bytes);
    const auto begun = Clock::now();
    const double server_cpu = cpu_seconds(driver.pid());
    ClosedLoop loop(
        [&](size_t number, Done done) { driver.put(key_of("fan/", number % load.keys), value, std::move(done)); },
        load.in_flight, load.seconds, 10'000'000);
    const Figures puts = loop.run(driver.pid());
    // Deliveries that are still under way count with the time they take, for at most as long again.
    const double wanted = puts.at("rate/s") * us_since(begun) / 1e6 * static_cast<double>(subscribers);
    const auto drained_by = Clock::now() + std::chrono::microseconds(static_cast<int64_t>(load.seconds * 1e6));
    while (static_cast<double>(delivered) < wanted * 0.999 && Clock::now() < drained_by) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    const double seconds = us_since(begun) / 1e6;
    figures["delivered/s"] = static_cast<double>(delivered) / seconds;
    figures["delivered part"] = static_cast<double>(delivered) / std::max(wanted, 1.0);
    figures["puts/s"] = puts.at("rate/s");
    figures["server cpu us/delivery"] =
        (cpu_seconds(driver.pid()) - server_cpu) * 1e6 / static_cast<double>(std::max<uint64_t>(delivered, 1));
    driver.unsubscribe();
    return figures;
}

Figures run_delivery_latency(Driver& driver, const Load& load, size_t subscribers, double rate) {
    std::mutex mutex;
    std::vector<float> latencies;
    latencies.reserve(static_cast<size_t>(load.seconds * rate * static_cast<double>(subscribers)) + 1);
    const bool live = driver.subscribe(subscribers, "lat/", [&](const std::string& value) {
        int64_t then = 0;
        std::memcpy(&then, value.data(), sizeof then);
        const auto ns = static_cast<float>(Clock::now().time_since_epoch().count() - then);
        const std::lock_guard lock(mutex);
        latencies.push_back(ns / 1000.0f);
    });
    if (!live) return {{"failed", 1}};
    const auto count = static_cast<size_t>(load.seconds * rate);
    const double server_cpu = cpu_seconds(driver.pid()), client_cpu = cpu_seconds(0);
    auto due = Clock::now();
    std::atomic<size_t> failed{0};
    for (size_t number = 0; number < count; ++number) {
        due += std::chrono::nanoseconds(static_cast<int64_t>(1e9 / rate));
        std::this_thread::sleep_until(due);
        driver.put(key_of("lat/", number % 100), stamped_value(load.value_bytes), [&](bool ok) { failed += ok ? 0 : 1; });
    }
    std::this_thread::sleep_for(std::chrono::seconds(2));
    Figures figures;
    figures["failed"] = static_cast<double>(failed);
    driver.unsubscribe();
    const double expected = static_cast<double>(count) * static_cast<double>(subscribers);
    figures["delivered part"] = static_cast<double>(latencies.size()) / expected;
    figures["server cpu us/delivery"] = (cpu_seconds(driver.pid()) - server_cpu) * 1e6 / expected;
    figures["client cpu us/delivery"] = (cpu_seconds(0) - client_cpu) * 1e6 / expected;
    add_latencies(figures, latencies);
    return figures;
}

Figures run_idle(Driver& driver, double seconds) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    const double cpu = cpu_seconds(driver.pid());
    std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6)));
    return {{"resident MB", resident_kib(driver.pid()) / 1024},
            {"cpu %", (cpu_seconds(driver.pid()) - cpu) * 100 / seconds}};
}

Figures run_fail_over(Driver& driver, size_t kills, size_t in_flight) {
    if (in_flight > 0 && !driver.begin_enduring_load(in_flight)) return {};
    std::vector<double> took;
    for (size_t i = 0; i < kills; ++i) {
        took.push_back(driver.fail_over());
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    std::sort(took.begin(), took.end());
    Figures figures = in_flight > 0 ? driver.end_enduring_load() : Figures{};
    figures["p50 ms"] = took[took.size() / 2];
    figures["p99 ms"] = took[took.size() * 99 / 100];
    figures["max ms"] = took.back();
    return figures;
}

Figures run_restart(Driver& driver, size_t keys, size_t value_bytes) {
    const bool filled = fill(driver, "million/", keys, value_bytes);
    return {{"failed", filled ? 0 : 1}, {"ready ms", driver.restart()}};
}

}  // namespace belfry::bench
