// Queues on real hubs: in order, to one at a time, acknowledged once; also when consumers go without a word, and while the
// leader is killed.
#include "sdk/recipes/queue.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <thread>

#include "tests/support/cluster_processes.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/queues.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

TEST_CASE("queue: by priority, then by order of pushing; acknowledged items do not come again", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    REQUIRE(queue.push("a"));
    REQUIRE(queue.push("urgent", 0));
    const std::vector<Bytes> more{"b", "c"};
    const auto ids = queue.push(more);
    REQUIRE(ids);
    CHECK((*ids)[0] < (*ids)[1]);
    REQUIRE(queue.push("late", queue_priority_max));
    CHECK(queue.push("x", queue_priority_max + 1).error().code == Code::invalid_argument);
    CHECK(*queue.status() == QueueStatus{5, 0, 0, false});

    Consumer consumer(client, lease_of(client, 10s), "q");
    auto first = consumer.take(2, 20s);
    CHECK(values(first) == list({"urgent", "a"}));
    CHECK(*queue.status() == QueueStatus{5, 2, 0, false});
    Consumer other(client, lease_of(client, 10s), "q");
    const auto second = other.take(9, 20s);
    CHECK(values(second) == list({"b", "c", "late"}));
    CHECK(other.take(1, 300ms).error().code == Code::timeout);

    const std::vector<protocol::TxnOp> result{{protocol::PutRequest{"results/urgent", "sent", {}}}};
    CHECK(consumer.acknowledge(std::span(*first).first(1), result));
    CHECK(client->get("results/urgent")->value == "sent");
    CHECK(consumer.acknowledge(std::span(*first).first(1), result).error().code == Code::conflict);
    CHECK(consumer.acknowledge(*first).error().code == Code::conflict);  // one of two; the other is acknowledged
    CHECK(consumer.holds() == 0);
    CHECK(other.give_back((*second)[1]));
    const auto again = consumer.take(9, 20s);
    REQUIRE(values(again) == list({"c"}));
    CHECK((*again)[0].attempts == 2);
    CHECK(queue.push("d"));
    const auto next = consumer.acknowledge_and_take(*again, 9, 20s);
    CHECK(values(next) == list({"d"}));
    CHECK(*queue.status() == QueueStatus{3, 3, 0, false});
    CHECK(client->get("q/held/" + (*next)[0].id)->mod_revision == (*next)[0].since);
}

TEST_CASE("queue: whoever waits has what comes at once, and what a consumer that ends gives back", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    constexpr int attempts_max = 4;  // a disk that stalls hands out nothing at once; then try again
    Clock::duration quickest = 1h;
    for (int attempt = 0; attempt < attempts_max && quickest >= 1s; ++attempt) {
        std::atomic<int> waits = 0;
        Clock::time_point got_it;
        std::thread waiter([&] {
            const auto own = one.hub.client();
            Consumer consumer(own, lease_of(own, 10s), "q");
            ++waits;
            const auto items = consumer.take(1, 20s);
            got_it = Clock::now();
            if (values(items) == list({"a"})) ++waits;
        });
        REQUIRE(wait_for([&] { return waits == 1; }));
        std::this_thread::sleep_for(300ms);
        const auto pushed_at = Clock::now();
        REQUIRE(queue.push("a"));
        waiter.join();
        CHECK(waits == 2);
        quickest = std::min(quickest, got_it - pushed_at);
        Consumer after(client, lease_of(client, 10s), "q");
        const auto back = after.take(1, 5s);  // that one has ended in order
        REQUIRE(values(back) == list({"a"}));
        CHECK((*back)[0].attempts == 2);
        CHECK(after.acknowledge(*back));
    }
    CHECK(quickest < 1s);
}

TEST_CASE("queue: what a consumer held whose lease ends goes to others in its place, and is a dead letter in the end",
          "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    const std::vector<Bytes> two{"poison", "b"};
    REQUIRE(queue.push(two));
    const auto first_lease = lease_of(one.hub.client(), 30s), second_lease = lease_of(one.hub.client(), 30s);
    Consumer first(one.hub.client(), first_lease, "q", {.attempts_max = 2});
    const auto held = first.take(2, 20s);
    REQUIRE(values(held) == list({"poison", "b"}));
    const auto end_soon = [&](const Lease& lease) {
        return std::jthread([&client, id = lease.id()] {
            std::this_thread::sleep_for(300ms);
            (void)client->revoke_lease(id);
        });
    };
    Consumer second(one.hub.client(), second_lease, "q", {.attempts_max = 2});
    std::jthread ending = end_soon(*first_lease);
    const auto again = second.take(2, 20s);  // it waits, and is woken
    REQUIRE(values(again) == list({"poison", "b"}));
    CHECK((*again)[0].attempts == 2);
    CHECK(first.acknowledge(*held).error().code == Code::conflict);
    CHECK(second.acknowledge(std::span(*again).last(1)));
    Consumer patient(client, lease_of(client, 10s), "q", {.attempts_max = 2});
    ending = end_soon(*second_lease);
    // Two attempts were enough.
    CHECK(patient.take(1, 1500ms).error().code == Code::timeout);
    REQUIRE(wait_for([&] {
        CHECK_FALSE(patient.take(1, 0ms));
        return queue.status()->dead == 1;
    }));
    CHECK(*queue.status() == QueueStatus{0, 0, 1, false});
    const auto letters = client->range([] {
        protocol::RangeRequest dead;
        dead.range = KeyRange::prefix("q/dead/");
        return dead;
    }());
    REQUIRE(letters->kvs.size() == 1);
    CHECK(letters->kvs[0].value == "poison");
    const Bytes id = letters->kvs[0].key.substr(7);
    REQUIRE(queue.revive(id));
    CHECK(queue.revive(id).error().code == Code::not_found);
    const auto revived = patient.take(1, 20s);
    REQUIRE(values(revived) == list({"poison"}));
    CHECK((*revived)[0].attempts == 1);
    CHECK(patient.bury((*revived)[0]));
    CHECK(queue.status()->dead == 1);
    REQUIRE(queue.push("c"));
    CHECK(*queue.purge() == 2);
    CHECK(*queue.status() == QueueStatus{});
}

