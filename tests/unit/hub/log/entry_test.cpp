#include "hub/log/entry.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>

#include "hub/base/binary.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/policy.hpp"

using namespace belfry;
using namespace belfry::hub;
using namespace belfry::hub::log;

namespace {

protocol::TxnRequest rich_txn() {
    protocol::RangeRequest range;
    range.range = KeyRange::prefix("x/");
    range.limit = 5;
    range.at = {300};
    range.min_revision = {7};
    range.sort_target = protocol::SortTarget::value;
    range.sort_order = protocol::SortOrder::descending;
    range.keys_only = true;
    range.local = true;
    protocol::TxnRequest inner;
    inner.else_ops = {{protocol::DeleteRequest{KeyRange::all(), true}}};
    protocol::TxnRequest txn;
    txn.compares = {{KeyRange::one("k"), protocol::Compare::Target::value, protocol::Compare::Op::not_equal, 9, "v"}};
    txn.then_ops = {{range}, {protocol::PutRequest{"k", Bytes("\0\xff", 2), {1ull << 63}, true}}, {inner}};
    return txn;
}

Bytes rich_entry() {
    EntryBuilder builder;
    builder.add({"ada", "why", protocol::PutRequest{"key", "value", {3}, false}});
    builder.add({"", "", protocol::DeleteRequest{{"a", "b"}, false}});
    builder.add({"bob", "", rich_txn()});
    builder.add({"", "old", protocol::CompactRequest{{77}}, {1ull << 60, 5000, 904}});
    builder.add({"eve", "", protocol::DeleteRequest{{"c", ""}, true}, {}, {"canary", "rollout=42"}});
    CHECK(builder.command_count() == 5);
    const size_t size = builder.size();
    Bytes entry = builder.take(1234567);
    CHECK(entry.size() == size);
    CHECK(builder.command_count() == 0);
    CHECK(builder.size() == 0);
    return entry;
}

Bytes encode_again(const CommandEntry& entry) {
    EntryBuilder builder;
    for (const Command& command : entry.commands) builder.add(command);
    return builder.take(entry.time_ms);
}

}  // namespace

TEST_CASE("entry: every kind of command comes back", "[log]") {
    const Bytes octets = rich_entry();
    const auto entry = decode_entry(octets);
    REQUIRE(entry);
    CHECK(entry->time_ms == 1234567);
    REQUIRE(entry->commands.size() == 5);
    CHECK(entry->commands[0].comment == "why");
    const auto& put = std::get<protocol::PutRequest>(entry->commands[0].op);
    CHECK(put.value == "value");
    CHECK(put.lease == LeaseId{3});
    const auto& txn = std::get<protocol::TxnRequest>(entry->commands[2].op);
    const auto& range = std::get<protocol::RangeRequest>(txn.then_ops[0].op);
    CHECK(range.at == Revision{300});
    CHECK(range.min_revision == Revision{7});
    CHECK(range.sort_order == protocol::SortOrder::descending);
    CHECK((range.keys_only && range.local && !range.count_only));
    CHECK(std::get<protocol::PutRequest>(txn.then_ops[1].op).lease.value == 1ull << 63);
    CHECK(entry->commands[0].ticket == protocol::Ticket());
    CHECK(entry->commands[3].ticket == protocol::Ticket{1ull << 60, 5000, 904});
    CHECK(entry->commands[3].labels.empty());
    CHECK(entry->commands[4].labels == Labels{"canary", "rollout=42"});
    CHECK(encode_again(*entry) == octets);
    CHECK(decode_entry(EntryBuilder().take(5))->commands.empty());
}

TEST_CASE("entry: the octets of format 1 stay as they are", "[log]") {
    EntryBuilder builder;
    Command command{"me", "", protocol::PutRequest{"k", "v", {200}, true}};
    command.names_any_lease = true;  // as it comes back
    builder.add(command);
    const Bytes expected("\x01\x02\0\0\0\0\0\0\0\x01\0\0\0\x01\x02me\0\x01k\x01v\xc8\x01\x01", 25);
    CHECK(builder.take(2) == expected);
}

