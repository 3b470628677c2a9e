// Real processes, real disk: kill -9 at random moments under load loses no acknowledged write.
#include <signal.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "sdk/client/subscription.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

// Writes key = counter for its own keys, and remembers what was acknowledged and what may have been done.
class Writer {
public:
    Writer(const HubProcess& hub, int number) : client_(hub.client(1s)), prefix_("w" + std::to_string(number) + "/") {
        thread_ = std::thread([this] { run(); });
    }
    ~Writer() {
        stop_ = true;
        thread_.join();
    }
    void finish() { stop_ = true; }
    uint64_t acknowledged_count() const { return acknowledged_count_; }

    // Every acknowledged value is there, or a later one that this writer tried.
    void check(Client& client) {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, acknowledged] : acknowledged_) {
            const auto got = client.get(key);
            REQUIRE(got.ok());
            const auto value = std::stoull(got->value);
            CHECK(value >= acknowledged);
            CHECK(value <= attempted_[key]);
        }
    }

private:
    void run() {
        std::mt19937 random(7);
        for (uint64_t counter = 1; !stop_; ++counter) {
            const std::string key = prefix_ + std::to_string(random() % 20);
            {
                const std::lock_guard lock(mutex_);
                attempted_[key] = counter;
            }
            if (!client_->put(key, std::to_string(counter))) continue;
            ++acknowledged_count_;
            const std::lock_guard lock(mutex_);
            acknowledged_[key] = counter;
        }
    }

    std::shared_ptr<Client> client_;
    std::string prefix_;
    std::mutex mutex_;
    std::map<std::string, uint64_t> acknowledged_, attempted_;
    std::atomic<uint64_t> acknowledged_count_{0};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace

TEST_CASE("crash: kill -9 at 50 random moments under load loses no acknowledged write", "[integration][crash]") {
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data", {"snapshot_log_bytes=1048576"});
    REQUIRE(hub.start());
    auto subscription =
        Subscription::open(hub.client(), {.filter = {"prefix", ""}, .from = {}, .keep_view = true, .on_change = {}});
    REQUIRE(subscription.ok());
    {
        Writer first(hub, 1), second(hub, 2), third(hub, 3);
        std::mt19937 random(42);
        for (uint64_t kills = 0; kills < 50; ++kills) {
            REQUIRE(wait_for([&] { return first.acknowledged_count() > kills; }));  // there is something to lose
            std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 150));
            hub.kill();
            REQUIRE(hub.start());
            auto client = hub.client();
            for (Writer* writer : {&first, &second, &third}) writer->check(*client);
        }
        CHECK(first.acknowledged_count() >= 50);
        first.finish(), second.finish(), third.finish();
    }
    auto client = hub.client();
    const auto digest = client->digest({.filter = {"prefix", ""}, .at = {}});
    REQUIRE(digest.ok());
    REQUIRE((*subscription)->wait_revision(digest->at, 30s));
    CHECK((*subscription)->figures().digest == digest->digest);
    CHECK(hub.stop() == 0);
}

TEST_CASE("crash: a subscriber that is paused for two seconds ends equal", "[integration][feed]") {
    constexpr int changes = 5000;
    const TemporaryDirectory directory;
    HubProcess hub(directory.path() + "/data");
    REQUIRE(hub.start());
    const auto options = hub.client_options();
    const std::string report = directory.path() + "/report", ready = directory.path() + "/ready";
    Process subscriber(
        {program("belfry"), "--endpoint", options.endpoints[0], "--feed", options.feed_endpoints[0], "subscribe", "p/",
         "--until-revision", std::to_string(changes), "--report", report, "--ready", ready},
        directory.path() + "/subscriber.log");
    REQUIRE(wait_for([&] { return !read_text(ready).empty(); }));
    auto client = hub.client(20s);
    subscriber.signal(SIGSTOP);
    std::vector<std::future<Result<protocol::Reply>>> puts;
    for (int number = 0; number < changes; ++number) {
        const std::string key = "p/" + std::to_string(number % 500);
        while (puts.size() > 1000) {
            REQUIRE(puts.back().get().ok());
            puts.pop_back();
        }
        puts.push_back(client->send(protocol::PutRequest{key, std::string(200, 'x') + std::to_string(number), {}, false}));
    }
    for (auto& put : puts) REQUIRE(put.get().ok());
    std::this_thread::sleep_for(2s);
    subscriber.signal(SIGCONT);
    CHECK(subscriber.wait(60) == 0);
    const auto digest = client->digest({.filter = {"prefix", "p/"}, .at = {}});
    REQUIRE(digest.ok());
    char hex[32];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(digest->digest));
    INFO(read_text(report));
    CHECK(read_text(report).find(hex) != std::string::npos);
}
