#include "hub/core/core.hpp"

#include "hub/core/proposer.hpp"
#include "sdk/protocol/codec.hpp"
#include "tests/unit/hub/core/world.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::core;

namespace {

// From now on the store fails in that slot; inject({}) mends it.
void fail_at(World& world, std::string failing, Error error) {
    world.store->inject([failing = std::move(failing), error = std::move(error)](std::string_view slot) {
        return slot == failing ? Status(error) : Status();
    });
}

}  // namespace

// ---- starting ----

TEST_CASE("a new hub writes its vote and the bootstrap entry, then serves", "[core]") {
    World world;
    world.start();
    CHECK(world.vote.term == Term{2});
    CHECK(world.vote.voted_for == 1);
    REQUIRE(world.written.size() == 1);
    CHECK(world.written[0].type == raft::EntryType::change);
    CHECK(world.get("a") == "(error: unavailable: the hub is starting: applied 0 of 1 log entries)");
    CHECK_FALSE(world.join);
    world.sync();
    CHECK(world.get("a") == "(none)");
    CHECK(world.core->role() == raft::Role::leader);
    CHECK(world.core->applied() == Index{1});
    REQUIRE(world.join);
    CHECK(world.join->epoch == 77);
    CHECK(world.wake_at_ms > world.now.monotonic_ms);
}

// ---- writes ----

TEST_CASE("a write is acknowledged only after its entry is durable", "[core]") {
    Ready world;
    const uint64_t id = world.put("a", "1");
    CHECK(world.unsynced() == 1);
    world.pass(5000);
    CHECK(world.reply(id) == nullptr);
    CHECK(world.get("a") == "(none)");
    world.sync();
    REQUIRE(world.reply(id) != nullptr);
    CHECK(world.reply(id)->error.code == Code::ok);
    CHECK(world.reply(id)->revision == Revision{1});
    CHECK(world.get("a") == "1");
}

TEST_CASE("what waits while the disk works becomes one entry; two entries are in flight at most", "[core]") {
    Ready world;
    world.put("k", "first");
    world.put("k", "second");
    CHECK(world.unsynced() == 2);
    std::vector<uint64_t> ids;
    for (int i = 0; i < 300; ++i) ids.push_back(world.put("k" + std::to_string(i), "v"));
    CHECK(world.unsynced() == 2);
    world.durable = world.written.size();
    world.step(EntriesPersisted{world.written.back().index});
    CHECK(world.unsynced() == 1);  // all 300 in one
    world.sync();
    for (size_t i = 0; i < ids.size(); ++i) {
        REQUIRE(world.reply(ids[i]) != nullptr);
        CHECK(world.reply(ids[i])->revision == Revision{3 + i});  // in order
    }
    CHECK(world.written.size() == 4);
}

TEST_CASE("an entry ends before it grows over its target; a large command goes alone", "[core]") {
    Ready world;
    const Bytes value(20 * 1024, 'x');
    for (int i = 0; i < 8; ++i) world.enqueue(put_of("k" + std::to_string(i), value));
    world.enqueue(put_of("large", Bytes(900 * 1024, 'y')));
    world.flush();
    while (world.unsynced() > 0) world.sync();
    for (size_t i = 1; i < world.written.size(); ++i) {
        const size_t size = world.written[i].payload->size();
        CHECK((size <= hub::limits::entry_bytes_target || size > 900 * 1024));
    }
    CHECK(world.core->revision() == Revision{9});
    CHECK(world.get("large").size() == 900 * 1024);
}

TEST_CASE("each write of a batch gets its own reply, errors among them", "[core]") {
    Ready world;
    const auto put = world.enqueue(protocol::PutRequest{"a", "1", {}, true});
    const auto erase = world.enqueue(protocol::DeleteRequest{KeyRange::one("nothing"), false});
    const auto compact = world.enqueue(protocol::CompactRequest{Revision{500}});
    const auto again = world.enqueue(protocol::PutRequest{"a", "2", {}, true});
    world.flush();
    world.sync();
    CHECK(std::get<protocol::PutReply>(world.reply(put)->result).previous == std::nullopt);
    CHECK(std::get<protocol::DeleteReply>(world.reply(erase)->result).deleted == 0);
    CHECK(world.reply(erase)->revision == Revision{1});  // changed nothing
    CHECK(world.reply(compact)->error.code != Code::ok);
    REQUIRE(std::get<protocol::PutReply>(world.reply(again)->result).previous);
    CHECK(std::get<protocol::PutReply>(world.reply(again)->result).previous->value == "1");
    CHECK(world.reply(again)->revision == Revision{2});
}