TEST_CASE("entry: a claim or a sequential put is of format 8, whose octets stay as they are", "[log]") {
    EntryBuilder builder;
    protocol::TxnRequest txn;
    txn.else_ops = {{protocol::ClaimRequest{"i/", "c/", {7}, 300, 4}}};
    builder.add({"me", "", txn});
    builder.add({"me", "", protocol::PutRequest{"i/", "v", {}, false, {}, true}});
    const Bytes expected(
        "\x08\x02\0\0\0\0\0\0\0\x02\0\0\0"
        "\x03\x02me\0\0\0\x01\x0a\x02i/\x02"
        "c/\x07\xac\x02\x04"
        "\x01\x02me\0\x02i/\x01v\0\x04",
        44);
    const Bytes octets = builder.take(2);
    CHECK(octets == expected);
    const auto entry = decode_entry(octets);
    REQUIRE(entry);
    const auto& read = std::get<protocol::TxnRequest>(entry->commands[0].op);
    const auto& claim = std::get<protocol::ClaimRequest>(read.else_ops[0].op);
    CHECK((claim.items == "i/" && claim.claims == "c/" && claim.lease == LeaseId{7}));
    CHECK((claim.claimant == 300 && claim.limit == 4));
    CHECK(std::get<protocol::PutRequest>(entry->commands[1].op).sequential);
    CHECK(encode_again(*entry) == octets);
    Bytes older = octets;
    older[0] = 7;
    CHECK(decode_entry(older).error().code == Code::corrupt);
}

TEST_CASE("entry: with a ticket it is of format 2, whose octets stay as they are", "[log]") {
    EntryBuilder builder;
    builder.add({"me", "", protocol::CompactRequest{{1}}});
    builder.add({"me", "", protocol::PutRequest{"k", "v", {}, false}, {7, 300, 299}});
    Bytes octets(
        "\x02\x02\0\0\0\0\0\0\0\x02\0\0\0\x04\x02me\0\x01"
        "\x81\x07\0\0\0\0\0\0\0\xac\x02\x01\x02me\0\x01k\x01v\0\0",
        41);
    CHECK(builder.take(2) == octets);
    octets[0] = 1;
    CHECK(decode_entry(octets).error().code == Code::corrupt);
    builder.add({"me", "", protocol::CompactRequest{{1}}});
    Bytes without = builder.take(2);
    CHECK(without[0] == 1);  // the builder has forgotten the tickets of the entry before
    without[0] = 2;
    CHECK(decode_entry(without).error().code == Code::corrupt);
}

TEST_CASE("entry: changes of the hub's records come back as they were, in format 3", "[log]") {
    EntryBuilder builder;
    builder.add({"ann", "why", protocol::RecordChangeRequest{"policy/a", false, Bytes("\0x", 2), 7}, {9, 2, 1}});
    builder.add({"ann", "", protocol::RecordChangeRequest{"policy/b", true, {}, {}}});
    builder.add({"ann", "", protocol::CompactRequest{{1}}});
    const Bytes octets = builder.take(5);
    CHECK(octets[0] == 3);
    const auto entry = decode_entry(octets);
    REQUIRE(entry.ok());
    const auto& first = std::get<protocol::RecordChangeRequest>(entry->commands[0].op);
    CHECK(first.name == "policy/a");
    CHECK(first.content == Bytes("\0x", 2));
    CHECK(first.expected == 7);
    CHECK(entry->commands[0].ticket == protocol::Ticket{9, 2, 1});
    CHECK(std::get<protocol::RecordChangeRequest>(entry->commands[1].op).remove);
    builder.add({"ann", "", protocol::CompactRequest{{1}}});
    CHECK(builder.take(5)[0] == 1);  // what needs no record is readable by those before
    // Who does not keep quotas must not apply one.
    const protocol::PolicyRule rule{"quota", "keys_max = 1\n"};
    builder.add({"ann", "", protocol::RecordChangeRequest{"policy/a", false, protocol::encode_policy({"a", {rule}}), {}}});
    Bytes quota = builder.take(5);
    CHECK(quota[0] == 5);
    CHECK(decode_entry(quota).ok());
    quota[0] = 3;
    CHECK(decode_entry(quota).error().code == Code::corrupt);
}

