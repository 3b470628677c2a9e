// A write that comes again is answered again and not done again, whatever happened to the hub in between.
#include "hub/model/sessions.hpp"

#include <random>

#include "tests/unit/hub/model/fixture.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::model;
using namespace belfry::hub::model::test;

namespace {

constexpr uint64_t session = 77;
constexpr uint64_t second_ms = 1000;

p::PutRequest plain_put(Bytes key, Bytes value) { return {std::move(key), std::move(value), {}, false}; }

// Appends an "x" to the key, by compare-and-put as a counter is counted up.
p::TxnRequest append_to(const Bytes& key, const Bytes& old) {
    p::TxnRequest txn;
    txn.compares = {{KeyRange::one(key), p::Compare::Target::value, p::Compare::Op::equal, 0, old}};
    txn.then_ops = {{plain_put(key, old + "x")}};
    return txn;
}

Code code_of(const Applied& applied) { return applied.reply ? Code::ok : applied.reply.error().code; }

}  // namespace

TEST_CASE("sessions: a write that comes twice is done once and answered twice", "[model]") {
    for (const std::string& name : stores()) {
        Hub hub(name);
        const auto first = hub.apply(plain_put("a", "1"), 0, {}, {session, 1, 0});
        const auto second = hub.apply(put("a", "2"), 0, {}, {session, 2, 0});
        CHECK(second.revision == Revision{2});
        const auto again = hub.apply(put("a", "2"), 0, {}, {session, 2, 0});
        CHECK(again.revision == second.revision);
        CHECK_FALSE(again.change);
        const auto& reply = std::get<p::PutReply>(*again.reply);
        REQUIRE(reply.previous);
        CHECK(reply.previous->value == "1");
        CHECK(hub.apply(plain_put("a", "1"), 0, {}, {session, 1, 0}).revision == first.revision);
        CHECK(hub.value("a") == "2");
        CHECK(hub.keys().revision() == Revision{2});
        // The same without a ticket, and in another session, is another write.
        CHECK(hub.apply(plain_put("a", "1")).revision == Revision{3});
        CHECK(hub.apply(plain_put("a", "1"), 0, {}, {session + 1, 1, 0}).revision == Revision{4});
        CHECK(hub.keys().session_count() == 2);
    }
}

TEST_CASE("sessions: what had nothing to do at revision 0 is told that revision again", "[model]") {
    Hub hub("storage_memory");
    const p::TxnRequest txn = append_to("counter", "x");
    CHECK(hub.apply(txn, 0, {}, {session, 1, 0}).revision == Revision{});
    hub.apply(plain_put("counter", "x"));
    const auto again = hub.apply(txn, 0, {}, {session, 1, 0});
    CHECK(again.revision == Revision{});  // at revision 1 it would have had something to do
    CHECK_FALSE(std::get<p::TxnReply>(*again.reply).succeeded);
}

TEST_CASE("sessions: writes in any order, each once", "[model]") {
    Hub hub("storage_memory");
    std::vector<uint64_t> order;
    for (uint64_t sequence = 1; sequence <= 300; ++sequence) order.insert(order.end(), {sequence, sequence});
    std::mt19937 random(3);
    std::shuffle(order.begin(), order.end(), random);
    for (const uint64_t sequence : order) {
        CHECK(hub.apply(plain_put("k", std::to_string(sequence)), 0, {}, {session, sequence, 0}).reply);
    }
    CHECK(hub.keys().revision() == Revision{300});
}

TEST_CASE("sessions: a refusal is an answer too; it is given again though the state has changed", "[model]") {
    Hub hub("storage_memory");
    hub.apply(plain_put("a", "0"));
    const auto refused = hub.apply(p::CompactRequest{{2}}, 0, {}, {session, 1, 0});
    CHECK(code_of(refused) == Code::invalid_argument);
    const auto failed = hub.apply(append_to("a", "1"), 0, {}, {session, 2, 0});
    CHECK_FALSE(std::get<p::TxnReply>(*failed.reply).succeeded);
    hub.apply(plain_put("a", "1"));
    const auto again = hub.apply(p::CompactRequest{{2}}, 0, {}, {session, 1, 0});
    CHECK(code_of(again) == Code::invalid_argument);
    CHECK(again.reply.error().detail == refused.reply.error().detail);
    CHECK_FALSE(std::get<p::TxnReply>(*hub.apply(append_to("a", "1"), 0, {}, {session, 2, 0}).reply).succeeded);
    CHECK(hub.keys().compacted() == Revision{});
    CHECK(hub.value("a") == "1");
}

