#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>

#include "hub/plugin/validator.hpp"
#include "sdk/testing/validator_suite.hpp"

using namespace belfry;
using namespace belfry::testing;

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_validate_rules(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_validate_schema(const belfry_host_v1*, belfry_error*);
}

namespace {

const belfry_validator_v1& table_of(belfry_plugin_entry_function entry) {
    return *static_cast<const belfry_validator_v1*>(entry(nullptr, nullptr)->interfaces[0].table);
}

const hub::plugin::Validators& validators() {
    static const hub::plugin::Validators all = [] {
        hub::plugin::Validators made;
        REQUIRE(made.add(table_of(belfry_plugin_entry_validate_rules)));
        REQUIRE(made.add(table_of(belfry_plugin_entry_validate_schema)));
        return made;
    }();
    return all;
}

// "" = accepted; else the sentence.
std::string said(const std::string& kind, const std::string& spec, const std::optional<Bytes>& value) {
    const auto validator = validators().compile(kind, spec);
    if (!validator) return "spec: " + validator.error().detail;
    const Status accepted = (*validator)->check("key", {}, value);
    return accepted ? "" : accepted.error().detail;
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr const char* schema = R"({
    "type": "object", "required": ["db"], "additionalProperties": false,
    "properties": {"db": {"type": "object", "properties": {
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}}, "next": {"$ref": "#/properties/db"}}}}})";

}  // namespace

TEST_CASE("every validator of this tree keeps the contract", "[conformance][validator]") {
    using Specs = std::vector<std::string>;
    const auto [entry, specs] = GENERATE(Catch::Generators::table<belfry_plugin_entry_function, Specs>({
        {belfry_plugin_entry_validate_rules,
         Specs{R"({"type": "integer", "min": 1, "max": 9})", R"({"type": "duration", "min": "1s"})",
               R"({"type": "string"})", R"({"pattern": "(a+)+b"})", R"({"one_of": ["a", "b"], "bytes_max": 1})",
               R"({"erase": false})"}},
        {belfry_plugin_entry_validate_schema, Specs{"{}", schema, R"({"type": ["number", "null"]})"}},
    }));
    const Report report = check_validator({&table_of(entry), 20261124, specs});
    for (const Check& check : report.checks) {
        INFO(table_of(entry).kind << ": " << check.name << ": " << check.sentence);
        CHECK(check.passed);
    }
    CHECK(report.checks.size() == 4);
}

TEST_CASE("the suite finds what a broken validator does wrong", "[conformance][validator]") {
    belfry_validator_v1 broken = table_of(belfry_plugin_entry_validate_rules);
    broken.check = [](const belfry_validator*, belfry_bytes, const belfry_bytes*, const belfry_bytes* value,
                      belfry_error*) -> belfry_status {
        return value != nullptr && value->size > 0 ? BELFRY_INVALID_ARGUMENT : BELFRY_OK;  // without a sentence
    };
    CHECK_FALSE(check_validator({&broken, 1, {R"({"erase": false})"}}).passed());
    static std::atomic<int> turn = 0;  // the suite checks from several threads
    broken.check = [](const belfry_validator*, belfry_bytes, const belfry_bytes*, const belfry_bytes*,
                      belfry_error* error) -> belfry_status {
        error->message[0] = 'x', error->message[1] = '\0';
        return ++turn % 2 == 0 ? BELFRY_OK : BELFRY_INVALID_ARGUMENT;
    };
    CHECK_FALSE(check_validator({&broken, 1, {R"({"erase": false})"}}).passed());
}

