#include "hub/model/keyspace.hpp"

#include <catch2/generators/catch_generators_range.hpp>

#include "hub/base/limits.hpp"
#include "tests/unit/hub/model/fixture.hpp"

using namespace belfry;
using namespace belfry::hub::model;
using namespace belfry::hub::model::test;

TEST_CASE("put: a key counts its versions and a delete starts it anew", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    CHECK(hub.apply(put("a", "1")).revision == Revision{1});
    const Applied second = hub.apply(put("a", "2"), 50, "why");
    CHECK(reply_of<p::PutReply>(second).previous == KeyValue{"a", "1", {1}, {1}, 1, {}});
    REQUIRE(second.change);
    CHECK(*second.change == ChangeSet{{2}, 50, "ada", "why", {{EventType::put, {"a", "2", {1}, {2}, 2, {}}}}});
    const Applied third = hub.apply(erase("a"), 40);
    CHECK(*third.change == ChangeSet{{3}, 50, "ada", "", {{EventType::erase, {"a", "", {}, {3}, 0, {}}}}});
    CHECK(reply_of<p::DeleteReply>(third).previous == std::vector<KeyValue>{{"a", "2", {1}, {2}, 2, {}}});
    CHECK(hub.keys().key_count() == 0);
    CHECK(hub.rows(table_deleted) == 1);
    hub.apply(put("a", "4"));
    CHECK(hub.rows(table_deleted) == 0);
    CHECK(hub.keys().range(get("a"))->kvs[0] == KeyValue{"a", "4", {4}, {4}, 1, {}});
    const std::vector<Bytes> past = {hub.value("a", 1), hub.value("a", 2), hub.value("a", 3), hub.value("a", 4)};
    CHECK(past == std::vector<Bytes>{"1", "2", "-", "4"});
}

TEST_CASE("delete: of nothing makes no revision, of a range makes one", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    CHECK_FALSE(hub.apply(erase("a")).change);
    CHECK(hub.keys().revision() == Revision{0});
    for (const char* key : {"a", "b", "c", "d"}) hub.apply(put(key, key));
    const Applied applied = hub.apply(erase("b", "d"));
    CHECK(reply_of<p::DeleteReply>(applied).deleted == 2);
    CHECK(applied.revision == Revision{5});
    CHECK(applied.change->events.size() == 2);
    CHECK(hub.keys().key_count() == 2);
    CHECK_FALSE(hub.apply(erase("d", "b")).change);
}

TEST_CASE("put: what no store takes is refused, and the state stays", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    const Bytes image = hub.image();
    CHECK(refusal_code(hub.apply(put("", "1"))) == Code::invalid_argument);
    CHECK(refusal_code(hub.apply(put(Bytes(481, 'k'), "1"))) == Code::invalid_argument);
    CHECK(refusal_code(hub.apply(put("a", Bytes(belfry::limits::value_bytes_max + 1, 'v')))) == Code::too_large);
    CHECK(hub.image() == image);
    CHECK(hub.apply(put(Bytes(480, 'k'), "1")).change);
}

TEST_CASE("delete: more than one frame of keys is refused and leaves nothing behind", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.begin();
    const int count = static_cast<int>(change_set_bytes_max / (400 + event_envelope_bytes)) + 1;
    for (int i = 0; i < count; ++i) hub.apply(put(Bytes(393, 'k') + std::to_string(1000000 + i), "v"));
    hub.commit();
    const Bytes image = hub.image();
    p::TxnRequest txn;
    txn.then_ops = {{put("a", "1")}, {erase("k", "l")}};
    hub.begin();
    CHECK(refusal_code(hub.apply(txn)) == Code::too_large);
    CHECK(refusal_code(hub.apply(erase("k", "l"))) == Code::too_large);
    hub.commit();
    CHECK(hub.image() == image);
    CHECK(hub.keys().key_count() == static_cast<uint64_t>(count));
}

