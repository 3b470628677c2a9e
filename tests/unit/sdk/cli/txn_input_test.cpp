#include "sdk/cli/txn_input.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace belfry;
using namespace belfry::cli;
using namespace belfry::protocol;

TEST_CASE("txn text: compares, then and else in one small document", "[cli][txn]") {
    const auto txn = parse_txn_text(
        "# the pool\n"
        "if:\n  mod(db/size) = 42   # a remark\n  value(\"a b\") != \"x\\ty\"\n  exists(k)\n missing ( m )\n"
        "then\n  put db/size 48 --lease 7\n  put \"a b\" \"\\x00\"\n  del old/ --prefix\n"
        "else\n  get db/size\n");
    REQUIRE(txn);
    REQUIRE(txn->compares.size() == 4);
    CHECK(txn->compares[0].target == Compare::Target::mod);
    CHECK(txn->compares[0].number == 42);
    CHECK(txn->compares[1].op == Compare::Op::not_equal);
    CHECK(txn->compares[1].range == KeyRange::one("a b"));
    CHECK(txn->compares[1].value == "x\ty");
    CHECK(txn->compares[2].op == Compare::Op::greater);
    CHECK(txn->compares[3].op == Compare::Op::equal);
    CHECK(txn->compares[3].range == KeyRange::one("m"));
    REQUIRE(txn->then_ops.size() == 3);
    const auto& put = std::get<PutRequest>(txn->then_ops[0].op);
    CHECK(put.value == "48");
    CHECK(put.lease.value == 7);
    CHECK(std::get<PutRequest>(txn->then_ops[1].op).value == Bytes(1, '\0'));
    CHECK(std::get<DeleteRequest>(txn->then_ops[2].op).range == KeyRange::prefix("old/"));
    REQUIRE(txn->else_ops.size() == 1);
}

TEST_CASE("txn text: without section words, blank lines end the sections", "[cli][txn]") {
    const auto txn = parse_txn_text("mod(\"a\") = \"0\"\n\nput a 1\nput b 2\n\nget a\n\n");
    REQUIRE(txn);
    CHECK(txn->compares.size() == 1);
    CHECK(txn->then_ops.size() == 2);
    CHECK(txn->else_ops.size() == 1);
    CHECK(parse_txn_text("\nput a 1\n\n\n")->then_ops.size() == 1);
}

TEST_CASE("txn text: an error names its line", "[cli][txn]") {
    const auto detail = [](std::string_view text) { return parse_txn_text(text).error().detail; };
    CHECK(detail("then\nput a\n") == "line 2: the value is missing");
    CHECK(detail("then\n\nputt a b\n").starts_with("line 3: 'putt' is none of"));
    CHECK(detail("then\nput a # no value\n") == "line 2: the value is missing");
    CHECK(detail("mod(a) = x\n").starts_with("line 1: 'x' is not a whole number"));
    CHECK(detail("mod(a) 5").starts_with("line 1: one of ="));
    CHECK(detail("then\nput a two words").find("quote a value with blanks") != std::string::npos);
    CHECK(detail("then\nput a \"open").find("closing") != std::string::npos);
    CHECK(detail("mod a = 5").starts_with("line 1: '(' is missing"));
    CHECK(detail("then\nget a --prefix more").find("follows") != std::string::npos);
}

TEST_CASE("txn json: nested, with octets, and wrong members named", "[cli][txn]") {
    const auto txn = parse_txn_json(
        R"({"if": [{"key": "a", "target": "version", "op": "<", "value": 3}],
            "then": [{"put": {"key": {"base64": "/w=="}, "value": "v"}},
                     {"txn": {"then": [{"delete": {"key": "d", "prefix": true}}]}}],
            "else": [{"get": {"key": "a", "limit": 5}}]})");
    REQUIRE(txn);
    CHECK(txn->compares[0].op == Compare::Op::less);
    CHECK(txn->compares[0].number == 3);
    CHECK(std::get<PutRequest>(txn->then_ops[0].op).key == "\xFF");
    CHECK(std::get<TxnRequest>(txn->then_ops[1].op).then_ops.size() == 1);
    CHECK(std::get<RangeRequest>(txn->else_ops[0].op).limit == 5);

    const auto detail = [](std::string_view text) { return parse_txn_json(text).error().detail; };
    CHECK(detail(R"({"thn": []})") == "txn: unknown member 'thn'");
    CHECK(detail(R"({"then": [{"put": {"key": "a"}}]})") == "txn.then[0].put: 'value' is missing");
    CHECK(detail(R"({"then": [{"put": {"key": "a", "value": 5}}]})").starts_with("txn.then[0].put.value:"));
    CHECK(detail(R"({"then": [{"delete": {"key": "a", "prefix": true, "limit": 5}}]})") ==
          "txn.then[0].delete: 'limit' goes with get only");
    CHECK(detail(R"({"then": [{"delete": {"key": "a", "prefix": 1}}]})") ==
          "txn.then[0].delete.prefix: true or false belongs here");
    CHECK(detail(R"({"then": [{"get": {"key": "a", "prefix": true, "range_end": "b"}}]})") ==
          "txn.then[0].get: 'prefix' and 'range_end' exclude one another");
    CHECK(detail(R"({"if": [{"key": "a", "target": 5}]})").starts_with("txn.if[0].target:"));
    CHECK(detail(R"({"then": {}})") == "txn.then: a list belongs here");
    CHECK(detail(R"([1])") == "txn: an object belongs here");
    CHECK(detail(R"({"then": [{"txn": {"then": [{"txn": {"then": )"
                 R"([{"txn": {"then": [{"txn": {}}]}}]}}]}}]})")
              .find("too deep") != std::string::npos);
}