TEST_CASE("the proposer's queue is bounded: past it the answer is busy", "[core]") {
    Ready world;
    std::vector<uint64_t> ids;
    for (size_t i = 0; i < hub::limits::inbox_requests_max + 10; ++i) ids.push_back(world.enqueue(put_of("k", "v")));
    world.flush();
    CHECK(world.reply(ids[5]) == nullptr);
    REQUIRE(world.reply(ids.back()) != nullptr);
    CHECK(world.reply(ids.back())->error.code == Code::busy);
}

// ---- transactions and reads ----

TEST_CASE("a transaction that cannot write is a read: no log entry", "[core]") {
    Ready world;
    world.write(put_of("a", "1"));
    const size_t entries = world.written.size();
    protocol::TxnRequest txn;
    protocol::RangeRequest range;
    range.range = KeyRange::one("a");
    protocol::TxnRequest nested;
    nested.then_ops.push_back({range});
    txn.then_ops.push_back({nested});
    CHECK_FALSE(protocol::can_change(txn));
    const auto id = world.send(txn);
    CHECK(world.written.size() == entries);
    REQUIRE(world.reply(id) != nullptr);
    CHECK(std::get<protocol::TxnReply>(world.reply(id)->result).succeeded);
    CHECK(world.core->revision() == Revision{1});

    nested.else_ops.push_back({put_of("a", "2")});
    txn.then_ops.push_back({nested});
    CHECK(protocol::can_change(txn));
    const auto reply = world.write(txn);
    CHECK(world.written.size() == entries + 1);
}

TEST_CASE("a read waits for min_revision, and gives up after two seconds", "[core]") {
    Ready world;
    protocol::RangeRequest range;
    range.range = KeyRange::one("a");
    range.min_revision = Revision{1};
    const auto early = world.send(range);
    range.min_revision = Revision{2};
    const auto late = world.send(range);
    CHECK(world.reply(early) == nullptr);
    world.write(put_of("a", "1"));
    REQUIRE(world.reply(early) != nullptr);
    CHECK(std::get<protocol::RangeReply>(world.reply(early)->result).kvs.at(0).value == "1");
    CHECK(world.reply(late) == nullptr);
    world.pass(hub::limits::min_revision_wait_ms_max - 1);
    CHECK(world.reply(late) == nullptr);
    world.pass(2);
    REQUIRE(world.reply(late) != nullptr);
    CHECK(world.reply(late)->error.code == Code::unavailable);
}

TEST_CASE("nobody answers a closed connection's waiting reads", "[core]") {
    Ready world;
    protocol::RangeRequest range;
    range.range = KeyRange::one("a");
    range.min_revision = Revision{1};
    const auto id = world.send(range);
    world.step(ConnectionClosed{9});
    world.write(put_of("a", "1"));
    CHECK(world.reply(id) == nullptr);
}

TEST_CASE("history, changes, snapshot and digest are answered at once", "[core]") {
    Ready world;
    world.write(put_of("net/a", "1"));
    world.write(put_of("net/a", "2"));
    world.write(put_of("other", "3"));
    const auto history = world.send(protocol::HistoryRequest{"net/a", 0, {}});
    const auto changes = world.send(protocol::ChangesRequest{{"prefix", "net/"}, {}, {}, 0});
    const auto snapshot = world.send(protocol::SnapshotRequest{{"prefix", "net/"}, {}, {}, 0});
    const auto digest = world.send(protocol::DigestRequest{{"prefix", "net/"}, {}});
    const auto unknown = world.send(protocol::DigestRequest{{"regexp", "net/"}, {}});
    CHECK(std::get<protocol::HistoryReply>(world.reply(history)->result).versions.size() == 2);
    CHECK(std::get<protocol::ChangesReply>(world.reply(changes)->result).changes.size() == 2);
    CHECK(std::get<protocol::SnapshotReply>(world.reply(snapshot)->result).kvs.size() == 1);
    CHECK(std::get<protocol::DigestReply>(world.reply(digest)->result).count == 1);
    CHECK(world.reply(unknown)->error.code == Code::unsupported);
    const auto status = world.send(protocol::StatusRequest{});
    const auto& figures = std::get<protocol::StatusReply>(world.reply(status)->result).figures;
    CHECK(figures.at(0).first == "revision");
    CHECK(std::get<uint64_t>(figures.at(0).second) == 3);
}