TEST_CASE("range: limit, order, count and revision", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "z"));
    hub.apply(put("b", "y"));
    hub.apply(put("c", "x"));
    hub.apply(put("a", "w"));
    const auto keys = [&](p::RangeRequest request, uint64_t count, bool more) {
        const auto reply = hub.keys().range(request);
        REQUIRE(reply);
        CHECK(reply->count == count);
        CHECK(reply->more == more);
        Bytes list;
        for (const KeyValue& kv : reply->kvs) list += kv.key + (request.keys_only ? "" : kv.value);
        return list;
    };
    for (const uint64_t at : {0, 4, 3}) {
        INFO("at " << at);
        p::RangeRequest request = all(at);
        CHECK(keys(request, 3, false) == (at == 3 ? "azbycx" : "awbycx"));
        request.limit = 2;
        CHECK(keys(request, 3, true) == (at == 3 ? "azby" : "awby"));
        request.limit = 3;
        CHECK(keys(request, 3, false).size() == 6);
        request.limit = 2;
        request.sort_order = p::SortOrder::descending;
        CHECK(keys(request, 3, true) == "cxby");
        request.sort_target = p::SortTarget::mod;
        CHECK(keys(request, 3, true) == (at == 3 ? "cxby" : "awcx"));
        request.keys_only = true;
        request.sort_target = p::SortTarget::value;
        request.sort_order = p::SortOrder::ascending;
        CHECK(keys(request, 3, true) == (at == 3 ? "cb" : "ac"));
        request.count_only = true;
        CHECK(keys(request, 3, false).empty());
    }
    CHECK(hub.keys().range(all(5)).error().code == Code::invalid_argument);
    CHECK(hub.keys().range({{"c", "a"}, 0, {}, {}})->kvs.empty());
    CHECK(hub.keys().range({{Bytes(600, 'a'), Bytes(600, 'c')}, 0, {}, {}})->kvs.size() == 2);
    CHECK(hub.keys().range({{"", ""}, 0, {}, {}})->kvs.empty());
    CHECK(hub.keys().range({{Bytes(600, 'a'), ""}, 0, {1}, {}})->kvs.empty());
}

TEST_CASE("txn: compares of every target and operator", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("other", "x"));
    hub.apply(p::LeaseGrantRequest{{7}, 10});
    hub.apply(p::PutRequest{"a", "m", {7}, false});
    hub.apply(p::PutRequest{"a", "m", {7}, false});
    using C = p::Compare;
    const auto holds = [&](Bytes key, C::Target target, C::Op op, uint64_t number, Bytes value = {}) {
        p::TxnRequest txn;
        txn.compares = {{KeyRange::one(key), target, op, number, value}};
        const Applied applied = hub.apply(txn);
        CHECK_FALSE(applied.change);
        return reply_of<p::TxnReply>(applied).succeeded;
    };
    const std::vector<std::pair<C::Target, uint64_t>> facts = {
        {C::Target::version, 2}, {C::Target::create, 2}, {C::Target::mod, 3}, {C::Target::lease, 7}};
    for (const auto& [target, fact] : facts) {
        INFO("target " << static_cast<int>(target));
        CHECK(holds("a", target, C::Op::equal, fact));
        CHECK_FALSE(holds("a", target, C::Op::equal, fact + 1));
        CHECK(holds("a", target, C::Op::greater, fact - 1));
        CHECK_FALSE(holds("a", target, C::Op::greater, fact));
        CHECK(holds("a", target, C::Op::less, fact + 1));
        CHECK_FALSE(holds("a", target, C::Op::less, fact));
        CHECK(holds("a", target, C::Op::not_equal, fact + 1));
        CHECK(holds("none", target, C::Op::equal, 0));
        CHECK_FALSE(holds("none", target, C::Op::greater, 0));
    }
    CHECK(holds("a", C::Target::value, C::Op::equal, 0, "m"));
    CHECK(holds("a", C::Target::value, C::Op::less, 0, "n"));
    CHECK(holds("a", C::Target::value, C::Op::greater, 0, "l"));
    CHECK_FALSE(holds("none", C::Target::value, C::Op::equal, 0, ""));
    CHECK_FALSE(holds("none", C::Target::value, C::Op::not_equal, 0, "x"));
    p::TxnRequest over_all;
    over_all.compares = {{KeyRange::all(), C::Target::version, C::Op::greater, 0, {}}};
    CHECK(reply_of<p::TxnReply>(hub.apply(over_all)).succeeded);
    over_all.compares[0].number = 1;
    CHECK_FALSE(reply_of<p::TxnReply>(hub.apply(over_all)).succeeded);
    over_all.compares[0].range = {"x", "z"};
    CHECK_FALSE(reply_of<p::TxnReply>(hub.apply(over_all)).succeeded);
}

