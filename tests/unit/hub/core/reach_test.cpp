// What is refused at the door because every member would be busy with it for long, and what is done in small parts.
#include <algorithm>
#include <numeric>

#include "hub/base/limits.hpp"
#include "tests/unit/hub/core/cluster.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::core;

TEST_CASE("a transaction that would look at too many keys is refused at the door", "[core]") {
    Ready world;
    constexpr int keys = 1000;
    for (int i = 0; i < keys; ++i) world.enqueue(put_of("k" + std::to_string(i), ""));
    world.flush();
    world.sync();
    const size_t entries = world.written.size();
    const protocol::Compare all_there{
        KeyRange::all(), protocol::Compare::Target::version, protocol::Compare::Op::greater, 0, {}};
    protocol::TxnRequest txn;
    txn.compares.assign(hub::limits::scan_keys_max / keys, all_there);
    txn.then_ops = {{put_of("x", "1")}};
    REQUIRE(world.write(txn).error.code == Code::ok);
    CHECK(world.written.size() == entries + 1);
    CHECK(world.write(txn).error.code == Code::too_large);  // one key more
    CHECK(world.reply(world.try_out(txn))->error.code == Code::too_large);
    txn.then_ops.clear();
    CHECK(world.write(txn).error.code == Code::too_large);  // a read
    CHECK(world.written.size() == entries + 1);
}

namespace {

constexpr size_t largest_value = belfry::limits::value_bytes_max;

protocol::RangeRequest range_of(const Bytes& prefix, bool count_only = false) {
    protocol::RangeRequest range;
    range.range = KeyRange::prefix(prefix);
    range.count_only = count_only;
    return range;
}

// "PREFIX0", ...
void fill(World& world, const Bytes& prefix, int keys, size_t size) {
    for (int i = 0; i < keys; ++i) world.enqueue(put_of(prefix + std::to_string(i), Bytes(size, 'v')));
    world.flush();
    world.sync();
    world.replies.clear();
    world.trace.clear();
}

// All keys are looked at so many times, and then it is done.
protocol::TxnRequest compares_all(size_t times, const Bytes& key) {
    protocol::TxnRequest txn;
    txn.compares.assign(times,
                        {KeyRange::all(), protocol::Compare::Target::version, protocol::Compare::Op::greater, 0, {}});
    txn.then_ops = {{put_of(key, "1")}};
    return txn;
}

// What is written is durable: one round, without those that it asks for.
void sync_once(World& world) {
    world.replies.clear();
    world.trace.clear();
    world.durable = world.written.size();
    world.step(EntriesPersisted{world.written.back().index, world.generation});
}

void next_round(World& world) {
    REQUIRE(world.wake_at_ms == world.now.monotonic_ms);
    world.replies.clear();
    world.trace.clear();
    world.flush();
}

// Of all rounds that the trace tells of.
std::vector<size_t> replies_by_round(const Bytes& trace) {
    std::vector<size_t> rounds(1);
    for (size_t at = 0; at < trace.size(); at = trace.find('\n', at) + 1) {
        if (trace.compare(at, 6, "reply ") == 0) ++rounds.back();
        if (trace.compare(at, 5, "wake ") == 0) rounds.push_back(0);
    }
    return rounds;
}

// For the revision that a put here makes, each with 33 MiB to answer.
void let_five_wait(World& world) {
    fill(world, "big/", 33, largest_value);
    auto range = range_of("big/");
    range.min_revision = world.core->revision().next();
    for (int i = 0; i < 5; ++i) world.enqueue(range);
    world.put("x", "1");
}

}  // namespace

TEST_CASE("answers of one round have a bound: reads of 33 MiB are answered two by two", "[core]") {
    Ready world;
    let_five_wait(world);
    sync_once(world);
    CHECK(world.replies.size() == 1 + 2);
    next_round(world);
    CHECK(world.replies.size() == 2);
    next_round(world);
    CHECK(world.replies.size() == 1);
    CHECK(world.wake_at_ms > world.now.monotonic_ms);
}

TEST_CASE("reads that wait for their turn for too long are told so", "[core]") {
    Ready world;
    let_five_wait(world);
    sync_once(world);
    world.now.monotonic_ms += hub::limits::min_revision_wait_ms_max;
    world.replies.clear();
    world.flush();
    REQUIRE(world.replies.size() == 2 + 1);
    CHECK(world.replies[2].reply.error.code == Code::unavailable);
    CHECK(world.replies[2].reply.error.detail.find("has come") != std::string::npos);
}