TEST_CASE("rules: types, bounds, choices, patterns", "[validator]") {
    CHECK(said("rules", R"({"type": "integer", "min": 1, "max": 65535})", "70000") == "70000 is above the maximum 65535");
    CHECK(said("rules", R"({"type": "integer", "min": 1, "max": 65535})", "65535") == "");
    CHECK(said("rules", R"({"type": "integer"})", "1.5") == "'1.5' is no integer");
    CHECK(has(said("rules", R"({"type": "integer"})", "1\n"), "is no integer"));
    CHECK(said("rules", R"({"type": "integer"})", "99999999999999999999") == "'99999999999999999999' is no integer");
    CHECK(said("rules", R"({"type": "number", "max": 0.5})", "0.25") == "");
    CHECK(said("rules", R"({"type": "boolean"})", "yes") == "'yes' is neither true nor false");
    CHECK(said("rules", R"({"type": "duration", "min": "1s", "max": "1m"})", "500ms") ==
          "500 ms is below the minimum 1000 ms");
    CHECK(said("rules", R"({"type": "duration", "max": "1m"})", "60s") == "");
    CHECK(said("rules", R"({"type": "string"})", "\xc3\xa9") == "");
    CHECK(said("rules", R"({"type": "string"})", "\xed\xa0\x80") == "the value is no UTF-8 text");
    CHECK(said("rules", R"({"one_of": ["red", "green"]})", "blue") == "'blue' is none of 'red', 'green'");
    CHECK(said("rules", R"({"pattern": "[a-z]+"})", "ab1") == "'ab1' does not match '[a-z]+'");
    CHECK(said("rules", R"({"bytes_max": 3})", "1234") == "the value has 4 octets, at most 3 are allowed");
    const std::string as(38, 'a');
    CHECK(said("rules", R"({"type": "integer"})", as + "\xc3\xa9\xc3\xa9") == "'" + as + "\xc3\xa9...' is no integer");
    CHECK(said("rules", R"({"type": "integer"})", as + "a\xc3\xa9") == "'" + as + "a...' is no integer");
    CHECK(said("rules", R"({"type": "integer"})", "\xff\x1b") == "'?\?' is no integer");
    CHECK(said("rules", R"({"type": "integer"})", "\xc2\x9b") == "'?' is no integer");
    CHECK(said("rules", R"({"erase": false})", std::nullopt) == "this key may not be erased");
    CHECK(said("rules", R"({"erase": true})", std::nullopt) == "");
    for (const char* wrong :
         {"", "[]", "{}", R"({"typo": 1})", R"({"type": "int"})", R"({"min": 1})", R"({"pattern": "("})",
          R"({"type": "integer", "min": "1s"})", R"({"type": "duration", "min": 1})",
          R"({"type": "integer", "min": 2, "max": 1})", R"({"one_of": []})", R"({"bytes_max": -1})"}) {
        INFO(wrong);
        CHECK(has(said("rules", wrong, "1"), "spec: validator 'rules'"));
    }
    const std::string behind_nul(R"({"erase": true})"
                                 "\0, or not",
                                 24);
    CHECK(has(said("rules", behind_nul, "1"), "spec: validator 'rules'"));
}

TEST_CASE("rules: no pattern is slow", "[validator]") {
    const auto begin = std::chrono::steady_clock::now();
    CHECK(has(said("rules", R"({"pattern": "(a|a?)+(a*)*b"})", Bytes(1024 * 1024, 'a')), "does not match"));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));  // some 20 ms; 2^1000000 for a backtracker
}