TEST_CASE("queue: closed until all are there, then in order; nothing is handed out before", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    REQUIRE(queue.close(3));
    REQUIRE(queue.push("1"));
    std::atomic<bool> released = false;
    std::vector<Bytes> taken;
    std::thread waiter([&] {
        const auto own = one.hub.client();
        Consumer consumer(own, lease_of(own, 10s), "q");
        taken = values(consumer.take(9, 20s));
        released = true;
    });
    REQUIRE(queue.push("2"));
    std::this_thread::sleep_for(500ms);
    CHECK_FALSE(released);
    CHECK(queue.status()->closed);
    // The last one pushes without looking, as one that is killed in between: whoever waits sees that it is complete.
    REQUIRE(client->call(protocol::PutRequest{"q/item/5/", "3", {}, false, {}, true}));
    waiter.join();
    CHECK(taken == list({"1", "2", "3"}));
    CHECK_FALSE(queue.status()->closed);
    REQUIRE(queue.close());
    REQUIRE(queue.push("4"));
    Consumer consumer(client, lease_of(client, 10s), "q");
    CHECK(consumer.take(9, 300ms).error().code == Code::timeout);
    REQUIRE(queue.open());
    CHECK(consumer.take(9, 20s).ok());
}

TEST_CASE("queue: three hubs, the leader killed: each item is acknowledged once, and none is lost",
          "[integration][queue]") {
    const TemporaryDirectory directory;
    ClusterProcesses cluster(directory.path(), 3);
    const bool started = cluster.start();
    INFO(cluster.logs());
    REQUIRE(started);
    const uint64_t leader = cluster.leader();
    REQUIRE(leader != 0);
    constexpr int producers = 2, consumers = 3;
    std::atomic<bool> all_pushed = false, stop = false;
    std::atomic<int> pushed = 0, unsure = 0, done = 0;
    std::vector<std::thread> pushing, taking;
    for (uint64_t i = 0; i < producers; ++i) {
        pushing.emplace_back([&, i, client = cluster.client(2s, 1 + i)] {
            Queue queue(client, "q");
            for (int number = 0; !all_pushed && number < 400; ++number) {
                const auto put = queue.push(std::to_string(i) + "/" + std::to_string(number));
                if (put) ++pushed;
                if (!put && put.error().code == Code::uncertain) ++unsure;
                std::this_thread::sleep_for(10ms);
            }
        });
    }
    for (uint64_t i = 0; i < consumers; ++i) {
        taking.emplace_back([&, client = cluster.client(2s, 1 + i)] {
            while (!stop) {
                auto lease = Lease::grant(client, {.ttl = 5s});
                if (!lease) continue;
                const std::shared_ptr<const Lease> shared = std::move(*lease);
                Consumer consumer(client, shared, "q", {.attempts_max = 0, .cancelled = [&] { return stop.load(); }});
                while (!stop && shared->alive()) {
                    const auto items = consumer.take(4, 1s);
                    if (!items) continue;
                    for (const QueueItem& item : *items) {
                        const std::vector<protocol::TxnOp> also{{protocol::PutRequest{"done/" + item.value, item.id, {}}}};
                        Status acknowledged = consumer.acknowledge(std::span(&item, 1), also);
                        if (acknowledged) ++done;
                    }
                }
            }
        });
    }
    std::this_thread::sleep_for(1500ms);
    cluster.at(leader).kill();
    std::this_thread::sleep_for(3s);
    CHECK(wait_for([&] { return pushed > 20; }));
    all_pushed = true;
    for (auto& thread : pushing) thread.join();
    const auto client = cluster.client(5s, 1 + leader % 3);
    Queue queue(client, "q");
    CHECK(wait_for(
        [&] {
            const auto status = queue.status();
            return status && status->items == 0;
        },
        60s));
    stop = true;
    for (auto& thread : taking) thread.join();
    const auto results = client->range([] {
        protocol::RangeRequest all;
        all.range = KeyRange::prefix("done/");
        return all;
    }());
    INFO(cluster.logs());
    REQUIRE(results);
    CHECK(static_cast<int>(results->count) >= pushed);
    CHECK(static_cast<int>(results->count) <= pushed + unsure);
    std::set<Bytes> ids;
    for (const KeyValue& kv : results->kvs) {
        CHECK(kv.version == 1);
        ids.insert(kv.value);
    }
    CHECK(ids.size() == results->kvs.size());
    CHECK(done <= static_cast<int>(results->count));
}
