// How much reads of old revisions, and the ranges and compares of a transaction, look at and answer.
#include "hub/base/limits.hpp"
#include "tests/unit/hub/model/fixture.hpp"

using namespace belfry;
using namespace belfry::hub::model;
using namespace belfry::hub::model::test;

TEST_CASE("old reads: what was not there then counts too", "[model]") {
    Hub hub("storage_memory");
    hub.apply(put("a", "1"));
    hub.apply(put("c", "2"));
    const Bytes tombstone = encode_deleted(Revision{1});
    constexpr size_t dead = hub::limits::scan_keys_max + 100'000;
    hub.begin();
    for (size_t i = 0; i < dead; ++i) {
        REQUIRE(hub.store().put(table_deleted, "b" + std::to_string(10'000'000 + i), tombstone));
    }
    hub.apply(put("d", "3"));
    hub.commit();
    const auto in_b = [](KeyRange range, bool count_only, p::SortTarget target = p::SortTarget::key) {
        p::RangeRequest request = all(2);
        request.range = std::move(range);
        request.count_only = count_only;
        request.sort_target = target;
        return request;
    };
    const auto range = hub.keys().range(in_b(KeyRange::all(), false));
    REQUIRE(range);
    CHECK((range->kvs.size() == 1 && range->kvs[0].key == "a" && range->more));
    const auto counted = hub.keys().range(in_b(KeyRange::all(), true));
    CHECK((counted && counted->count == 1 && counted->more));
    CHECK(hub.keys().range(in_b(KeyRange::prefix("b"), false)).error().code == Code::too_large);
    CHECK(hub.keys().range(in_b(KeyRange::all(), false, p::SortTarget::mod)).error().code == Code::too_large);
    CHECK(hub.keys().digest({{}, {2}}, *prefix("")).error().code == Code::too_large);
    const auto first = hub.keys().snapshot({{}, {2}, "", 0}, *prefix(""));
    REQUIRE(first);
    CHECK((first->more && first->kvs.size() == 1 && first->after_key > "b109" && first->after_key < "b111"));
    const auto second = hub.keys().snapshot({{}, {2}, first->after_key, 0}, *prefix(""));
    CHECK((second && !second->more && second->kvs.size() == 1 && second->kvs[0].key == "c"));
    // In a transaction the count is what it always was, and whoever proposes it asks before.
    p::TxnRequest txn;
    txn.then_ops = {{in_b(KeyRange::all(), true)}, {get("a", 2)}};
    const Applied applied = hub.apply(txn);
    const auto& replies = reply_of<p::TxnReply>(applied).replies;
    CHECK((std::get<p::RangeReply>(replies[0].reply).count == 2 && !std::get<p::RangeReply>(replies[0].reply).more));
    CHECK_FALSE(hub.keys().check_reach({{}, {{in_b(KeyRange::all(), true)}, {all()}}, {}}, hub::limits::scan_keys_max));
}