TEST_CASE("txn: is one revision, and its operations see the earlier ones", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "1"));
    hub.apply(put("b", "1"));
    p::TxnRequest inner;
    inner.compares = {{KeyRange::one("c"), p::Compare::Target::version, p::Compare::Op::equal, 0, {}}};
    inner.then_ops = {{put("d", "4")}, {all()}};
    inner.else_ops = {{put("d", "5")}};
    p::TxnRequest txn;
    txn.then_ops = {{put("c", "3")}, {erase("b")}, {all()}, {all(2)}, {inner}, {get("b", 2)}, {get("c", 2)}, {erase("b")}};
    const Applied applied = hub.apply(txn, 9, "all at once");
    const auto& replies = reply_of<p::TxnReply>(applied).replies;
    REQUIRE(replies.size() == 8);
    const auto kvs = [&](const p::TxnOpReply& reply) { return std::get<p::RangeReply>(reply.reply).kvs; };
    CHECK(kvs(replies[2]) == std::vector<KeyValue>{{"a", "1", {1}, {1}, 1, {}}, {"c", "3", {3}, {3}, 1, {}}});
    CHECK(kvs(replies[3]) == std::vector<KeyValue>{{"a", "1", {1}, {1}, 1, {}}, {"b", "1", {2}, {2}, 1, {}}});
    // As in etcd, nested compares were decided before c was put.
    CHECK(std::get<p::TxnReply>(replies[4].reply).succeeded);
    CHECK(kvs(std::get<p::TxnReply>(replies[4].reply).replies[1]).size() == 3);
    CHECK(kvs(replies[5]).size() == 1);
    CHECK(kvs(replies[6]).empty());
    CHECK(std::get<p::DeleteReply>(replies[7].reply).deleted == 0);
    CHECK(applied.revision == Revision{3});
    REQUIRE(applied.change->events.size() == 3);
    CHECK(applied.change->events[0].kv.key == "c");
    CHECK(applied.change->events[1].type == EventType::erase);
    CHECK(applied.change->events[2].kv == KeyValue{"d", "4", {3}, {3}, 1, {}});
}

TEST_CASE("txn: a key changed twice is refused before anything happens", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "1"));
    const Bytes image = hub.image();
    const auto refused = [&](std::vector<p::TxnOp> ops) {
        p::TxnRequest txn;
        txn.then_ops = std::move(ops);
        return refusal_code(hub.apply(txn)) == Code::invalid_argument;
    };
    p::TxnRequest either;
    either.then_ops = {{put("a", "2")}};
    either.else_ops = {{erase("a")}};
    CHECK(refused({{put("a", "1")}, {put("a", "2")}}));
    CHECK(refused({{put("b", "1")}, {erase("a", "c")}}));
    CHECK(refused({{erase("a", "c")}, {put("b", "1")}}));
    CHECK(refused({{either}, {put("a", "3")}}));
    CHECK(refused({{put("a", "3")}, {either}}));
    CHECK(refused({{either}, {either}}));
    CHECK(refused({{put("z", "1")}, {erase("a")}, {get("a", 99)}}));
    CHECK(hub.image() == image);
    CHECK(hub.keys().key_count() == 1);
    p::TxnRequest fine;
    fine.then_ops = {{either}, {erase("b")}, {erase("b")}};
    CHECK(hub.apply(fine).change);
}