TEST_CASE("reads at the gate look at 250,000 keys in one round, and all are answered", "[core][cluster]") {
    Cluster cluster(3);
    World& leader = cluster.at(cluster.elect());
    constexpr size_t keys = 1000, reads = 600;
    for (size_t i = 0; i < keys; ++i) leader.enqueue(put_of("k" + std::to_string(i), ""));
    const uint64_t last = leader.put("x", "1");
    cluster.run_until([&] { return leader.reply(last) != nullptr; });
    leader.trace.clear();
    for (size_t i = 0; i < reads; ++i) leader.enqueue(range_of("k", true));
    leader.flush();
    cluster.run(100);
    const auto rounds = replies_by_round(leader.trace);
    CHECK(std::accumulate(rounds.begin(), rounds.end(), size_t{0}) == reads);
    CHECK(*std::max_element(rounds.begin(), rounds.end()) == hub::limits::round_keys_max / keys);
}

TEST_CASE("writes that look at many keys come into the log and are applied one a round, in order", "[core]") {
    Ready world;
    fill(world, "k", 1000, 0);
    const size_t entries = world.written.size();
    for (int i = 0; i < 3; ++i) world.enqueue(compares_all(900, "x" + std::to_string(i)));
    world.enqueue(put_of("x2", "2"));
    world.flush();
    CHECK(world.written.size() == entries + 1);
    for (size_t more = 2; more <= 3; ++more) {
        next_round(world);
        CHECK(world.written.size() == entries + std::min<size_t>(more, 2));  // two rounds are on their way to the disk
    }
    for (int i = 0; i < 3; ++i) {
        sync_once(world);
        CHECK(world.replies.size() <= 2);
        while (world.wake_at_ms == world.now.monotonic_ms) {
            next_round(world);
            CHECK(world.replies.size() <= 2);
        }
    }
    world.sync();
    CHECK(world.get("x0") == "1");
    CHECK(world.get("x2") == "2");
}

TEST_CASE("an entry holds four transactions with answers of 64 MiB, 16 with compares of ranges, and many others",
          "[core]") {
    Ready world;
    const auto entries_of = [&](const protocol::TxnRequest& txn) {
        const size_t before = world.written.size();
        for (int i = 0; i < 32; ++i) world.enqueue(txn);
        world.flush();
        const size_t entries = world.written.size() - before;
        world.sync();
        return entries;
    };
    protocol::TxnRequest txn;
    txn.then_ops = {{put_of("k", "1")}};
    CHECK(entries_of(txn) == 1);
    txn.then_ops.push_back({range_of("big/")});
    CHECK(entries_of(txn) == 8);
    CHECK(entries_of(compares_all(1, "k")) == 2);
    const size_t before = world.written.size();
    fill(world, "d", 2000, 0);
    for (int i = 0; i < 12; ++i) world.enqueue(protocol::DeleteRequest{KeyRange::prefix("d"), false});
    const size_t filled = world.written.size();
    CHECK(filled > before);
    world.flush();
    CHECK(world.written.size() == filled + 2);  // a key that is erased counts 16 times
}

TEST_CASE("what waits for its turn at the leader is bounded by octets", "[core]") {
    Ready world;
    fill(world, "k", 1000, 0);
    world.enqueue(compares_all(900, "x"));  // the round is full
    constexpr size_t most = hub::limits::inbox_bytes_max / largest_value;
    for (size_t i = 0; i < most + 3; ++i) world.enqueue(put_of("big", Bytes(largest_value, 'v')));
    world.flush();
    size_t busy = 0;
    for (const auto& outgoing : world.replies) busy += outgoing.reply.error.code == Code::busy;
    CHECK(busy == 3);
}

TEST_CASE("a leader without a majority holds 128 MiB of entries, and the rest as commands", "[core][cluster]") {
    Cluster cluster(3);
    const uint64_t id = cluster.elect();
    World& leader = cluster.at(id);
    const auto octets = [&] {
        size_t sum = 0;
        for (const auto& entry : leader.written) sum += entry.payload->size();
        return sum;
    };
    for (int i = 0; i < 150; ++i) {
        leader.put("big", Bytes(largest_value, 'v'));
        leader.sync();
        leader.trace.clear();
        leader.messages.clear();
    }
    CHECK(octets() >= hub::limits::uncommitted_bytes_max);
    CHECK(octets() < hub::limits::uncommitted_bytes_max + 2 * largest_value);
}
