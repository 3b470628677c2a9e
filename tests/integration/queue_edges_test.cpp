// Queues where things go wrong or are done in an unusual way: worn out items, keys that are deleted by hand, rights, names.
#include <signal.h>

#include <catch2/catch_test_macros.hpp>
#include <future>

#include "tests/support/guarded_hub.hpp"
#include "tests/support/one_hub.hpp"
#include "tests/support/queues.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

TEST_CASE("queue: behind what is worn out the next one is handed out at once", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    const std::vector<Bytes> some{"poison", "venom", "good"};
    REQUIRE(queue.push(some));
    Consumer consumer(client, lease_of(client, 30s), "q", {.attempts_max = 1});
    const auto first = consumer.take(2, 20s);
    REQUIRE(values(first) == list({"poison", "venom"}));
    for (const QueueItem& item : *first) CHECK(consumer.give_back(item));
    CHECK(*queue.status() == QueueStatus{3, 0, 0, false});  // what was given back is not held
    CHECK(queue.peek(1)->at(0).attempts == 1);
    const auto next = consumer.take(2, 20s);
    CHECK(values(next) == list({"good"}));
    CHECK(*queue.status() == QueueStatus{1, 1, 2, false});
    const auto letters = queue.dead_letters(9);
    REQUIRE(letters->size() == 2);
    CHECK((*letters)[0].value == "poison");
    CHECK((*letters)[0].id == (*first)[0].id);
    CHECK(queue.dead_letters(1)->size() == 1);
}

TEST_CASE("queue: who asks for no time is asked once; peek shows and takes nothing", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    Consumer consumer(client, lease_of(client, 30s), "q");
    CHECK(consumer.take(1, 0ms).error().code == Code::timeout);
    REQUIRE(queue.push("a"));
    REQUIRE(queue.push("b", 9));
    const auto items = consumer.take(1, 0ms);
    REQUIRE(values(items) == list({"a"}));
    const auto seen = queue.peek(9);
    REQUIRE(seen->size() == 2);
    CHECK((*seen)[0] == QueueEntry{(*items)[0].id, "a", "", (*seen)[0].pushed, 1, true});
    CHECK((*seen)[1].value == "b");
    CHECK_FALSE((*seen)[1].held);
    CHECK((*seen)[1].attempts == 0);
    CHECK(queue.peek(1)->size() == 1);
    // Everything but what is held, also what was given back.
    REQUIRE(values(consumer.take(1, 20s)) == list({"b"}));
    REQUIRE(queue.push("c"));
    const auto last = consumer.take(1, 20s);
    REQUIRE(consumer.give_back((*last)[0]));
    CHECK(*queue.purge() == 1);
    CHECK(*queue.status() == QueueStatus{2, 2, 0, false});
    CHECK(client->leases()->size() == 1);
}

TEST_CASE("queue: two consumers of one lease; one whose own key is deleted puts it anew and goes on",
          "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    const auto lease = lease_of(client, 30s);
    Consumer consumer(client, lease, "q"), other(client, lease, "q");  // of one lease, and still two
    REQUIRE(queue.push("a"));
    REQUIRE(values(consumer.take(1, 20s)) == list({"a"}));
    CHECK(other.take(1, 0ms).error().code == Code::timeout);
    const auto before = below(*client, "q/user/");
    REQUIRE(before.size() == 2);
    REQUIRE(client->erase(KeyRange::prefix("q/user/")));
    REQUIRE(queue.push("b"));
    CHECK(values(consumer.take(1, 20s)) == list({"b"}));
    CHECK(consumer.holds() == 2);
    const auto after = below(*client, "q/user/");
    REQUIRE(after.size() == 1);
    CHECK(after[0].create_revision > before[1].create_revision);
    CHECK(after[0].lease == lease->id());
}