TEST_CASE("entry: a value with a content type is of format 4, also within a transaction", "[log]") {
    EntryBuilder builder;
    builder.add({"me", "", protocol::PutRequest{"k", "v", {}, true, "json"}});
    Bytes octets = builder.take(2);
    CHECK(octets == Bytes("\x04\x02\0\0\0\0\0\0\0\x01\0\0\0\x01\x02me\0\x01k\x01v\0\x03\x04json", 29));
    CHECK(std::get<protocol::PutRequest>(decode_entry(octets)->commands[0].op).content_type == "json");
    octets[0] = 3;
    CHECK(decode_entry(octets).error().code == Code::corrupt);
    protocol::TxnRequest inner;
    inner.else_ops.push_back({protocol::PutRequest{"k", "v", {}, false, "toml"}});
    protocol::TxnRequest txn;
    txn.then_ops.push_back({inner});
    builder.add({"me", "", txn, {7, 300, 299}});
    octets = builder.take(2);
    CHECK(octets[0] == 4);
    CHECK(encode_again(*decode_entry(octets)) == octets);
    builder.add({"me", "", protocol::PutRequest{"k", "v", {}, true}});
    CHECK(builder.take(2)[0] == 1);
}

TEST_CASE("entry: with labels it is of format 6, whose octets stay as they are", "[log]") {
    EntryBuilder builder;
    builder.add({"me", "", protocol::PutRequest{"k", "v", {}, false}, {7, 300, 299}, {"a", "b=1"}});
    Bytes octets = builder.take(2);
    CHECK(octets == Bytes("\x06\x02\0\0\0\0\0\0\0\x01\0\0\0\xc1\x07\0\0\0\0\0\0\0\xac\x02\x01\x02me\0\x02\x01"
                          "a\x03"
                          "b=1\x01k\x01v\0\0",
                          42));
    CHECK(decode_entry(octets)->commands[0].labels == Labels{"a", "b=1"});
    CHECK(decode_entry(octets)->commands[0].ticket == protocol::Ticket{7, 300, 299});
    octets[0] = 5;
    CHECK(decode_entry(octets).error().code == Code::corrupt);
    // None, or too many, are no second spelling.
    CHECK(decode_entry(Bytes("\x06\x02\0\0\0\0\0\0\0\x01\0\0\0\x44\x02me\0\0\x01", 20)).error().code == Code::corrupt);
    builder.add({"me", "", protocol::DeleteRequest{{"a", "b"}, false}, {}, Labels(belfry::limits::labels_max, "l")});
    CHECK(encode_again(*decode_entry(builder.take(2))).size() > 2 * belfry::limits::labels_max);
    builder.add({"me", "", protocol::DeleteRequest{{"a", "b"}, false}, {}, Labels(belfry::limits::labels_max + 1, "l")});
    CHECK(decode_entry(builder.take(2)).error().code == Code::corrupt);
    builder.add({"me", "", protocol::PutRequest{"k", "v", {}, true}});
    CHECK(builder.take(2)[0] == 1);
}