TEST_CASE("sessions: what is acknowledged is forgotten and never done again", "[model]") {
    Hub hub("storage_memory");
    for (uint64_t sequence = 1; sequence <= 10; ++sequence) {
        hub.apply(plain_put("a", "x"), 0, {}, {session, sequence, sequence - 1});
    }
    const Revision before = hub.keys().revision();
    CHECK(code_of(hub.apply(plain_put("a", "y"), 0, {}, {session, 9, 8})) == Code::conflict);
    CHECK(hub.apply(plain_put("a", "y"), 0, {}, {session, 10, 9}).reply);
    // A gap: write 12 comes before 11, which is given up and comes late.
    hub.apply(plain_put("b", "12"), 0, {}, {session, 12, 10});
    hub.apply(plain_put("b", "13"), 0, {}, {session, 13, 12});
    CHECK(code_of(hub.apply(plain_put("b", "11"), 0, {}, {session, 11, 10})) == Code::conflict);
    CHECK(hub.value("a") == "x");
    CHECK(hub.value("b") == "13");
    CHECK(hub.keys().revision() == Revision{before.value + 2});
}

TEST_CASE("sessions: an answer that is too large is not kept, and that is said with its revision", "[model]") {
    Hub hub("storage_memory");
    hub.apply(plain_put("a", Bytes(2 * kept_answer_bytes_max, 'v')));
    REQUIRE(hub.apply(put("a", "1"), 0, {}, {session, 1, 0}).reply);
    const auto again = hub.apply(put("a", "1"), 0, {}, {session, 1, 0});
    CHECK(code_of(again) == Code::conflict);
    CHECK(again.revision == Revision{2});
    CHECK(again.reply.error().detail.find("done, at revision 2") != std::string::npos);
    // Many smaller ones: the last ones find no room either.
    size_t kept = 0;
    for (uint64_t sequence = 2; sequence <= 200; ++sequence) {
        hub.apply(put("b", Bytes(600, 'v')), 0, {}, {session, sequence, 0});
    }
    for (uint64_t sequence = 2; sequence <= 200; ++sequence) {
        kept += hub.apply(put("b", "again"), 0, {}, {session, sequence, 0}).reply ? 1 : 0;
    }
    CHECK(kept > kept_answers_bytes_max / 700);
    CHECK(kept < kept_answers_bytes_max / 600);
    CHECK(hub.keys().revision() == Revision{2 + 199});
}

TEST_CASE("sessions: an idle one goes by cluster time, and what it sends then is refused", "[model]") {
    Hub hub("storage_memory");
    uint64_t now_ms = second_ms;
    hub.apply(plain_put("a", "1"), now_ms, {}, {session, 1, 0});
    const auto pass = [&](uint64_t seconds) {
        for (; seconds > 0; --seconds) hub.apply(plain_put("t", "t"), now_ms += second_ms);
    };
    pass(session_idle_s - 1);
    CHECK(hub.apply(plain_put("a", "2"), now_ms, {}, {session, 2, 1}).reply);
    pass(session_idle_s + 2);
    const auto late = hub.apply(plain_put("a", "3"), now_ms, {}, {session, 3, 2});
    CHECK(code_of(late) == Code::conflict);
    CHECK(late.reply.error().detail.find("forgotten") != std::string::npos);
    CHECK(hub.value("a") == "2");
    CHECK(hub.keys().session_count() == 0);
    CHECK(hub.apply(plain_put("a", "4"), now_ms, {}, {session + 1, 1, 0}).reply);
}

TEST_CASE("sessions: a clock that jumps makes none old", "[model]") {
    Hub hub("storage_memory");
    hub.apply(plain_put("a", "1"), second_ms, {}, {session, 1, 0});
    const uint64_t jumped_ms = second_ms + 24 * 3600 * second_ms;
    const auto again = hub.apply(plain_put("a", "1"), jumped_ms, {}, {session, 1, 0});
    CHECK(again.revision == Revision{1});
    CHECK(hub.apply(plain_put("a", "2"), jumped_ms, {}, {session, 2, 1}).reply);
}