TEST_CASE("queue: what an answer that was lost had taken is found by the next take", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    const std::vector<Bytes> some{"a", "b", "c"};
    REQUIRE(queue.push(some));
    const auto lease = lease_of(client, 30s);
    Consumer consumer(client, lease, "q");
    REQUIRE(values(consumer.take(1, 20s)) == list({"a"}));
    // Taken for this consumer as by a claim whose answer it did not get, and its key gone, so that it looks.
    const Bytes own = below(*client, "q/user/").at(0).key;
    const uint64_t claimant = std::stoull(own.substr(own.rfind('-') + 1));
    protocol::TxnRequest lost;
    lost.then_ops = {{protocol::ClaimRequest{"q/item/", "q/held/", lease->id(), claimant, 1}}};
    const auto done = client->txn(std::move(lost));
    REQUIRE(done);
    REQUIRE(client->erase(KeyRange::one(own)));
    const auto found = consumer.take(1, 20s);
    REQUIRE(values(found) == list({"b"}));
    CHECK((*found)[0].since == done->revision);
    CHECK(consumer.acknowledge(*found));
    CHECK(values(consumer.take(1, 20s)) == list({"c"}));
}

TEST_CASE("queue: what a consumer could not give back while the hub was away goes to others, though its lease lives on",
          "[integration][queue]") {
    OneHub one;
    const auto client = one.hub.client(1s), others = one.hub.client();
    REQUIRE(Queue(client, "q").push("a"));
    const auto lease = lease_of(client, 20s);
    {
        Consumer consumer(client, lease, "q");
        REQUIRE(values(consumer.take(1, 20s)) == list({"a"}));
        one.hub.kill();
    }
    REQUIRE(one.hub.start());
    CHECK(values(Consumer(others, lease_of(others, 30s), "q").take(1, 60s)) == list({"a"}));
    CHECK(wait_for([&] { return below(*others, "q/user/").empty(); }));
    CHECK(lease->alive());
}

TEST_CASE("queue: a consumer that is destroyed in a callback gives back when its lease ends", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client(), others = one.hub.client();
    Queue queue(client, "q");
    REQUIRE(queue.push("a"));
    const auto lease = lease_of(client, 30s);
    auto consumer = std::make_unique<Consumer>(client, lease, "q");
    REQUIRE(values(consumer->take(1, 20s)) == list({"a"}));
    std::promise<void> destroyed;
    REQUIRE(client->send(protocol::StatusRequest{}, [&](const Result<protocol::Reply>&) {
        consumer.reset();
        destroyed.set_value();
    }));
    REQUIRE(destroyed.get_future().wait_for(5s) == std::future_status::ready);
    Consumer next(others, lease_of(others, 30s), "q");
    CHECK(next.take(1, 300ms).error().code == Code::timeout);
    REQUIRE(others->revoke_lease(lease->id()));
    CHECK(values(next.take(1, 20s)) == list({"a"}));
}

TEST_CASE("queue: whoever asks a hub that does not answer is told so, and not that there is nothing",
          "[integration][queue]") {
    OneHub one;
    const auto patient = one.hub.client();
    REQUIRE(Queue(patient, "q").push("a"));
    Consumer consumer(one.hub.client(500ms), lease_of(patient, 30s), "q");
    REQUIRE(values(consumer.take(1, 20s)) == list({"a"}));
    one.hub.process().signal(SIGSTOP);
    const Code code = consumer.take(1, 1s).error().code;
    CHECK((code == Code::uncertain || code == Code::unavailable));
    one.hub.process().signal(SIGCONT);
    REQUIRE(Queue(patient, "q").push("b"));
    CHECK(values(consumer.take(1, 20s)) == list({"b"}));
}

TEST_CASE("queue: who only ever acknowledges and takes is announced, so that others hear of its end",
          "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    REQUIRE(Queue(client, "q").push("a"));
    const auto lease = lease_of(client, 30s);
    Consumer consumer(client, lease, "q");
    REQUIRE(values(consumer.acknowledge_and_take({}, 1, 20s)) == list({"a"}));
    CHECK(below(*client, "q/user/").size() == 1);
    Consumer next(client, lease_of(client, 30s), "q");
    std::thread end([&] { std::this_thread::sleep_for(500ms), (void)client->revoke_lease(lease->id()); });
    CHECK(values(next.take(1, 20s)) == list({"a"}));  // not after 30 s, when it would look without having been told
    end.join();
    CHECK(Consumer(client, lease, "a/item").acknowledge_and_take({}, 1, 1s).error().code == Code::invalid_argument);
}