// ---- the feed ----

TEST_CASE("change sets reach the channels that match, marks follow", "[core]") {
    Ready world;
    const auto id = world.send(protocol::ChannelRequest{{"prefix", "net/"}});
    REQUIRE(world.reply(id)->error.code == Code::ok);
    const auto channel = std::get<protocol::ChannelReply>(world.reply(id)->result).channel;
    world.step(TopicChanged{channel, true});
    world.deliveries.clear();
    world.write(put_of("net/a", "1"));
    world.write(put_of("elsewhere", "1"));
    REQUIRE(world.deliveries.size() == 1);
    const auto message = protocol::decode_feed(*world.deliveries[0]);
    REQUIRE(message);
    CHECK(message->channel == channel);
    CHECK(message->epoch == 77);
    CHECK(message->changes.at(0).events.at(0).kv.key == "net/a");
    CHECK(message->changes.at(0).author == "tester");
    REQUIRE(world.join);
    CHECK(world.join->revision == Revision{2});
    world.deliveries.clear();
    world.pass(hub::limits::mark_interval_ms + hub::limits::mark_after_quiet_ms);
    REQUIRE_FALSE(world.deliveries.empty());
    const auto mark = protocol::decode_mark(*world.deliveries[0]);
    REQUIRE(mark);
    CHECK(mark->revision == Revision{2});
}

// ---- restarts ----

TEST_CASE("after a process crash the hub goes on, with the unapplied tail read back", "[core]") {
    Ready world;
    world.write(put_of("a", "1"));
    world.put("a", "2");
    world.put("b", "3");  // in the page cache, neither synced nor acknowledged nor applied
    world.crash();
    world.durable = world.written.size();
    world.start();
    CHECK(world.vote.term == Term{3});
    REQUIRE(world.read);
    CHECK(world.get("a") != "2");  // not yet: unavailable
    while (world.read) world.give_read();
    CHECK(world.get("a") == "2");
    CHECK(world.get("b") == "3");
    CHECK(world.write(put_of("a", "4")).revision == Revision{4});
}

TEST_CASE("a write that comes again is answered again, after a crash and from a full store too", "[core]") {
    Ready world;
    const auto answer = [&](const protocol::Ticket& ticket) {
        const uint64_t id = world.send(put_of("a", "1"), ticket);
        world.sync();
        REQUIRE(world.reply(id) != nullptr);
        return *world.reply(id);
    };
    CHECK(answer({5, 1, 0}).revision == Revision{1});
    CHECK(answer({5, 1, 0}).revision == Revision{1});
    world.restart();
    CHECK(answer({5, 1, 0}).revision == Revision{1});
    CHECK(answer({5, 2, 0}).revision == Revision{2});
    // What is applied again from the log after a rolled back batch is done once, too.
    fail_at(world, "commit", {Code::no_space, "full"});
    CHECK(answer({5, 3, 0}).revision == Revision{3});
    world.pass(50);
    world.store->inject({});
    world.pass(1000);
    CHECK(answer({5, 3, 0}).revision == Revision{3});
    CHECK(answer({5, 2, 0}).revision == Revision{2});
    CHECK(world.core->revision() == Revision{3});
}

TEST_CASE("a machine crash loses no acknowledged write and raises the term", "[core][D5]") {
    Ready world;
    for (int i = 0; i < 50; ++i) world.write(put_of("k" + std::to_string(i), "v"));
    const auto lost = world.put("k0", "not durable");
    const raft::Entry old = world.written.back();
    world.restart(true);  // store empty, log without the last entry
    CHECK(world.reply(lost) == nullptr);
    for (int i = 0; i < 50; ++i) REQUIRE(world.get("k" + std::to_string(i)) == "v");
    world.write(put_of("k0", "new"));
    CHECK(world.written.back().index == old.index);
    CHECK(world.written.back().term > old.term);
}