TEST_CASE("entry: what is about leases is of format 7; before it a put names any", "[log]") {
    EntryBuilder builder;
    builder.add({"me", "", protocol::LeaseGrantRequest{{7}, 300}, {9, 2, 1}});
    builder.add({"me", "", LeaseRevoke{{7}, 300}});
    builder.add({"belfry", "", LeaseExpiry{{{{7}, 1}, {{~0ull}, 300}}}});
    builder.add({"me", "", protocol::PutRequest{"k", "v", {7}, false}});
    Bytes octets = builder.take(2);
    CHECK(octets[0] == 7);
    const auto entry = decode_entry(octets);
    REQUIRE(entry.ok());
    CHECK(std::get<protocol::LeaseGrantRequest>(entry->commands[0].op).ttl_s == 300);
    CHECK(std::get<LeaseRevoke>(entry->commands[1].op).lease == LeaseId{7});
    CHECK(std::get<LeaseRevoke>(entry->commands[1].op).number == 300);
    const auto& expiry = std::get<LeaseExpiry>(entry->commands[2].op);
    REQUIRE(expiry.leases.size() == 2);
    CHECK((expiry.leases[1].lease == LeaseId{~0ull} && expiry.leases[1].number == 300));
    CHECK_FALSE(entry->commands[3].names_any_lease);
    CHECK(encode_again(*entry) == octets);
    octets[0] = 6;
    CHECK(decode_entry(octets).error().code == Code::corrupt);

    builder.add({"me", "", protocol::PutRequest{"k", "v", {7}, false}});
    octets = builder.take(2);
    CHECK(octets[0] == 7);
    octets[0] = 1;  // as an older release wrote it
    REQUIRE(decode_entry(octets).ok());
    CHECK(decode_entry(octets)->commands[0].names_any_lease);
    protocol::TxnRequest txn;
    txn.else_ops = {{protocol::PutRequest{"k", "v", {7}, false}}};
    builder.add({"me", "", txn});
    CHECK(builder.take(2)[0] == 7);
}

TEST_CASE("entry: a newer format is told from damage", "[log]") {
    Bytes octets = rich_entry();
    octets[0] = entry_format + 1;
    CHECK(decode_entry(octets).error().code == Code::incompatible);
    octets[0] = 0;
    CHECK(decode_entry(octets).error().code == Code::corrupt);
    CHECK(decode_entry("").error().detail.find("octet 0") != Bytes::npos);
}

TEST_CASE("entry: cut or lengthened anywhere it is refused", "[log]") {
    const Bytes octets = rich_entry();
    for (size_t size = 0; size < octets.size(); ++size) CHECK_FALSE(decode_entry(BytesView(octets).substr(0, size)));
    CHECK_FALSE(decode_entry(octets + '\0'));
}

TEST_CASE("entry: 20,000 damaged entries either fail or spell themselves again", "[log]") {
    const Bytes octets = rich_entry();
    std::mt19937 random(1);
    for (int i = 0; i < 20000; ++i) {
        Bytes damaged = octets;
        for (unsigned hits = 1 + random() % 3; hits > 0; --hits)
            damaged[random() % damaged.size()] = static_cast<char>(random());
        const auto entry = decode_entry(damaged);
        if (entry && encode_again(*entry) != damaged) FAIL("another spelling at round " << i);
    }
}

TEST_CASE("entry: nesting that would eat the stack is refused", "[log]") {
    protocol::TxnRequest txn;
    for (int depth = 0; depth < 1000; ++depth) {
        protocol::TxnRequest outer;
        outer.then_ops.push_back({std::move(txn)});
        txn = std::move(outer);
    }
    EntryBuilder builder;
    builder.add({"", "", std::move(txn)});
    CHECK(decode_entry(builder.take(1)).error().code == Code::corrupt);
}

TEST_CASE("varint: one spelling per number, up to 64 bits", "[base]") {
    for (const uint64_t number : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{1} << 63, UINT64_MAX}) {
        Bytes octets;
        Writer(octets).varint(number);
        Reader in(octets);
        CHECK(in.varint() == number);
        CHECK((in.ok() && in.at_end()));
    }
    for (const Bytes& wrong :
         {Bytes(), Bytes("\x80", 1), Bytes("\x80\0", 2), Bytes(9, '\xff') + '\x02', Bytes(11, '\x81')}) {
        Reader in(wrong);
        in.varint();
        CHECK_FALSE(in.ok());
    }
}