TEST_CASE("sessions: past the bound a new one is refused, until an old one may go", "[model]") {
    Hub hub("storage_memory");
    hub.begin();
    for (uint64_t id = 1; id <= sessions_max; ++id) hub.apply(plain_put("a", "1"), second_ms, {}, {id, 1, 0});
    const auto refused = hub.apply(plain_put("a", "2"), second_ms, {}, {sessions_max + 1, 1, 0});
    CHECK(code_of(refused) == Code::busy);
    CHECK(hub.apply(plain_put("a", "3"), second_ms, {}, {1, 2, 1}).reply);
    uint64_t now_ms = second_ms;
    for (uint64_t minutes = 0; minutes <= session_idle_s / 60; ++minutes) {
        hub.apply(plain_put("t", "t"), now_ms += session_step_ms_max);
    }
    CHECK(hub.apply(plain_put("a", "4"), now_ms, {}, {sessions_max + 1, 1, 0}).reply);
    CHECK(hub.keys().session_count() == sessions_max - sessions_dropped_at_once + 1);
    hub.commit();
    CHECK(hub.rows(table_sessions) == hub.keys().session_count());
}

TEST_CASE("sessions: unacknowledged writes are bounded over all sessions", "[model]") {
    Hub hub("storage_memory");
    hub.begin();
    p::PutRequest large = put("a", Bytes(800, 'v'));
    hub.apply(large);
    constexpr uint64_t writes = 60;  // whose answers are kept, all of them
    uint64_t id = 1, sequence = 0;
    while (code_of(hub.apply(large, 0, {}, {id, ++sequence, 0})) == Code::ok) {
        REQUIRE(id < 2000);
        if (sequence == writes) ++id, sequence = 0;
    }
    CHECK(code_of(hub.apply(large, 0, {}, {id, sequence, 0})) == Code::busy);
    CHECK(id > 1000);
    // Room is made by acknowledging.
    CHECK(hub.apply(large, 0, {}, {1, writes + 1, writes}).reply);
    CHECK(hub.apply(large, 0, {}, {id, sequence, 0}).reply);
    hub.commit();
}

TEST_CASE("sessions: what has not come takes no room", "[model]") {
    Hub hub("storage_memory");
    hub.begin();
    constexpr uint64_t last = belfry::limits::session_window_max;
    for (uint64_t id = 1; id <= 2000; ++id) REQUIRE(hub.apply(plain_put("a", "1"), 0, {}, {id, last, 0}).reply);
    // In any order, and each once.
    for (const uint64_t sequence : {uint64_t{7}, uint64_t{5}, last - 1, uint64_t{1}})
        CHECK(hub.apply(plain_put("a", "2"), 0, {}, {1, sequence, 0}).change);
    for (const uint64_t sequence : {uint64_t{5}, last, uint64_t{1}, uint64_t{7}, last - 1})
        CHECK_FALSE(hub.apply(plain_put("a", "2"), 0, {}, {1, sequence, 0}).change);
    CHECK(hub.apply(plain_put("a", "2"), 0, {}, {1, 6, 5}).change);
    CHECK(code_of(hub.apply(plain_put("a", "2"), 0, {}, {1, 5, 5 - 1})) == Code::conflict);
    CHECK_FALSE(hub.apply(plain_put("a", "2"), 0, {}, {1, 7, 5}).change);
    hub.commit();
}

TEST_CASE("sessions: a restart and an image keep them, a rollback takes them back", "[model]") {
    for (const std::string& name : stores()) {
        Hub hub(name);
        hub.apply(plain_put("a", "1"), 0, {}, {session, 1, 0});
        hub.apply(erase("a"), 0, {}, {session, 3, 0});
        hub.restart();
        CHECK(hub.apply(plain_put("a", "1"), 0, {}, {session, 1, 0}).revision == Revision{1});
        CHECK(std::get<p::DeleteReply>(*hub.apply(erase("a"), 0, {}, {session, 3, 0}).reply).deleted == 1);

        hub.begin();
        hub.apply(plain_put("b", "2"), 0, {}, {session, 4, 3});
        REQUIRE(hub.keys().finish_batch());
        hub.apply(plain_put("c", "2"), 0, {}, {session + 1, 1, 0});
        hub.rollback();
        CHECK(hub.keys().session_count() == 1);
        CHECK(hub.apply(plain_put("b", "3"), 0, {}, {session, 4, 0}).change);
        CHECK(hub.apply(plain_put("c", "3"), 0, {}, {session + 1, 1, 0}).change);
        CHECK(hub.apply(erase("a"), 0, {}, {session, 3, 0}).revision == Revision{2});

        Bytes image;
        REQUIRE(hub.store().snapshot_write([&](BytesView part) { return image.append(part), Status(); }));
        Hub other(name);
        other.apply(plain_put("z", "z"), 0, {}, {session + 2, 1, 0});
        REQUIRE(other.store().snapshot_read([&](char* buffer, size_t capacity) -> Result<size_t> {
            const size_t size = image.copy(buffer, capacity);
            image.erase(0, size);
            return size;
        }));
        REQUIRE(other.keys().load());
        CHECK(other.keys().session_count() == 2);
        CHECK_FALSE(other.apply(plain_put("b", "3"), 0, {}, {session, 4, 0}).change);
        CHECK(other.apply(plain_put("z", "z"), 0, {}, {session + 2, 1, 0}).change);
    }
}