TEST_CASE("a long log is read back in windows", "[core]") {
    Ready world;
    for (int i = 0; i < 12; ++i) world.write(put_of("k" + std::to_string(i), Bytes(1000 * 1000, 'x')));
    world.crash();
    world.lose_unsynced();
    world.durable = world.written.size();
    world.start();
    int windows = 0;
    while (world.read) {
        ++windows;
        world.give_read();
    }
    CHECK(windows > 2);
    CHECK(world.core->revision() == Revision{12});
    CHECK(world.get("k11").size() == 1000 * 1000);
}

TEST_CASE("a log that does not fit the store is refused with a sentence", "[core]") {
    Ready world;
    for (int i = 0; i < 5; ++i) world.write(put_of("a", "1"));
    world.pass(100);  // the store has committed
    world.crash();
    world.written.resize(3);
    world.durable = 3;
    world.start();
    REQUIRE(world.fatal);
    CHECK(world.fatal->code == Code::corrupt);
}

// ---- snapshots ----

TEST_CASE("when the log has grown enough a snapshot is taken and the log cut behind it", "[core]") {
    auto options = World::default_options();
    options.snapshot_log_bytes = 10'000;
    options.log_trailing_entries = 4;
    options.log_trailing_bytes = 0;
    Ready world(options);
    for (int i = 0; i < 30 && !world.take_snapshot; ++i) world.write(put_of("a", Bytes(1000, 'x')));
    REQUIRE(world.take_snapshot);
    world.take_snapshot = false;
    const Index at = world.core->applied();
    for (int i = 0; i < 30; ++i) world.write(put_of("b", Bytes(1000, 'x')));
    CHECK_FALSE(world.take_snapshot);  // one at a time
    world.step(SnapshotPersisted{at});
    REQUIRE(world.compact_to);
    CHECK(*world.compact_to == Index{at.value - 4});
    CHECK(world.take_snapshot);  // the log has grown again meanwhile

    // The log is cut; a restart goes on from there.
    const size_t dropped = world.compact_to->value;
    world.boundary = Index{dropped};
    world.boundary_term = world.written[dropped - 1].term;
    world.written.erase(world.written.begin(), world.written.begin() + static_cast<ptrdiff_t>(dropped));
    world.durable = world.written.size();
    const auto revision = world.core->revision();
    world.restart();
    CHECK(world.core->revision() == revision);
    CHECK(world.write(put_of("a", "on")).revision == revision.next());
}