TEST_CASE("compact: refuses the future and the past, and old reads say where the past begins", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    for (const char* value : {"1", "2", "3", "4"}) hub.apply(put("a", value));
    hub.apply(put("b", "1"));
    hub.apply(erase("b"));
    CHECK(refusal_code(hub.apply(p::CompactRequest{{7}})) == Code::invalid_argument);
    CHECK_FALSE(hub.apply(p::CompactRequest{{3}}).change);
    CHECK(hub.keys().revision() == Revision{6});
    CHECK(refusal_code(hub.apply(p::CompactRequest{{3}})) == Code::compacted);
    CHECK(hub.value("a", 3) == "3");
    CHECK(hub.keys().range(get("a", 2)).error().code == Code::compacted);
    const auto changes = hub.keys().changes({{}, {2}, {}, 0}, *prefix(""));
    CHECK(changes.error().code == Code::compacted);
    CHECK(changes.error().detail.find("after revision 2 ") != Bytes::npos);
    CHECK(changes.error().detail.find("after 3") != Bytes::npos);
    CHECK(hub.keys().changes({{}, {3}, {}, 0}, *prefix(""))->changes.size() == 3);
    CHECK(hub.rows(table_changes) == 3);
    CHECK(hub.rows(table_deleted) == 1);
    hub.apply(p::CompactRequest{{6}});
    CHECK(hub.rows(table_changes) == 0);
    CHECK(hub.rows(table_deleted) == 0);
    const auto history = hub.keys().history({"a", 0, {}});
    REQUIRE(history->versions.size() == 1);
    CHECK(history->versions[0].kv.value == "4");
    CHECK(history->versions[0].author.empty());
    CHECK(history->compacted);
}

TEST_CASE("compact: a debt of 3000 records is worked off by later commands", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.begin();
    for (int i = 0; i < 3000; ++i) hub.apply(put("k", std::to_string(i)));
    hub.apply(p::CompactRequest{{3000}});
    hub.commit();
    CHECK(hub.rows(table_changes) == 3000 - compaction_drops_at_once);
    CHECK(hub.keys().range(get("k", 2999)).error().code == Code::compacted);
    hub.restart();
    hub.begin();
    for (int i = 0; i < 125; ++i) hub.apply(erase("none"));
    hub.commit();
    CHECK(hub.rows(table_changes) == 0);
    CHECK(hub.value("k") == "2999");
}

TEST_CASE("history: pages newest first across deletes and new beginnings", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "1"), 10, "first");
    hub.apply(put("x", "-"));
    hub.apply(erase("a"), 20, "away");
    hub.apply(put("a", "4"), 30);
    hub.apply(put("a", "5"), 40);
    hub.apply(put("x", "-"));
    std::vector<uint64_t> revisions;
    p::HistoryRequest request{"a", 1, {}};
    for (bool more = true; more;) {
        const auto page = hub.keys().history(request);
        REQUIRE(page);
        REQUIRE(page->versions.size() == 1);
        CHECK_FALSE(page->compacted);
        revisions.push_back(page->versions[0].kv.mod_revision.value);
        request.before = page->versions[0].kv.mod_revision;
        more = page->more;
    }
    CHECK(revisions == std::vector<uint64_t>{5, 4, 3, 1});
    const auto whole = hub.keys().history({"a", 0, {}});
    REQUIRE(whole->versions.size() == 4);
    CHECK(whole->versions[2].type == EventType::erase);
    CHECK(whole->versions[2].comment == "away");
    CHECK(whole->versions[3].time_ms == 10);
    CHECK(whole->versions[3].author == "ada");
    CHECK(hub.keys().history({"a", 0, {6}})->versions.size() == 4);  // 6 changed another key
    CHECK(hub.keys().history({"none", 0, {}})->versions.empty());
    hub.apply(p::CompactRequest{{3}});
    const auto left = hub.keys().history({"a", 0, {}});
    CHECK(left->versions.size() == 2);
    CHECK(left->compacted);
}