TEST_CASE("schema: the sentence names the place and the reason", "[validator]") {
    CHECK(said("schema", schema, R"({"db": {"port": 5432, "next": {"port": 1}, "tags": ["a"]}})") == "");
    CHECK(has(said("schema", schema, R"({"db": {"port": 70000}})"), "/db/port: "));
    CHECK(said("schema", schema, Bytes("{\"db\": {}}\0garbage", 18)) == "the value is no JSON at octet 11");
    CHECK(has(said("schema", std::string("{}\0garbage", 10), "1"), "spec: validator 'schema'"));
    CHECK(has(said("schema", schema, R"({"db": {"next": {"port": "x"}}})"), "/db/next/port: "));
    CHECK(has(said("schema", schema, R"({"db": {"tags": ["a", "c"]}})"), "/db/tags/1: "));
    CHECK(has(said("schema", schema, R"({"other": 1})"), "other"));
    CHECK(said("schema", schema, "{\"db\": ") == "the value is no JSON at octet 8");
    CHECK(has(said("schema", schema, Bytes(100'000, '[')), "the value"));
    CHECK(has(said("schema", "{}", Bytes(100, '[') + Bytes(100, ']')), "nested deeper than 64"));
    CHECK(said("schema", "{}", "[3e14140]") == "the value has a number too large for a double");
    CHECK(has(said("schema", "3e14140", "1"), "schema: it has a number too large for a double"));
    CHECK(said("schema", "{}", std::nullopt) == "");
}

TEST_CASE("schema: what could be slow, or leave the hub, is refused with the place", "[validator]") {
    CHECK(has(said("schema", R"({"properties": {"a": {"pattern": "(a+)+$"}}})", "1"), "/properties/a/pattern"));
    CHECK(has(said("schema", R"({"anyOf": [{"format": "date"}]})", "1"), "/anyOf/0/format"));
    CHECK(has(said("schema", R"({"$ref": "http://example.com/schema"})", "1"), "only references into the schema itself"));
    CHECK(has(said("schema", R"({"$ref": "file:///etc/passwd#/a"})", "1"), "only references into the schema itself"));
    CHECK(has(said("schema", R"({"$ref": "#/nowhere"})", "1"), "spec: "));
    CHECK(has(said("schema", R"({"uniqueItems": true})", "1"), "uniqueItems"));
    CHECK(said("schema", R"({"properties": {"pattern": {"type": "string"}}})", R"({"pattern": "x"})") == "");
    CHECK(said("schema", R"({"enum": [{"format": 1}]})", R"({"format": 1})") == "");
    CHECK(has(said("schema", R"({"type": "nonsense"})", "1"), "spec: "));
    const Bytes deep = [] {
        Bytes text = "{}";
        for (int i = 0; i < 100; ++i) text = "{\"not\": " + text + "}";
        return text;
    }();
    CHECK(has(said("schema", deep, "1"), "nested deeper"));
}

TEST_CASE("schema: references that never go deeper, or through too many, are refused", "[validator]") {
    for (const char* loop : {R"({"$ref": "#"})", R"({"anyOf": [{"$ref": "#"}, {"type": "string"}]})",
                             R"({"not": {"$ref": "#"}})", R"({"if": {"$ref": "#/then"}, "then": {"$ref": "#/if"}})",
                             R"({"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}},
                                 "properties": {"x": {"$ref": "#/definitions/a"}}})",
                             R"({"dependencies": {"a": {"$ref": "#"}}})"}) {
        INFO(loop);
        CHECK(has(said("schema", loop, R"({"a": 1, "x": 1})"), "without going deeper"));
    }
    // What hides behind a reference is looked at too.
    CHECK(has(said("schema", R"({"enum": [{"pattern": "(a+)+$"}], "items": {"$ref": "#/enum/0"}})", "[]"), "'pattern'"));
    // A tree may refer to itself.
    constexpr const char* tree = R"({"type": "object", "additionalProperties": {"$ref": "#"}})";
    CHECK(said("schema", tree, R"({"a": {"b": {}}})") == "");
    CHECK(has(said("schema", tree, R"({"a": {"b": 1}})"), "/a/b: "));
    Bytes deep;
    for (int i = 0; i < 63; ++i) deep += R"({"a":)";
    CHECK(said("schema", tree, deep + "{}" + Bytes(63, '}')) == "");
    // A long way through definitions is taken, a longer one is not.
    const auto chain = [](int count) {
        Bytes text = R"({"definitions": {)";
        for (int i = 0; i < count; ++i) {
            text += "\"d" + std::to_string(i) + "\": {\"properties\": {\"a\": ";
            for (int j = 0; j < 10; ++j) text += R"({"allOf": [)";
            text += "{\"$ref\": \"#/definitions/d" + std::to_string(i + 1) + "\"}";
            for (int j = 0; j < 10; ++j) text += "]}";
            text += "}}, ";
        }
        return text + "\"d" + std::to_string(count) + R"(": {"type": "string"}}, "$ref": "#/definitions/d0"})";
    };
    const Bytes value = deep + "1" + Bytes(63, '}');
    CHECK(has(said("schema", chain(14), value), "/a/a"));
    CHECK(has(said("schema", chain(60), value), "levels deep through references"));
    Bytes many = R"({"definitions": {"a": {"type": "string"}}, "properties": {"z": {})";
    for (int i = 0; i < 500; ++i) many += ", \"p" + std::to_string(i) + R"(": {"$ref": "#/definitions/a"})";
    CHECK(has(said("schema", many + "}}", R"({"p7": 1})"), "/p7: "));
}