TEST_CASE("queue: as many as one transaction acknowledges are so, also where others are taken", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    Queue queue(client, "q");
    REQUIRE(queue.push(std::vector<Bytes>(342, "a")));
    Consumer consumer(client, lease_of(client, 30s), "q");
    auto items = consumer.take(256, 20s);
    REQUIRE(items);
    const auto others = consumer.acknowledge_and_take({}, 85, 20s);
    REQUIRE(others);
    items->insert(items->end(), others->begin(), others->end());
    REQUIRE(items->size() == 341);
    CHECK(values(consumer.acknowledge_and_take(*items, 1, 20s)) == list({"a"}));
    CHECK(*queue.status() == QueueStatus{1, 1, 0, false});
}

TEST_CASE("queue: names that are within another queue, and values and numbers past their bounds", "[integration][queue]") {
    const OneHub one;
    const auto client = one.hub.client();
    const auto code = [&](const Bytes& name) { return Queue(client, name).push("x").error().code; };
    for (const char* name : {"", "a/item", "a/held/b", "a/dead", "/user"}) {
        INFO(name);
        CHECK(code(name) == Code::invalid_argument);
        CHECK(Consumer(client, lease_of(client, 30s), name).take(1, 1s).error().code == Code::invalid_argument);
    }
    CHECK(code(Bytes(438, 'n')) == Code::invalid_argument);
    Queue longest(client, Bytes(437, 'n'));
    REQUIRE(longest.push("x"));
    CHECK(values(Consumer(client, lease_of(client, 30s), longest.name()).take(1, 20s)) == list({"x"}));
    for (const char* name : {"item", "items", "a/items", "a/closed"}) CHECK(Queue(client, name).push("x"));
    Queue queue(client, "q");
    CHECK(queue.push(Bytes((1 << 20) + 1, 'v')).error().code == Code::too_large);
    CHECK(queue.push(std::vector<Bytes>()).error().code == Code::invalid_argument);
    CHECK(queue.push(std::vector<Bytes>(1024)).error().code == Code::invalid_argument);
    REQUIRE(queue.push(Bytes(1 << 20, 'v')));
    REQUIRE(queue.push(Bytes(1 << 20, 'w')));
    Consumer consumer(client, lease_of(client, 30s), "q");
    const auto big = consumer.take(2, 20s);  // one answer has not room for both
    REQUIRE(big);
    CHECK(big->size() == 1);
    CHECK(consumer.acknowledge(*big));
    CHECK(consumer.acknowledge({}));
    CHECK(consumer.take(0, 1s).error().code == Code::invalid_argument);
}

TEST_CASE("queue: who may only push pushes, also what completes a closed queue; who may not take is told",
          "[integration][queue]") {
    const GuardedHub guarded;
    guarded.as_root({"role", "add", "ann"});
    guarded.as_root({"role", "grant", "ann", "write", "q/item/", "--prefix"});
    guarded.as_root({"role", "grant", "ann", "read", "q/closed"});
    const auto root = guarded.root(), ann = guarded.user("ann");
    Queue own(root, "q"), pushed(ann, "q");
    REQUIRE(own.close(1));
    REQUIRE(pushed.push("a"));
    CHECK(pushed.status().error().code == Code::denied);
    CHECK(Queue(ann, "r").push("a").error().code == Code::denied);
    CHECK(Consumer(ann, lease_of(ann, 30s), "q").take(1, 20s).error().code == Code::denied);
    CHECK(values(Consumer(root, lease_of(root, 30s), "q").take(1, 20s)) == list({"a"}));  // whoever waits opens it
}