TEST_CASE("changes: only the filter's keys, in chunks, each saying what it covers", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    p::TxnRequest txn;
    txn.then_ops = {{put("in/a", Bytes(1000, 'v'))}, {put("out/a", "v")}};
    for (int i = 0; i < 10; ++i) hub.apply(txn);
    hub.apply(put("out/a", "end"));
    const auto filter = prefix("in/");
    Revision from{2};
    size_t count = 0;
    for (bool more = true; more;) {
        const auto reply = hub.keys().changes({{}, from, {}, 2500}, *filter);
        REQUIRE(reply);
        CHECK(reply->from == from);
        REQUIRE(reply->to > from);
        for (const ChangeSet& change : reply->changes) {
            CHECK(change.events.size() == 1);
            CHECK(change.revision.value == 3 + count++);
            CHECK(change.author == "ada");
        }
        CHECK(reply->changes.size() <= 2);
        from = reply->to;
        more = reply->more;
    }
    CHECK(count == 8);
    CHECK(from == Revision{11});
    CHECK(hub.keys().changes({{}, {11}, {}, 0}, *filter)->to == Revision{11});
    CHECK(hub.keys().changes({{}, {2}, {99}, 0}, *filter)->to == Revision{11});
    CHECK(hub.keys().changes({{}, {12}, {}, 0}, *filter).error().code == Code::invalid_argument);
    CHECK(hub.keys().changes({{}, {5}, {4}, 0}, *filter).error().code == Code::invalid_argument);
}

TEST_CASE("changes: by content, a value that stops matching takes its key away", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "on"));         // 1
    hub.apply(put("a", "on again"));   // 2
    hub.apply(put("a", "off"));        // 3
    hub.apply(put("a", "off still"));  // 4
    hub.apply(erase("a"));             // 5
    hub.apply(put("a", "on"));         // 6
    hub.apply(erase("a"));             // 7
    const auto reply = hub.keys().changes({{}, {}, {}, 0}, *switched_on(""));
    REQUIRE(reply);
    std::string story;
    for (const ChangeSet& change : reply->changes) {
        REQUIRE(change.events.size() == 1);
        const Event& event = change.events[0];
        CHECK(event.kv.mod_revision == change.revision);
        story += std::to_string(change.revision.value) + (event.type == EventType::put ? "+" + event.kv.value : "-") + " ";
        if (event.type == EventType::erase) CHECK(event == Event{EventType::erase, {"a", "", {}, change.revision, 0, {}}});
    }
    CHECK(story == "1+on 2+on again 3- 6+on 7- ");
}

TEST_CASE("changes: the values before are told, if asked for", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "1"));
    hub.apply(put("b", "2"));
    hub.apply(erase("b"));
    p::TxnRequest txn;
    txn.then_ops = {{put("a", "3")}, {put("b", "4")}, {put("c", "5")}};
    hub.begin();
    const auto applied = hub.keys().apply({"ada", "", txn, {}}, 0, Keyspace::Tell::change_and_values_before);
    REQUIRE(applied);
    REQUIRE(applied->change);
    CHECK(applied->change->events.size() == 3);
    CHECK(applied->values_before == std::vector<std::optional<Bytes>>{"1", std::nullopt, std::nullopt});
    const auto erased = hub.keys().apply({"ada", "", erase("a", "c"), {}}, 0, Keyspace::Tell::change_and_values_before);
    REQUIRE(erased);
    CHECK(erased->values_before == std::vector<std::optional<Bytes>>{"3", "4"});
    CHECK(hub.keys().apply({"ada", "", put("a", "x"), {}}, 0, Keyspace::Tell::change)->values_before.empty());
    CHECK_FALSE(hub.keys().apply({"ada", "", put("a", "x"), {}}, 0, Keyspace::Tell::nothing)->change);
    hub.commit();
}

