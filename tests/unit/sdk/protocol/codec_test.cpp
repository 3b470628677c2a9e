#include "sdk/protocol/codec.hpp"

#include <catch2/catch_test_macros.hpp>

#include "sdk/base/labels.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/claim.hpp"

namespace belfry::protocol {
namespace {

Request request(uint64_t id, RequestOp op) { return {id, "ann", "why", std::move(op)}; }

TxnRequest nested(size_t depth) {
    TxnRequest txn;
    txn.then_ops.push_back({PutRequest{"k" + std::to_string(depth), "v", {}, false}});
    if (depth > 1) txn.else_ops.push_back({nested(depth - 1)});
    return txn;
}

std::vector<Request> one_of_each() {
    RangeRequest range{KeyRange::prefix("a/"), 7, {3}, {4}, SortTarget::value, SortOrder::descending, true, true, true};
    TxnRequest txn = nested(limits::txn_depth_max);
    txn.compares.push_back({KeyRange::one("a"), Compare::Target::value, Compare::Op::not_equal, 0, "x"});
    txn.then_ops.push_back({range});
    txn.then_ops.push_back({DeleteRequest{KeyRange::all(), true}});
    txn.else_ops.push_back({ClaimRequest{"i/", "c/", {9}, UINT64_MAX, 7}});
    txn.else_ops.push_back({PutRequest{"i/", "v", {}, false, "json", true}});
    const FilterSpec filter{"glob", "a/*"};
    return {request(1, range),
            {2, "ann", "why", PutRequest{"a", Bytes("\0\xff", 2), {9}, true}, {UINT64_MAX, 5000, 904}},
            request(3, DeleteRequest{KeyRange::one("a"), true}),
            request(4, txn),
            request(5, CompactRequest{{8}}),
            request(6, HistoryRequest{"a", 2, {5}}),
            request(7, ChangesRequest{filter, {1}, {2}, 3}),
            request(8, SnapshotRequest{filter, {1}, "a", 3}),
            request(9, ChannelRequest{filter}),
            request(10, DigestRequest{filter, {UINT64_MAX}}),
            request(UINT64_MAX, StatusRequest{}),
            request(12, MembersRequest{}),
            request(13, MemberChangeRequest{MemberChangeRequest::Kind::add, 4, "tcp://h:1 KEY"}),
            request(14, LeaderTransferRequest{2}),
            request(15, BackupRequest{4, UINT64_MAX, 5}),
            request(16, PluginsRequest{}),
            request(17, RecordChangeRequest{"policy/a", false, Bytes("\0\xff", 2), 7}),
            request(18, RecordsRequest{"policy/", "policy/a"}),
            request(19, AuthenticateRequest{"ann", Bytes("\0\xff", 2), 1000}),
            request(20, LeaseGrantRequest{{7}, 30}),
            request(21, LeaseRevokeRequest{{7}}),
            request(22, LeaseKeepAliveRequest{{{7}, {UINT64_MAX}}}),
            request(23, LeaseTimeToLiveRequest{{7}, true, "a"}),
            request(24, LeasesRequest{{7}})};
}

std::vector<Reply> reply_of_each() {
    const KeyValue kv{"a", "v", {1}, {2}, 3, {4}};
    TxnReply txn{true, {}};
    txn.replies.push_back({PutReply{kv}});
    txn.replies.push_back({PutReply{{}, "a/00000000000000000042-0000"}});
    txn.replies.push_back({ClaimReply{{{kv, 3}, {kv, 1}}, true, 7}});
    txn.replies.push_back({TxnReply{false, {{DeleteReply{1, {kv}}}, {RangeReply{{kv}, 9, true}}}}});
    const ChangeSet change{{5}, 6, "ann", "why", {{EventType::put, kv}, {EventType::erase, {"b", "", {}, {5}, 0, {}}}}};
    return {{1, {2}, {}, RangeReply{{kv, kv}, 2, true}},
            {2, {2}, {}, PutReply{}},
            {3, {2}, {}, DeleteReply{1, {kv}}},
            {4, {2}, {}, txn},
            {5, {2}, {}, CompactReply{}},
            {6, {2}, {}, HistoryReply{{{EventType::erase, kv, 7, "ann", "why"}}, true, true}},
            {7, {2}, {}, ChangesReply{{4}, {5}, {change}, true}},
            {8, {2}, {}, SnapshotReply{{4}, {kv}, true, "b"}},
            {9, {2}, {}, ChannelReply{{UINT64_MAX}, {5}, 6, 7, true, true}},
            {10, {2}, {}, DigestReply{{4}, 5, 6}},
            {11, {2}, {}, StatusReply{{{"revision", uint64_t{300}}, {"name", std::string("hub")}}}},
            {12, {2}, {Code::compacted, "gone"}, {}},
            {13, {2}, {}, MembersReply{77, 2, 3, 4, {{1, "tcp://h:1 KEY", true, 4}, {2, "local", false, 0}}}},
            {14, {2}, {}, BackupReply{0, 77, 2, 3, {4}, "storage_lmdb", 6, Bytes("\0\xff", 2)}},
            {15, {2}, {}, PluginsReply{3, {{"filter_glob", "1.0.0", "filter 'glob'", "built in", "", true}, {}}}},
            {16, {2}, {}, RecordChangeReply{8}},
            {17, {2}, {}, RecordsReply{{{"policy/a", Bytes("\0\xff", 2), 3, 1'700'000'000'000, "ann"}}, true}},
            {18, {2}, {}, AuthenticateReply{"t1-00", 300'000, "ann"}},
            {19, {2}, {}, LeaseGrantReply{{7}, 30}},
            {20, {2}, {}, LeaseRevokeReply{3, true}},
            {21, {2}, {}, LeaseKeepAliveReply{{30, 0}}},
            {22, {2}, {}, LeaseTimeToLiveReply{{{7}, 30, 29'999, "ann"}, {"a", Bytes("\0\xff", 2)}, true}},
            {23, {2}, {}, LeasesReply{{{{7}, 30, 29'999, "ann"}, {{8}, 1, 0, ""}}, true}}};
}

std::string hex(BytesView octets) {
    std::string text;
    for (const unsigned char octet : octets) {
        text += "0123456789abcdef"[octet >> 4];
        text += "0123456789abcdef"[octet & 15];
    }
    return text;
}

}  // namespace

TEST_CASE("every kind of request comes back from its octets as it was") {
    const Bytes frame = encode_requests(one_of_each());
    const auto decoded = decode_requests(frame);
    REQUIRE(decoded.ok());
    REQUIRE(decoded->size() == 24);
    CHECK(encode_requests(*decoded) == frame);
    const auto& range = std::get<RangeRequest>((*decoded)[0].op);
    CHECK(range.range == KeyRange::prefix("a/"));
    CHECK(range.sort_target == SortTarget::value);
    CHECK((range.keys_only && range.count_only && range.local));
    CHECK((*decoded)[1].author == "ann");
    CHECK(std::get<PutRequest>((*decoded)[1].op).value == Bytes("\0\xff", 2));
    CHECK((*decoded)[1].ticket == Ticket{UINT64_MAX, 5000, 904});
    CHECK((*decoded)[2].ticket == Ticket());
    CHECK(std::get<TxnRequest>((*decoded)[3].op).compares[0].op == Compare::Op::not_equal);
    const auto& claim = std::get<ClaimRequest>(std::get<TxnRequest>((*decoded)[3].op).else_ops.end()[-2].op);
    CHECK((claim.items == "i/" && claim.claims == "c/" && claim.claimant == UINT64_MAX && claim.limit == 7));
    CHECK(std::get<PutRequest>(std::get<TxnRequest>((*decoded)[3].op).else_ops.back().op).sequential);
    CHECK((*decoded)[10].id == UINT64_MAX);
    CHECK(std::get<RecordChangeRequest>((*decoded)[16].op).expected == 7);
    CHECK_FALSE((*decoded)[16].dry_run);
    CHECK(std::get<LeaseKeepAliveRequest>((*decoded)[21].op).leases.at(1) == LeaseId{UINT64_MAX});
    CHECK(std::get<LeaseTimeToLiveRequest>((*decoded)[22].op).keys);
}

TEST_CASE("a lease lives for a second at least and a month at most, and one is named") {
    const auto valid = [](RequestOp op) { return validate({7, "", "", std::move(op)}).ok(); };
    CHECK(valid(LeaseGrantRequest{{}, 1}));
    CHECK(valid(LeaseGrantRequest{{7}, limits::lease_ttl_s_max}));
    CHECK_FALSE(valid(LeaseGrantRequest{{}, 0}));
    CHECK_FALSE(valid(LeaseGrantRequest{{}, limits::lease_ttl_s_max + 1}));
    CHECK_FALSE(valid(LeaseGrantRequest{{limits::lease_chosen_max + 1}, 1}));
    CHECK_FALSE(valid(LeaseRevokeRequest{}));
    CHECK_FALSE(valid(LeaseKeepAliveRequest{}));
    CHECK_FALSE(valid(LeaseKeepAliveRequest{std::vector<LeaseId>(limits::leases_kept_alive_max + 1, LeaseId{1})}));
    CHECK_FALSE(valid(LeaseTimeToLiveRequest{}));
    CHECK(valid(LeasesRequest{}));
    CHECK(validate({7, "", "", LeaseGrantRequest{{}, 1}, {1, 1, 0}}).ok());  // a write, so it may have a ticket
    CHECK_FALSE(validate({7, "", "", LeaseKeepAliveRequest{{{1}}}, {1, 1, 0}}).ok());
}

TEST_CASE("a claim has bounds, and a sequential key has room for its number") {
    const auto valid = [](TxnOp op) { return validate({7, "", "", TxnRequest{{}, {std::move(op)}, {}}}).ok(); };
    const auto claim = [](Bytes items, Bytes claims, uint64_t lease = 1, uint64_t limit = 1) {
        return TxnOp{ClaimRequest{std::move(items), std::move(claims), {lease}, 0, limit}};
    };
    CHECK(valid(claim("q/item/", "q/held/")));
    CHECK(valid(claim("q/item/", "q/held/", 1, limits::claim_items_max)));
    CHECK_FALSE(valid(claim("q/item/", "q/held/", 1, limits::claim_items_max + 1)));
    CHECK_FALSE(valid(claim("q/item/", "q/held/", 1, 0)));
    CHECK_FALSE(valid(claim("q/item/", "q/held/", 0)));
    CHECK_FALSE(valid(claim("", "q/held/")));
    CHECK_FALSE(valid(claim("q/item/", "")));
    CHECK_FALSE(valid(claim("q/item/", "q/claims/")));  // longer: an item's claim might be too long for a key
    CHECK_FALSE(valid(claim("q/item/", "q/")));
    CHECK_FALSE(valid(claim("q/item/", "q/item/")));
    const auto sequential = [&](size_t size) { return TxnOp{PutRequest{Bytes(size, 'k'), "", {}, false, {}, true}}; };
    CHECK(valid(sequential(limits::key_bytes_max - limits::sequence_bytes)));
    CHECK_FALSE(valid(sequential(limits::key_bytes_max - limits::sequence_bytes + 1)));
    CHECK(validate({7, "", "", TxnRequest{{}, {sequential(3), sequential(3)}, {}}}).ok());
    CHECK(validate({7, "", "", TxnRequest{{}, {claim("q/item/", "q/held/")}, {}}, {1, 1, 0}}).ok());
}

TEST_CASE("the value of a claim is text, and any other is none") {
    const ClaimMark mark{{7}, 9, UINT64_MAX, 2};
    CHECK(encode_claim(mark) == "7 9 18446744073709551615 2");
    CHECK(decode_claim(encode_claim(mark)) == mark);
    for (const char* text : {"", "7", "7 9 1", "7 9 1 2 ", "7 9 1 2 3", " 7 9 1 2", "7  9 1 2", "a 9 1 2", "-7 9 1 2",
                             "7 9 18446744073709551616 2"}) {
        CAPTURE(text);
        CHECK_FALSE(decode_claim(text));
    }
}

TEST_CASE("a dry run comes back as one, and has no ticket") {
    const std::vector<Request> one{{7, "ann", "", RecordChangeRequest{"policy/a", true, {}, {}}, {}, true}};
    const auto decoded = decode_requests(encode_requests(one));
    REQUIRE(decoded.ok());
    REQUIRE(decoded->size() == 1);
    CHECK((*decoded)[0].dry_run);
    CHECK(std::get<RecordChangeRequest>((*decoded)[0].op).remove);
    CHECK(validate((*decoded)[0]).ok());
    CHECK_FALSE(validate({7, "", "", StatusRequest{}, {}, true}).ok());
    CHECK_FALSE(validate({7, "", "", PutRequest{"a", "b", {}, false}, {1, 1, 0}, true}).ok());
}

TEST_CASE("a frame brings the credential of who sent it, and is otherwise as without") {
    const std::vector<Request> one{{7, "ann", "", StatusRequest{}}};
    const Bytes without = encode_requests(one), with = encode_requests(one, "t1-7f");
    CHECK(decode_request_frame(without)->credential.empty());
    CHECK(decode_request_frame(with)->credential == "t1-7f");
    CHECK(decode_request_frame(with)->requests.size() == 1);
    CHECK(decode_requests(with)->size() == 1);  // who does not look for it passes over it
    CHECK(encode_requests(one, "") == without);
    CHECK(hex(with) == "9301dd000000019507c403616e6ec4000b90c40574312d3766");
    const auto too_long = decode_request_frame(encode_requests(one, Bytes(limits::credential_bytes_max + 1, 'x')));
    REQUIRE_FALSE(too_long.ok());
    CHECK(too_long.error().code == Code::too_large);
    for (size_t size = 0; size < with.size(); ++size) CHECK_FALSE(decode_request_frame(with.substr(0, size)).ok());
}

TEST_CASE("authenticate has both, name and password, or neither, and no endless token") {
    const auto valid = [](AuthenticateRequest op) { return validate({7, "", "", std::move(op)}).ok(); };
    CHECK(valid({"ann", "a password", 0}));
    CHECK(valid({}));
    CHECK_FALSE(valid({"ann", "", 0}));
    CHECK_FALSE(valid({"", "a password", 0}));
    CHECK_FALSE(valid({"ann", Bytes(limits::password_bytes_max + 1, 'x'), 0}));
    CHECK_FALSE(valid({"", "", limits::token_valid_ms_max + 1}));
}

TEST_CASE("every kind of reply comes back from its octets as it was") {
    const Bytes frame = encode_replies(reply_of_each());
    const auto decoded = decode_replies(frame);
    REQUIRE(decoded.ok());
    REQUIRE(decoded->size() == 23);
    CHECK(encode_replies(*decoded) == frame);
    CHECK((*decoded)[11].error.code == Code::compacted);
    CHECK((*decoded)[11].error.detail == "gone");
    const auto& changes = std::get<ChangesReply>((*decoded)[6].result);
    CHECK(changes.changes[0].events[1].type == EventType::erase);
    CHECK(changes.changes == std::get<ChangesReply>(reply_of_each()[6].result).changes);
    const auto& plugins = std::get<PluginsReply>((*decoded)[14].result);
    CHECK(plugins.member == 3);
    REQUIRE(plugins.plugins.size() == 2);
    CHECK(plugins.plugins[0].kind == "filter 'glob'");
    CHECK(plugins.plugins[0].used);
    CHECK(std::get<SnapshotReply>((*decoded)[7].result).after_key == "b");
    CHECK(std::get<ChannelReply>((*decoded)[8].result).exact);
    CHECK(std::get<ChannelReply>((*decoded)[8].result).stream);
}

TEST_CASE("a request for changes that does not wait has the octets of older releases, one that waits one argument more") {
    const ChangesRequest plain{{"prefix", "a"}, {1}, {}, 3, 0};
    ChangesRequest waits = plain;
    waits.wait_ms = 1000;
    const std::vector<Request> requests{{7, "", "", plain}, {8, "", "", waits}};
    const Bytes frame = encode_requests(requests);
    CHECK(frame.find(Bytes("\x07\x95\xa6prefix\xc4\x01\x61\x01\x00\x03", 15)) != Bytes::npos);
    CHECK(frame.find(Bytes("\x07\x96\xa6prefix\xc4\x01\x61\x01\x00\x03\xcd\x03\xe8", 18)) != Bytes::npos);
    const auto decoded = decode_requests(frame);
    REQUIRE(decoded.ok());
    CHECK(std::get<ChangesRequest>((*decoded)[0].op).wait_ms == 0);
    CHECK(std::get<ChangesRequest>((*decoded)[1].op).wait_ms == 1000);
    CHECK(validate((*decoded)[1]).ok());
    CHECK_FALSE(validate({7, "", "", ChangesRequest{{"prefix", "a"}, {1}, {2}, 0, 1}}).ok());
    CHECK_FALSE(validate({7, "", "", ChangesRequest{{"prefix", "a"}, {1}, {}, 0, limits::stream_wait_ms_max + 1}}).ok());
}

TEST_CASE("changes encoded once for many say to each what a reply of its own would") {
    const ChangeSet change{{70'000}, 5, "ann", "why", {{EventType::put, {"a", Bytes(300, 'v'), {1}, {70'000}, 2, {}}}}};
    const ChangesReply reply{{5}, {70'001}, {change}, true, 99};
    const SharedChanges shared(Revision{70'002}, reply);
    for (const uint64_t from : {0, 5, 69'999}) {
        ChangesReply own = reply;
        own.from = {from};
        const std::vector<Reply> plain{{1000 + from, {70'002}, {}, own}};
        CHECK(shared.frame(1000 + from, {from}) == encode_replies(plain));
    }
}

TEST_CASE("replies of a hub from before after_key, exact, stream and epochs are understood") {
    const Bytes head("\x92\x01\xdd\0\0\0\x01\x94\x07\x09", 10);
    const auto channel = decode_replies(head + Bytes("\x09\x94\x05\x04\x03\x02", 6));
    REQUIRE(channel.ok());
    CHECK(std::get<ChannelReply>((*channel)[0].result).mark_sequence == 2);
    CHECK_FALSE(std::get<ChannelReply>((*channel)[0].result).exact);
    const auto snapshot = decode_replies(head + Bytes("\x08\x93\x04\x90\xc3", 5));
    REQUIRE(snapshot.ok());
    CHECK(std::get<SnapshotReply>((*snapshot)[0].result).more);
    CHECK(std::get<SnapshotReply>((*snapshot)[0].result).after_key.empty());
    CHECK(std::get<SnapshotReply>((*snapshot)[0].result).epoch == 0);
    const auto changes = decode_replies(head + Bytes("\x07\x94\x04\x05\x90\xc3", 6));
    REQUIRE(changes.ok());
    CHECK(std::get<ChangesReply>((*changes)[0].result).to == Revision{5});
    CHECK(std::get<ChangesReply>((*changes)[0].result).epoch == 0);
}

TEST_CASE("a range reply written key by key says what the same reply in one piece says") {
    const std::vector<KeyValue> kvs{{"a", Bytes(300, '\0'), {1}, {70'000}, 128, {}},
                                    {Bytes(256, 'b'), "", {5}, {1ull << 40}, 1, {9}}};
    for (const size_t count : {0, 1, 2}) {
        const RangeReply reply{{kvs.begin(), kvs.begin() + static_cast<ptrdiff_t>(count)}, 77, true};
        RangeFrame frame(42, {1000});
        frame.expect(count);
        for (const KeyValue& kv : reply.kvs) {
            frame.add({kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease});
        }
        const auto decoded = decode_replies(std::move(frame).take(reply.count, reply.more));
        REQUIRE(decoded.ok());
        REQUIRE(decoded->size() == 1);
        CHECK(encode_replies(*decoded) == encode_replies(std::vector{Reply{42, {1000}, {}, reply}}));
    }
}

TEST_CASE("a content type stands at the end, and only where there is one") {
    const std::vector<Request> put{{7, "", "", PutRequest{"k", "v", {}, true, "json"}}};
    CHECK(hex(encode_requests(put)) ==
          "9201dd000000019507c400c400"
          "0295c4016bc4017600c3"
          "a46a736f6e");
    const KeyValue typed{"k", "v", {1}, {2}, 3, {}, "json"};
    const std::vector<Reply> got{{7, {9}, {}, PutReply{typed}}};
    CHECK(hex(encode_replies(got)) == "9201dd00000001940709029197c4016bc4017601020300a46a736f6e");
    CHECK(std::get<PutReply>((*decode_replies(encode_replies(got)))[0].result).previous == typed);
    const ChangeSet change{{5}, 6, "a", "", {{EventType::put, typed}, {EventType::put, {"l", "v", {1}, {5}, 1, {}}}}};
    CHECK(decode_feed(encode_feed({{1}, 1, 2, {4}, {5}, false, {change}}))->changes == std::vector{change});
    RangeFrame frame(7, {9});
    frame.add({"k", "v", {1}, {2}, 3, {}, "json"});
    CHECK(std::get<RangeReply>((*decode_replies(std::move(frame).take(1, false)))[0].result).kvs == std::vector{typed});
    CHECK(validate({1, "", "", PutRequest{"k", "v", {}, false, Bytes(64, 'x')}, {}}));
    CHECK(validate({1, "", "", PutRequest{"k", "v", {}, false, Bytes(65, 'x')}, {}}).error().code == Code::too_large);
    for (const char* wrong : {" json", "json ", "a\nb", "\xc3\xa4"}) {
        CHECK(validate({1, "", "", PutRequest{"k", "v", {}, false, wrong}, {}}).error().code == Code::invalid_argument);
    }
}

TEST_CASE("labels stand at the end, and only where there are some") {
    const PutRequest put{"k", "v", {}, false};
    const std::vector<Request> one{{1, "", "", put, {}, false, {"a", "b=1"}},
                                   {2, "", "", put, {7, 2, 1}, false, {"a"}},
                                   {3, "", "", put, {}, true, {"a"}},
                                   {4, "", "", put}};
    const Bytes frame = encode_requests(one);
    CHECK(hex(encode_requests(std::span(one).first(1))) ==
          "9201dd000000019701c400c4000294c4016bc4017600c2c292c40161c403623d31");
    const auto decoded = decode_requests(frame);
    REQUIRE(decoded.ok());
    CHECK((*decoded)[0].labels == Labels{"a", "b=1"});
    CHECK_FALSE((*decoded)[0].dry_run);
    CHECK((*decoded)[1].ticket == Ticket{7, 2, 1});
    CHECK((*decoded)[1].labels == Labels{"a"});
    CHECK((*decoded)[2].dry_run);
    CHECK((*decoded)[3].labels.empty());
    CHECK(encode_requests(*decoded) == frame);
    for (const Request& request : *decoded) CHECK(validate(request).ok());
    CHECK_FALSE(decode_requests(encode_requests(std::vector<Request>{{1, "", "", put, {}, false, Labels(17, "a")}})).ok());
    Bytes none = encode_requests(std::span(one).last(1));
    none.replace(7, 1, "\x97");
    none += Bytes("\xc2\x90", 2);
    CHECK_FALSE(decode_requests(none).ok());  // none would be a second spelling

    ChangeSet change{{5}, 6, "a", "c", {{EventType::erase, {"b", "", {}, {5}, 0, {}}}}};
    Bytes plain, marked;
    append_change_set(change, plain);
    change.labels = {"a", "b=1"};
    append_change_set(change, marked);
    CHECK(plain[0] == '\x95');
    CHECK(hex(marked) == "96" + hex(plain.substr(1)) + "92c40161c403623d31");
    const auto feed = decode_feed(encode_feed({{77}, 1, 2, {4}, {5}, false, {change}}));
    REQUIRE(feed.ok());
    CHECK(feed->changes == std::vector{change});
    const std::vector<Reply> replies{
        {1, {2}, {}, HistoryReply{{{EventType::erase, {}, 7, "ann", "why", {"a"}}, {}}, false, false}}};
    const auto history = decode_replies(encode_replies(replies));
    REQUIRE(history.ok());
    const auto& versions = std::get<HistoryReply>((*history)[0].result).versions;
    REQUIRE(versions.size() == 2);
    CHECK(versions[0].labels == Labels{"a"});
    CHECK(versions[1].labels.empty());
}

TEST_CASE("labels are words or names with a value, in order, at most 16, and only of writes of keys") {
    const auto code = [](RequestOp op, Labels labels) {
        const Status status = validate({1, "", "", std::move(op), {}, false, std::move(labels)});
        return status.ok() ? Code::ok : status.error().code;
    };
    const PutRequest put{"k", "v", {}, false};
    CHECK(code(put, {"-", "a/B.c:d@e+f_9", "rollout=42"}) == Code::ok);
    CHECK(code(DeleteRequest{KeyRange::one("k"), false}, {"a"}) == Code::ok);
    CHECK(code(TxnRequest{{}, {{put}}, {}}, {"a"}) == Code::ok);
    CHECK(code(CompactRequest{{1}}, {"a"}) == Code::invalid_argument);
    CHECK(code(RecordChangeRequest{"policy/a", true, {}, {}}, {"a"}) == Code::invalid_argument);
    CHECK(code(StatusRequest{}, {"a"}) == Code::invalid_argument);
    for (const Bytes& bad : {Bytes(), Bytes("="), Bytes("a="), Bytes("=a"), Bytes("a=b=c"), Bytes("a b"), Bytes("a,b"),
                             Bytes("a*"), Bytes("\xc3\xa4"), Bytes(1, '\0')}) {
        CHECK(code(put, {bad}) == Code::invalid_argument);
    }
    CHECK(code(put, {Bytes(limits::label_bytes_max, 'a')}) == Code::ok);
    CHECK(code(put, {Bytes(limits::label_bytes_max + 1, 'a')}) == Code::too_large);
    CHECK(code(put, {"b", "a"}) == Code::invalid_argument);
    CHECK(code(put, {"a", "a"}) == Code::invalid_argument);
    CHECK(canonical_labels({"b", "a", "b"}) == Labels{"a", "b"});
    Labels many;
    for (char c = 'a'; many.size() < limits::labels_max; ++c) many.emplace_back(1, c);
    CHECK(code(put, many) == Code::ok);
    many.push_back("z");
    CHECK(code(put, many) == Code::too_large);
}

TEST_CASE("the octets of version 1 are frozen") {
    const std::vector<Request> put{{7, "ann", "", PutRequest{"k", "v", {}, true}}};
    CHECK(hex(encode_requests(put)) ==
          "9201dd0000000195"
          "07c403616e6ec400"
          "02"
          "94c4016bc40176"
          "00c3");
    const std::vector<Request> numbered{{7, "", "", CompactRequest{{1}}, {300, 2, 1}}};
    CHECK(hex(encode_requests(numbered)) ==
          "9201dd000000019607c400c4000591019"
          "3cd012c0201");
    const std::vector<Request> range{
        {1, "", "",
         RangeRequest{KeyRange::one("k"), 0, {300}, {}, SortTarget::mod, SortOrder::descending, false, true, false}}};
    CHECK(hex(encode_requests(range)) == "9201dd000000019501c400c400019ac4016bc40000cd012c000201c2c3c2");
    const std::vector<Reply> refused{{7, {9}, {Code::busy, "full"}, {}}};
    CHECK(hex(encode_replies(refused)) ==
          "9201dd000000019407090092"
          "07a466756c6c");
    const std::vector<Reply> done{{7, {9}, {}, PutReply{}}};
    CHECK(hex(encode_replies(done)) ==
          "9201dd00000001940709"
          "0291c0");
    const ChangeSet change{
        {5}, 6, "a", "", {{EventType::put, {"k", "v", {1}, {5}, 3, {}}}, {EventType::erase, {"b", "", {}, {5}, 0, {}}}}};
    const std::vector<Request> ask{{7, "", "", PluginsRequest{}}};
    CHECK(hex(encode_requests(ask)) == "9201dd000000019507c400c4001090");
    const std::vector<Reply> plugins{{7, {9}, {}, PluginsReply{1, {{"a", "b", "c", "d", "e", true}}}}};
    CHECK(hex(encode_replies(plugins)) ==
          "9201dd0000000194070910920191"
          "96a161a162a163a164a165c3");
    CHECK(hex(encode_feed({{0x0102}, 1, 2, {4}, {5}, false, {change}})) ==
          "450000000000000102"
          "97010102"
          "0405c2"
          "91"
          "950506c40161c400"
          "92"
          "9700c4016bc4017601050300"
          "9301c4016205");
    CHECK(hex(encode_mark({1, 2, 3, {4}, {{{5}, {6}}}})) ==
          "4d9601010203049192"
          "0506");
    CHECK(hex(encode_join({1, 2, {3}, 4})) == "950101020304");
    for (size_t i = 0; i < one_of_each().size(); ++i) {  // opcodes 1 to 11, in this order
        const Bytes frame = encode_requests(std::vector{request(1, one_of_each()[i].op)});
        CHECK(static_cast<size_t>(frame[19]) == i + 1);
    }
}

TEST_CASE("feed messages come back from their octets as they were") {
    const ChangeSet change{{5}, 6, "a", "c", {{EventType::put, {"k", "v", {1}, {5}, 3, {2}}}}};
    const auto feed = decode_feed(encode_feed({{77}, 1, 2, {4}, {5}, true, {change, change}}));
    REQUIRE(feed.ok());
    CHECK(feed->channel == ChannelId{77});
    CHECK((feed->epoch == 1 && feed->incarnation == 2 && feed->from.value == 4 && feed->to.value == 5 && feed->fetch));
    CHECK(feed->changes == std::vector{change, change});
    const auto mark = decode_mark(encode_mark({1, 2, 3, {4}, {{{5}, {6}}, {{7}, {8}}}}));
    REQUIRE(mark.ok());
    CHECK((mark->sequence == 3 && mark->changed[1].first.value == 7 && mark->changed[1].second.value == 8));
    const auto join = decode_join("T" + Bytes(16, 'x') + encode_join({1, 2, {3}, 4}));
    REQUIRE(join.ok());
    CHECK((join->incarnation == 2 && join->spread_ms == 4));
    CHECK(!decode_feed(encode_mark({})).ok());
    CHECK(!decode_mark(encode_feed({})).ok());
    CHECK(!decode_join("T").ok());
    CHECK(parse_channel_topic(channel_topic({0x8001020304050607}))->value == 0x8001020304050607);
}

TEST_CASE("a frame cut anywhere or with any octet changed never hurts") {
    for (const Bytes& frame : {encode_requests(one_of_each()), encode_replies(reply_of_each())}) {
        for (size_t size = 0; size < frame.size(); ++size) {
            CHECK(!decode_requests(frame.substr(0, size)).ok());
            CHECK(!decode_replies(frame.substr(0, size)).ok());
        }
        for (size_t at = 0; at < frame.size(); ++at) {
            for (const unsigned char octet : {0x00, 0x7f, 0x80, 0x90, 0x9f, 0xc1, 0xc6, 0xcf, 0xdd, 0xdf, 0xff}) {
                Bytes changed = frame;
                changed[at] = static_cast<char>(octet);
                (void)decode_requests(changed);
                (void)decode_replies(changed);
                (void)salvage_request_ids(changed);
            }
        }
    }
}

TEST_CASE("another protocol version is refused and both are named") {
    Bytes frame = encode_requests(one_of_each());
    frame[1] = 2;
    const auto decoded = decode_requests(frame);
    REQUIRE(!decoded.ok());
    CHECK(decoded.error().code == Code::incompatible);
    CHECK(decoded.error().detail.find("version 2") != std::string::npos);
    CHECK(decoded.error().detail.find("speaks 1") != std::string::npos);
    CHECK(salvage_request_ids(frame).size() == 24);
}

TEST_CASE("announced sizes cost nothing before their elements are there") {
    const Bytes huge("\x92\x01\xdd\xff\xff\xff\xff", 7);
    CHECK(!decode_requests(huge).ok());
    CHECK(!decode_replies(huge).ok());
    CHECK(!decode_requests(Bytes(100'000, '\x91')).ok());
    CHECK(!decode_replies(Bytes(100'000, '\x91')).ok());
    CHECK(decode_requests(Bytes(limits::frame_bytes_max + 1, '\0')).error().code == Code::too_large);
    const std::vector<Request> many(limits::frame_requests_max + 1, request(1, StatusRequest{}));
    CHECK(!decode_requests(encode_requests(many)).ok());
    CHECK(decode_requests(encode_requests(std::span(many).first(limits::frame_requests_max))).ok());
}

TEST_CASE("a refused frame still tells whose requests were in it") {
    std::vector<Request> requests{request(4, StatusRequest{}), request(5, TxnRequest{nested(limits::txn_depth_max + 1)}),
                                  request(6, StatusRequest{})};
    const Bytes frame = encode_requests(requests);
    const auto decoded = decode_requests(frame);
    REQUIRE(!decoded.ok());
    CHECK(salvage_request_ids(frame) == std::vector<uint64_t>{4, 5, 6});
    CHECK(salvage_request_ids(frame.substr(0, frame.size() - 2)) == std::vector<uint64_t>{4, 5, 6});
    CHECK(salvage_request_ids("nonsense").empty());
}

TEST_CASE("replies may carry elements this build does not know") {
    const Bytes frame("\x92\x01\x91\x95\x07\x09\x02\x93\xc0\xa0\x91\x05\x01", 13);
    const auto decoded = decode_replies(frame);
    REQUIRE(decoded.ok());
    CHECK((*decoded)[0].id == 7);
    const auto request_with_more = decode_requests(Bytes("\x92\x01\x91\x95\x07\xa0\xa0\x0b\x91\x01", 10));
    CHECK(!request_with_more.ok());
    CHECK(request_with_more.error().detail.find("request 0") != std::string::npos);
}

TEST_CASE("a reply frame under construction equals one made at once") {
    ReplyFrame frame;
    CHECK(frame.empty());
    for (const Reply& reply : reply_of_each()) frame.add(reply);
    CHECK(frame.count() == 23);
    CHECK(frame.take() == encode_replies(reply_of_each()));
    CHECK((frame.empty() && frame.size() == 0));
    CHECK(decode_replies(encode_replies({}))->empty());
}

TEST_CASE("validate refuses what no hub accepts") {
    const auto code = [](RequestOp op) {
        const Status status = validate({1, "", "", std::move(op)});
        return status.ok() ? Code::ok : status.error().code;
    };
    for (const Request& good : one_of_each()) CHECK(validate(good).ok());
    CHECK(code(PutRequest{"", "v", {}, false}) == Code::invalid_argument);
    CHECK(code(PutRequest{Bytes(limits::key_bytes_max, 'k'), Bytes(limits::value_bytes_max, 'v'), {}, false}) == Code::ok);
    CHECK(code(PutRequest{Bytes(limits::key_bytes_max + 1, 'k'), "v", {}, false}) == Code::too_large);
    CHECK(code(PutRequest{"k", Bytes(limits::value_bytes_max + 1, 'v'), {}, false}) == Code::too_large);
    CHECK(code(DeleteRequest{{"", "b"}, false}) == Code::invalid_argument);
    CHECK(code(DeleteRequest{{"b", "a"}, false}) == Code::invalid_argument);
    CHECK(code(nested(limits::txn_depth_max + 1)) == Code::too_large);
    CHECK(code(HistoryRequest{"", 0, {}}) == Code::invalid_argument);
    CHECK(code(ChangesRequest{{"prefix", ""}, {5}, {4}, 0}) == Code::invalid_argument);
    CHECK(code(ChannelRequest{{"", ""}}) == Code::invalid_argument);
    CHECK(code(ChannelRequest{{"prefix", Bytes(limits::filter_spec_bytes_max + 1, 'x')}}) == Code::too_large);
    CHECK(validate({1, Bytes(limits::author_bytes_max + 1, 'a'), "", StatusRequest{}}).error().code == Code::too_large);
    CHECK(validate({1, "", Bytes(limits::comment_bytes_max + 1, 'a'), StatusRequest{}}).error().code == Code::too_large);

    const auto with_ticket = [](RequestOp op, Ticket ticket) { return validate({1, "", "", std::move(op), ticket}); };
    const PutRequest write{"k", "v", {}, false};
    CHECK(with_ticket(write, {1, 1, 0}));
    CHECK(with_ticket(write, {1, limits::session_window_max + 1, 1}));
    CHECK_FALSE(with_ticket(write, {1, limits::session_window_max + 1, 0}));
    CHECK_FALSE(with_ticket(write, {1, 5, 5}));
    CHECK_FALSE(with_ticket(write, {1, 0, 0}));
    CHECK_FALSE(with_ticket(write, {0, 1, 0}));
    CHECK_FALSE(with_ticket(StatusRequest{}, {1, 1, 0}));
    CHECK_FALSE(with_ticket(TxnRequest{{}, {{RangeRequest{}}}, {}}, {1, 1, 0}));

    const TxnOp put{PutRequest{"k", "v", {}, false}};
    CHECK(code(TxnRequest{{}, {put, put}, {}}) == Code::invalid_argument);
    CHECK(code(TxnRequest{{}, {put}, {put}}) == Code::ok);
    CHECK(code(TxnRequest{{}, {put, {TxnRequest{{}, {}, {put}}}}, {}}) == Code::invalid_argument);
    CHECK(
        code(TxnRequest{{}, std::vector<TxnOp>(limits::txn_ops_max + 1, {DeleteRequest{KeyRange::one("k"), false}}), {}}) ==
        Code::too_large);
}

}  // namespace belfry::protocol