TEST_CASE("after a long snapshot as much log passes before the next one", "[core]") {
    auto options = World::default_options();
    options.snapshot_log_bytes = 10'000;
    options.snapshot_log_multiple_max = 3;
    Ready world(options);
    const auto writes_until_due = [&](uint64_t last_snapshot_bytes) {
        while (!world.take_snapshot) world.write(put_of("a", Bytes(1000, 'x')));
        world.take_snapshot = false;
        world.step(SnapshotPersisted{world.core->applied(), last_snapshot_bytes});
        int writes = 0;
        for (; writes < 100 && !world.take_snapshot; ++writes) world.write(put_of("a", Bytes(1000, 'x')));
        return writes;
    };
    CHECK(writes_until_due(0) == 10);
    CHECK(writes_until_due(20'500) == 20);
    CHECK(writes_until_due(1'000'000) == 29);
}

TEST_CASE("a snapshot near the log's beginning cuts nothing", "[core]") {
    auto options = World::default_options();
    options.snapshot_log_bytes = 1000;
    Ready world(options);
    world.write(put_of("a", Bytes(2000, 'x')));
    REQUIRE(world.take_snapshot);
    world.step(SnapshotPersisted{world.core->applied()});
    CHECK_FALSE(world.compact_to);
    CHECK(world.write(put_of("a", "on")).error.code == Code::ok);
}

TEST_CASE("a failed snapshot is tried again, but not at once", "[core]") {
    auto options = World::default_options();
    options.snapshot_log_bytes = 1000;
    Ready world(options);
    world.write(put_of("a", Bytes(2000, 'x')));
    REQUIRE(world.take_snapshot);
    world.take_snapshot = false;
    world.step(SnapshotFailed{{Code::no_space, "full"}});
    world.write(put_of("a", "1"));
    CHECK_FALSE(world.take_snapshot);
    world.pass(61'000);
    CHECK(world.take_snapshot);
}

// ---- full disks ----

TEST_CASE("a full log refuses new writes, keeps reads, and goes on when there is room", "[core][no_space]") {
    Ready world;
    world.write(put_of("a", "1"));
    world.log_is_full = true;
    const auto caught = world.put("a", "2");
    CHECK(world.reply(caught) == nullptr);
    const auto refused = world.put("a", "3");
    REQUIRE(world.reply(refused) != nullptr);
    CHECK(world.reply(refused)->error.code == Code::no_space);
    CHECK(world.get("a") == "1");
    world.pass(1500);
    CHECK(world.reply(caught) == nullptr);
    world.log_is_full = false;
    world.pass(1000);
    world.sync();
    REQUIRE(world.reply(caught) != nullptr);
    CHECK(world.reply(caught)->error.code == Code::ok);
    CHECK(world.get("a") == "2");
    CHECK(world.write(put_of("a", "4")).error.code == Code::ok);
    CHECK_FALSE(world.fatal);
}

TEST_CASE("entries queued behind the one that met the full disk are asked for again with it", "[core][no_space]") {
    Ready world;
    const auto first = world.put("a", "1");
    const auto second = world.put("b", "2");
    REQUIRE(world.unsynced() == 2);
    const Index at = world.written[world.durable].index;
    world.written.resize(world.durable);  // neither got into the log
    world.step(PersistFailed{{Code::no_space, "full"}, at});
    world.step(PersistFailed{{Code::no_space, "full"}, at.next()});
    world.pass(600);
    REQUIRE(world.unsynced() == 2);
    CHECK(world.written[world.durable].index == at);
    world.pass(600);
    CHECK(world.unsynced() == 2);  // not again before the answer
    world.sync();
    REQUIRE(world.reply(first) != nullptr);
    REQUIRE(world.reply(second) != nullptr);
    CHECK(world.reply(second)->revision == Revision{2});
}

TEST_CASE("a write inside a log that stays full becomes uncertain, and may be done later", "[core][no_space]") {
    Ready world;
    world.log_is_full = true;
    const auto caught = world.put("a", "2");
    world.pass(6000);
    REQUIRE(world.reply(caught) != nullptr);
    CHECK(world.reply(caught)->error.code == Code::uncertain);
    world.log_is_full = false;
    world.pass(1000);
    world.sync();
    CHECK(world.get("a") == "2");
    size_t replies = 0;
    for (const auto& outgoing : world.replies) replies += outgoing.reply.id == caught;
    CHECK(replies == 1);
}

TEST_CASE("a full store keeps what is durable, refuses new writes, reads on, and catches up", "[core][no_space]") {
    Ready world;
    world.write(put_of("a", "1"));
    world.pass(100);  // the store has committed
    fail_at(world, "put", {Code::no_space, "the test's store is full"});
    const auto caught = world.put("a", "2");
    world.sync();
    CHECK(world.reply(caught) == nullptr);
    CHECK(world.get("a") == "1");
    const auto refused = world.put("a", "3");
    REQUIRE(world.reply(refused) != nullptr);
    CHECK(world.reply(refused)->error.code == Code::no_space);
    world.pass(3000);
    CHECK(world.reply(caught) == nullptr);
    world.store->inject({});
    world.pass(1000);
    REQUIRE(world.reply(caught) != nullptr);
    CHECK(world.reply(caught)->error.code == Code::ok);
    CHECK(world.get("a") == "2");
    CHECK_FALSE(world.fatal);
}

TEST_CASE("what was told stays true when the store fills up within its open batch", "[core][no_space]") {
    Ready world;
    world.write(put_of("a", "1"));
    world.pass(100);
    world.write(put_of("a", "2"));  // in the open batch
    int puts_left = 1;
    world.store->inject([&](std::string_view slot) -> Status {
        if (slot == "begin") puts_left = 4;  // what the batch held fits again
        if (slot == "put" && --puts_left < 0) return Error{Code::no_space, "the test's store is full"};
        return {};
    });
    const auto caught = world.put("b", "3");
    world.sync();
    CHECK(world.reply(caught) == nullptr);
    CHECK(world.get("a") == "2");
    CHECK(world.get("b") == "(none)");
    CHECK(world.core->revision() == Revision{2});
    world.store->inject({});
    world.pass(1000);
    REQUIRE(world.reply(caught) != nullptr);
    CHECK(world.reply(caught)->revision == Revision{3});
    CHECK(world.get("b") == "3");
    CHECK_FALSE(world.fatal);
}

TEST_CASE("a store that finds no room only at the commit is not read until it has caught up", "[core][no_space]") {
    Ready world;
    fail_at(world, "commit", {Code::no_space, "the test's store is full"});
    CHECK(world.write(put_of("a", "1")).error.code == Code::ok);  // durable in the log
    protocol::RangeRequest range;
    range.range = KeyRange::one("a");
    range.min_revision = Revision{9};
    const auto waiting = world.send(range);
    world.pass(100);
    CHECK(world.get("a").find("error") != std::string::npos);
    world.pass(hub::limits::min_revision_wait_ms_max);
    REQUIRE(world.reply(waiting) != nullptr);  // what waits is told so in time all the same
    CHECK(world.reply(waiting)->error.code == Code::unavailable);
    const auto refused = world.put("a", "2");
    REQUIRE(world.reply(refused) != nullptr);
    CHECK(world.reply(refused)->error.code == Code::no_space);
    world.store->inject({});
    world.pass(1000);
    CHECK(world.get("a") == "1");
    CHECK(world.write(put_of("a", "3")).revision == Revision{2});
    CHECK_FALSE(world.fatal);
}

TEST_CASE("any other error of the store stops the node, with the sentence", "[core]") {
    Ready world;
    fail_at(world, "put", {Code::io, "the disk is gone"});
    const auto caught = world.put("a", "2");
    world.sync();
    REQUIRE(world.fatal);
    CHECK(world.fatal->detail.find("the disk is gone") != std::string::npos);
    CHECK(world.reply(caught) == nullptr);
}

// ---- automatic compaction ----

TEST_CASE("history is compacted by count, once the excess is worth it", "[core]") {
    auto options = World::default_options();
    options.keep_revisions = 100;
    Ready world(options);
    for (int i = 0; i < 109; ++i) world.write(put_of("a", std::to_string(i)));
    world.pass(3000);
    CHECK(world.core->revision() == Revision{109});
    const auto old = [&](uint64_t at) {
        protocol::RangeRequest range;
        range.range = KeyRange::one("a");
        range.at = Revision{at};
        return world.reply(world.send(range))->error.code;
    };
    CHECK(old(1) == Code::ok);
    world.write(put_of("a", "110"));
    world.pass(1000);
    world.sync();
    CHECK(old(9) == Code::compacted);
    CHECK(old(10) == Code::ok);
    CHECK(world.core->revision() == Revision{110});
}

TEST_CASE("history is compacted by age, on an idle hub too", "[core]") {
    auto options = World::default_options();
    options.keep_ms = 60'000;
    Ready world(options);
    for (int i = 0; i < 10; ++i) world.write(put_of("a", std::to_string(i)));
    const auto entries = world.written.size();
    world.pass(30'000);
    CHECK(world.written.size() == entries);
    world.pass(60'000);
    world.sync();
    CHECK(world.written.size() == entries + 1);
    const auto status = world.send(protocol::StatusRequest{});
    const auto& figures = std::get<protocol::StatusReply>(world.reply(status)->result).figures;
    CHECK(figures.at(1).first == "compacted");
    CHECK(std::get<uint64_t>(figures.at(1).second) == 10);
    world.pass(600'000);
    CHECK(world.written.size() == entries + 1);  // and then rests
}

// ---- determinism ----

TEST_CASE("the same inputs give the same outputs, octet for octet", "[core]") {
    const auto run = [] {
        Ready world;
        world.send(protocol::ChannelRequest{{"prefix", ""}});
        for (int i = 0; i < 200; ++i) {
            world.put("k" + std::to_string(i % 17), std::to_string(i * 7));
            if (i % 5 == 0) world.send(protocol::DeleteRequest{KeyRange::prefix("k1"), true});
            if (i % 3 == 0) world.sync();
            world.pass(static_cast<uint64_t>(i));
        }
        world.restart();
        world.pass(5000);
        return world.trace;
    };
    const Bytes once = run();
    CHECK(once.size() > 10'000);
    CHECK(once == run());
}