TEST_CASE("snapshot and changes: a filter by content reads 2 MiB of values at most before it must page", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    constexpr int keys = 9;
    const size_t value_bytes = hub::limits::filtered_value_bytes_max / 4;
    hub.begin();
    for (int i = 0; i < keys; ++i) {
        const Bytes value = (i == keys - 1 ? "on" : "off") + Bytes(value_bytes, 'x');
        hub.apply(put("k" + std::to_string(i), value));
    }
    hub.commit();
    const auto filter = switched_on("k");
    p::SnapshotRequest request;
    size_t chunks = 0;
    size_t found = 0;
    for (bool more = true; more; ++chunks) {
        const auto reply = hub.keys().snapshot(request, *filter);
        REQUIRE(reply);
        found += reply->kvs.size();
        more = reply->more;
        CHECK(more != reply->after_key.empty());
        if (more) REQUIRE(reply->after_key > request.after_key);
        request.after_key = reply->after_key;
    }
    CHECK(found == 1);
    CHECK(chunks == 3);

    Revision from;
    size_t pages = 0;
    for (bool more = true; more; ++pages) {
        const auto reply = hub.keys().changes({{}, from, {}, 0}, *filter);
        REQUIRE(reply);
        if (reply->more) REQUIRE(reply->to > from);
        from = reply->to;
        more = reply->more;
    }
    CHECK(pages == 3);
    CHECK(from == Revision{keys});
}

TEST_CASE("revision_before: halves its way to an age, and compaction bounds it", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    for (uint64_t i = 1; i <= 20; ++i) hub.apply(put("a", "v"), 100 * i);
    CHECK(*hub.keys().revision_before(100) == Revision{0});
    CHECK(*hub.keys().revision_before(101) == Revision{1});
    CHECK(*hub.keys().revision_before(1000) == Revision{9});
    CHECK(*hub.keys().revision_before(9999) == Revision{20});
    hub.apply(p::CompactRequest{{9}});
    CHECK(*hub.keys().revision_before(900) == Revision{0});
    CHECK(*hub.keys().revision_before(1001) == Revision{10});
}

TEST_CASE("batch: a rollback forgets, a restart remembers", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "1"), 70);
    const Bytes image = hub.image();
    hub.begin();
    hub.apply(put("b", "2"), 80);
    hub.apply(erase("a"));
    CHECK(hub.keys().revision() == Revision{3});
    hub.rollback();
    CHECK(hub.keys().revision() == Revision{1});
    CHECK(hub.keys().time_ms() == 70);
    CHECK(hub.image() == image);
    hub.restart();
    CHECK(hub.keys().key_count() == 1);
    CHECK(hub.keys().revision() == Revision{1});
    CHECK(hub.apply(put("b", "2")).change->time_ms == 70);
}

TEST_CASE("batch: whichever put a full store refuses, after the rollback nothing of the command is left", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a", "1"));
    const Bytes image = hub.image();
    const int first_refused = GENERATE(1, 2);  // the key itself, the record of the change
    hub.begin();
    hub.store().inject([puts = 0, first_refused](std::string_view slot) mutable {
        return slot == "put" && ++puts >= first_refused ? Status(Error{Code::no_space, "full"}) : Status();
    });
    CHECK(hub.keys().apply({"ada", {}, put("b", "2")}, 80).error().code == Code::no_space);
    hub.store().inject({});
    hub.rollback();
    CHECK(hub.image() == image);
    // A command that changes nothing is no revision, or this member would count and fold what others do not.
    const uint64_t digest = hub.keys().history_digest();
    CHECK_FALSE(hub.apply(erase("nothing")).change);
    CHECK(hub.keys().revision() == Revision{1});
    CHECK(hub.keys().history_digest() == digest);
}