TEST_CASE("sessions: the tables are the same however the commands were batched and the hub restarted", "[model]") {
    Hub one("storage_memory"), other("storage_lmdb");
    std::mt19937 random(11);
    one.begin();
    uint64_t now_ms = second_ms;
    for (int i = 0; i < 4000; ++i) {
        const uint64_t id = 1 + random() % 30;
        const uint64_t acknowledged = static_cast<uint64_t>(i) / 100;
        const p::Ticket ticket{id, acknowledged + 1 + random() % 20, acknowledged};
        const auto op = put("k" + std::to_string(random() % 5), Bytes(random() % 900, 'v'));
        now_ms += random() % 2000;
        const auto first = one.apply(op, now_ms, {}, ticket);
        const auto second = other.apply(op, now_ms, {}, ticket);
        REQUIRE(first.revision == second.revision);
        REQUIRE(code_of(first) == code_of(second));
        if (random() % 50 == 0) other.restart();
        if (random() % 70 == 0) one.commit(), one.begin();
    }
    one.commit();
    CHECK(one.image() == other.image());
    CHECK(one.rows(table_sessions) > 0);
}

TEST_CASE("sessions: a record cut or changed anywhere is refused or spells itself again", "[model]") {
    Session rich;
    rich.used_s = 300;
    rich.acknowledged = 1ull << 40;
    rich.kept = {{rich.acknowledged + 1, {7}, Kept::Kind::put, {}},
                 {rich.acknowledged + 199, {8}, Kept::Kind::answer, "octets"},
                 {rich.acknowledged + 200, {300}, Kept::Kind::dropped, {}}};
    Bytes octets;
    encode_session(rich, octets);
    const auto read = decode_session(octets);
    REQUIRE(read);
    CHECK(read->acknowledged == rich.acknowledged);
    REQUIRE(read->kept.size() == 3);
    CHECK(read->kept[1].answer == "octets");
    CHECK(read->kept[1].sequence == rich.acknowledged + 199);
    std::mt19937 random(5);
    for (int i = 0; i < 20000; ++i) {
        Bytes damaged = octets.substr(0, 1 + random() % octets.size());
        damaged[random() % damaged.size()] = static_cast<char>(random());
        const auto session_read = decode_session(damaged);
        if (!session_read) continue;
        Bytes again;
        encode_session(*session_read, again);
        REQUIRE(again == damaged);
    }
}

TEST_CASE("sessions: a reload that the store failed is made up for by the next one", "[model]") {
    Hub hub("storage_memory");
    hub.apply(plain_put("a", "1"), 0, {}, {session, 1, 0});
    const Revision revision = hub.keys().revision();
    for (const uint32_t table : {table_meta, table_sessions}) {
        hub.begin();
        hub.apply(plain_put("a", "2"), 0, {}, {session, 2, 0});
        hub.store().rollback();
        int reads_left = table == table_meta ? 0 : 1;  // meta is read first
        hub.store().inject([&](std::string_view slot) {
            return slot == "get" && reads_left-- == 0 ? Status(Error{Code::io, "planted"}) : Status();
        });
        CHECK_FALSE(hub.keys().reload());
        CHECK(hub.keys().revision().value >= revision.value);
        hub.store().inject({});
        REQUIRE(hub.keys().reload());
        CHECK(hub.keys().revision() == revision);
    }
    CHECK(hub.apply(plain_put("a", "2"), 0, {}, {session, 2, 0}).revision == revision.next());  // not known: done now
    CHECK(hub.value("a") == "2");
}