TEST_CASE("old reads: keys that one delete took do not cost a search of all of it each", "[model]") {
    Hub hub("storage_memory");
    constexpr int keys = 20'000;  // times as many events would be far above what is looked at
    hub.begin();
    for (int i = 0; i < keys; ++i) hub.apply(put("k" + std::to_string(100'000 + i), ""));
    hub.apply(erase("k", "l"));
    hub.apply(put("k1", ""));
    hub.commit();
    const auto digest = hub.keys().digest({{}, {keys}}, *prefix(""));
    REQUIRE(digest);
    CHECK(digest->count == keys);
    CHECK(hub.value("k119999", keys) == "");
}

TEST_CASE("old reads: the way back of one key is bounded too", "[model]") {
    Hub hub("storage_memory");
    constexpr uint64_t changes = hub::limits::scan_keys_max + 10;
    hub.begin();
    hub.apply(put("a", "1"));
    for (uint64_t i = 0; i < changes; ++i) hub.apply(put("k", ""));
    hub.commit();
    CHECK(hub.value("k", changes - 100) == "");
    p::RangeRequest oldest = all(2);
    oldest.range = KeyRange::one("k");
    CHECK(hub.keys().range(oldest).error().code == Code::too_large);
    // Behind another key it ends the page; as the first of one it is walked back to the end.
    const auto first = hub.keys().snapshot({{}, {2}, "", 0}, *prefix(""));
    REQUIRE(first);
    CHECK((first->more && first->kvs.size() == 1 && first->after_key == "a"));
    const auto second = hub.keys().snapshot({{}, {2}, first->after_key, 0}, *prefix(""));
    CHECK((second && !second->more && second->kvs.size() == 1));
    p::HistoryRequest past;
    past.key = "k";
    past.limit = 1;
    past.before = {3};  // at which it changed: the way begins there
    const auto at_once = hub.keys().history(past);
    CHECK((at_once && at_once->versions.size() == 1 && at_once->versions[0].kv.mod_revision == Revision{2}));
    past.before = {1};  // at which it did not
    CHECK(hub.keys().history(past).error().code == Code::too_large);
}

TEST_CASE("txn: all ranges of one answer hold 64 MiB together, and change and keep the same for it", "[model]") {
    Hub hub("storage_memory");
    for (int i = 0; i < 24; ++i) hub.apply(put("k" + std::to_string(100 + i), Bytes(belfry::limits::value_bytes_max, 'v')));
    p::RangeRequest sorted = all();
    sorted.sort_target = p::SortTarget::mod;
    sorted.sort_order = p::SortOrder::descending;
    p::TxnRequest nested;
    nested.then_ops = {{all()}, {sorted}};
    p::TxnRequest txn;
    txn.then_ops = {{all()}, {sorted}, {nested}, {put("z", "1")}, {get("z")}};
    const p::Ticket ticket{7, 1, 0};
    const Applied applied = hub.apply(txn, 0, {}, ticket);
    const auto& replies = reply_of<p::TxnReply>(applied).replies;
    const auto range = [](const p::TxnOpReply& reply) { return std::get<p::RangeReply>(reply.reply); };
    const auto& inner = std::get<p::TxnReply>(replies[2].reply).replies;
    CHECK((range(replies[0]).kvs.size() == 24 && !range(replies[0]).more));
    CHECK((range(replies[1]).kvs.size() == 24 && !range(replies[1]).more));
    CHECK(range(replies[1]).kvs[0].key == "k123");
    CHECK((range(inner[0]).kvs.size() == 15 && range(inner[0]).more && range(inner[0]).count == 24));
    CHECK((range(inner[1]).kvs.empty() && range(inner[1]).more && range(inner[1]).count == 24));
    CHECK(range(replies[4]).kvs.size() == 1);  // small enough for what was left
    CHECK(applied.revision == Revision{25});
    CHECK(hub.apply(txn, 0, {}, ticket).reply.error().code == Code::conflict);  // not kept, as ever
    // Whether there is too much to sort is decided as if the range were alone.
    for (int i = 0; i < 44; ++i) hub.apply(put("l" + std::to_string(100 + i), Bytes(belfry::limits::value_bytes_max, 'v')));
    txn.then_ops = {{all()}, {sorted}};
    CHECK(refusal_code(hub.apply(txn)) == Code::too_large);
    sorted.limit = 10;
    txn.then_ops = {{all()}, {sorted}};
    const Applied limited = hub.apply(txn);
    CHECK(range(reply_of<p::TxnReply>(limited).replies[1]).kvs.empty());
    CHECK(range(reply_of<p::TxnReply>(limited).replies[1]).count == 69);
}

TEST_CASE("txn: how many keys it would look at is known before it runs", "[model]") {
    Hub hub("storage_memory");
    for (int i = 0; i < 10; ++i) hub.apply(put("k" + std::to_string(i), "v"));
    const auto reaches = [&](const p::TxnRequest& txn, size_t keys) {
        const auto code = [&](size_t bound) {
            const auto status = hub.keys().check_reach(txn, bound);
            return status ? Code::ok : status.error().code;
        };
        return code(keys) == Code::ok && (keys == 0 || code(keys - 1) == Code::too_large);
    };
    const p::Compare all_there{KeyRange::all(), p::Compare::Target::version, p::Compare::Op::greater, 0, {}};
    const p::Compare none_there{KeyRange::all(), p::Compare::Target::version, p::Compare::Op::equal, 0, {}};
    p::RangeRequest counted = all(), sorted = all(), old = all(5);
    counted.count_only = true;
    sorted.sort_target = p::SortTarget::value;
    p::TxnRequest txn;
    txn.compares = {all_there, all_there};
    CHECK(reaches(txn, 20));
    txn.compares = {none_there, none_there};  // each ends at the first key
    CHECK(reaches(txn, 2));
    p::Compare absent = all_there;
    absent.range = KeyRange::one("absent");
    txn.compares = {absent, absent};  // one key is one, there or not
    CHECK(reaches(txn, 2));
    txn.compares = {};
    txn.then_ops = {{all()}, {counted}, {get("k1")}, {put("x", "")}};  // all keys are counted already
    CHECK(reaches(txn, 11));
    p::TxnRequest outer;
    outer.then_ops = {{txn}};
    outer.else_ops = {{txn}, {old}, {all(99)}};
    CHECK(reaches(outer, 11 + 11 + 10 + 5));  // the old one goes back over five changes
    txn.then_ops = {{all()}};
    CHECK(hub.keys().check_reach(txn, 3));  // alone a range stops there
    hub.apply(put("k9", Bytes(6700, 'v')));
    txn.then_ops = {{sorted}, {get("k0")}};
    CHECK(reaches(txn, 111));
}