TEST_CASE("load: a newer format is refused by name", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    Bytes meta = encode_meta({});
    meta[0] = meta_format + 1;
    hub.begin();
    REQUIRE(hub.store().put(table_meta, meta_key, meta));
    REQUIRE(hub.store().commit(Index{9}));
    CHECK(hub.keys().load().error().code == Code::incompatible);
}

TEST_CASE("labels are kept with their change set, and the state says that it has some", "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    const auto format = [&] { return decode_meta(*hub.store().get(table_meta, meta_key))->format; };
    const auto marked = [&](auto op) {
        hub.begin();
        auto applied = hub.keys().apply({"ada", {}, std::move(op), {}, {"canary", "n=1"}}, 0);
        REQUIRE(applied);
        hub.commit();
        return *std::move(applied);
    };
    hub.apply(put("a", "1"));
    CHECK_FALSE(marked(erase("nothing")).change);
    CHECK(format() == meta_format_least);  // no record has them
    const Applied applied = marked(put("a", "2"));
    REQUIRE(applied.change);
    CHECK(applied.change->labels == Labels{"canary", "n=1"});
    CHECK(format() == meta_format_labels);
    marked(erase("a"));
    auto typed = put("a", "{}");
    typed.content_type = "json";
    hub.apply(typed);
    CHECK(format() == meta_format_labels);  // it does not go back
    hub.restart();
    const auto history = hub.keys().history({"a", 0, {}});
    REQUIRE(history);
    REQUIRE(history->versions.size() == 4);
    CHECK(history->versions[0].labels.empty());
    for (const size_t version : {1u, 2u}) CHECK(history->versions[version].labels == Labels{"canary", "n=1"});
    CHECK(history->versions[3].labels.empty());
    const auto changes = hub.keys().changes({{}, {1}, {3}, 0}, *prefix(""));
    REQUIRE(changes);
    REQUIRE(changes->changes.size() == 2);
    CHECK(changes->changes[0] == *applied.change);
    CHECK(changes->changes[1].labels == Labels{"canary", "n=1"});
}

TEST_CASE("changes by author: their own change sets, puts and deletes as they are; no state, and what is lost is said",
          "[model]") {
    Hub hub(GENERATE(from_range(stores())));
    hub.apply(put("a/1", "1"));
    hub.apply(put("a/2", "2"), 0, {}, {}, "bob");
    p::TxnRequest both;
    both.then_ops = {{put("a/3", "3")}, {put("b", "3")}, {erase("a/2")}};
    hub.apply(both);
    hub.apply(put("b", "4"));
    hub.apply(erase("a/1"), 0, {}, {}, "bob");
    const auto filter = by_ada("a/");
    const auto all = hub.keys().changes({{}, {0}, {}, 0}, *filter);
    REQUIRE(all);
    REQUIRE(all->changes.size() == 2);
    CHECK(all->changes[0].revision == Revision{1});
    REQUIRE(all->changes[1].events.size() == 2);
    for (const Event& event : all->changes[1].events) {
        const bool erased = event.kv.key == "a/2";
        CHECK(event.type == (erased ? EventType::erase : EventType::put));
    }
    CHECK(all->from == Revision{0});
    CHECK(all->to == Revision{5});
    CHECK(hub.keys().snapshot({}, *filter).error().code == Code::unsupported);
    CHECK(hub.keys().digest({}, *filter).error().code == Code::unsupported);

    hub.apply(p::CompactRequest{{2}});
    const auto overtaken = hub.keys().changes({{}, {0}, {}, 0}, *filter);
    REQUIRE(overtaken);
    CHECK(overtaken->from == Revision{2});
    CHECK(overtaken->changes.size() == 1);
    const auto nothing_left = hub.keys().changes({{}, {0}, {1}, 0}, *filter);
    REQUIRE(nothing_left);
    CHECK(nothing_left->from == Revision{1});
    CHECK(nothing_left->to == Revision{1});
}
