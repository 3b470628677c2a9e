#include <nlohmann/json.hpp>

#include "sdk/base/limits.hpp"
#include "sdk/cli/content.hpp"
#include "sdk/cli/json_input.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/txn_input.hpp"

namespace belfry::cli {
namespace {

using nlohmann::ordered_json;
using protocol::Compare;
using protocol::TxnOp;

Error wrong(const std::string& place, const std::string& what) { return {Code::invalid_argument, place + ": " + what}; }

Result<Bytes> octets(const ordered_json& object, const char* name, const std::string& place) {
    if (!object.contains(name)) return wrong(place, std::string("'") + name + "' is missing");
    auto bytes = bytes_of(object[name]);
    if (!bytes) return wrong(place + "." + name, "a text or {\"base64\": \"...\"} belongs here");
    return std::move(*bytes);
}

Result<uint64_t> number(const ordered_json& object, const char* name, const std::string& place) {
    if (!object.contains(name)) return uint64_t{0};
    if (!object[name].is_number_unsigned()) return wrong(place + "." + name, "a whole number belongs here");
    return object[name].get<uint64_t>();
}

Result<Bytes> content_type(const ordered_json& object, const Bytes& value, const std::string& place) {
    if (!object.contains("content_type")) return Bytes();
    if (!object["content_type"].is_string()) return wrong(place + ".content_type", "a text belongs here");
    auto type = stated_content_type(object["content_type"].get<std::string>(), value);
    if (!type) return wrong(place, type.error().detail);
    return type;
}

// Refuses members nobody reads: a misspelt one must not be lost silently.
Status only(const ordered_json& object, std::initializer_list<std::string_view> names, const std::string& place) {
    if (!object.is_object()) return wrong(place, "an object belongs here");
    for (const auto& [name, value] : object.items()) {
        if (std::find(names.begin(), names.end(), name) == names.end())
            return wrong(place, "unknown member '" + printable(name, 40) + "'");
    }
    return {};
}

Result<KeyRange> range_of(const ordered_json& object, const std::string& place) {
    auto key = octets(object, "key", place);
    if (!key) return key.error();
    const bool says_prefix = object.contains("prefix");
    if (says_prefix && !object["prefix"].is_boolean()) return wrong(place + ".prefix", "true or false belongs here");
    const bool prefix = says_prefix && object["prefix"] == true;
    if (prefix && object.contains("range_end")) return wrong(place, "'prefix' and 'range_end' exclude one another");
    if (prefix) return key->empty() ? KeyRange::all() : KeyRange::prefix(*key);
    if (!object.contains("range_end")) return KeyRange::one(*key);
    auto end = octets(object, "range_end", place);
    if (!end) return end.error();
    return KeyRange{std::move(*key), std::move(*end)};
}

Result<Compare> compare_of(const ordered_json& object, const std::string& place) {
    if (auto status = only(object, {"key", "prefix", "range_end", "target", "op", "value"}, place); !status)
        return status.error();
    auto range = range_of(object, place);
    if (!range) return range.error();
    Compare compare;
    compare.range = std::move(*range);
    const std::string target =
        object.value("target", ordered_json("value")).is_string() ? object.value("target", "value") : "";
    constexpr std::array targets = {"version", "create", "mod", "value", "lease"};
    const auto found = std::find(targets.begin(), targets.end(), target);
    if (found == targets.end()) return wrong(place + ".target", "one of version, create, mod, value, lease belongs here");
    compare.target = static_cast<Compare::Target>(found - targets.begin());
    const std::string op = object.value("op", ordered_json("=")).is_string() ? object.value("op", "=") : "";
    constexpr std::array ops = {"=", ">", "<", "!="};
    const auto relation = std::find(ops.begin(), ops.end(), op);
    if (relation == ops.end()) return wrong(place + ".op", "one of = != < > belongs here");
    compare.op = static_cast<Compare::Op>(relation - ops.begin());
    if (compare.target == Compare::Target::value) {
        auto value = octets(object, "value", place);
        if (!value) return value.error();
        compare.value = std::move(*value);
    } else {
        auto value = number(object, "value", place);
        if (!value) return value.error();
        compare.number = *value;
    }
    return compare;
}

Result<protocol::TxnRequest> txn_of(const ordered_json& object, const std::string& place, size_t depth);

Result<TxnOp> op_of(const ordered_json& object, const std::string& place, size_t depth) {
    if (!object.is_object() || object.size() != 1) return wrong(place, "one of put, get, delete, txn belongs here");
    const std::string verb = object.begin().key();
    const ordered_json& body = object.begin().value();
    const std::string inner = place + "." + printable(verb, 40);
    if (verb == "txn") {
        auto txn = txn_of(body, inner, depth + 1);
        if (!txn) return txn.error();
        return TxnOp{std::move(*txn)};
    }
    if (verb == "put") {
        if (auto status = only(body, {"key", "value", "lease", "content_type"}, inner); !status) return status.error();
        auto key = octets(body, "key", inner);
        if (!key) return key.error();
        auto value = octets(body, "value", inner);
        if (!value) return value.error();
        auto lease = number(body, "lease", inner);
        if (!lease) return lease.error();
        auto type = content_type(body, *value, inner);
        if (!type) return type.error();
        return TxnOp{protocol::PutRequest{std::move(*key), std::move(*value), {*lease}, false, std::move(*type)}};
    }
    if (verb != "get" && verb != "delete")
        return wrong(place, "'" + printable(verb, 40) + "' is none of put, get, delete, txn");
    if (auto status = only(body, {"key", "prefix", "range_end", "limit"}, inner); !status) return status.error();
    if (verb == "delete" && body.contains("limit")) return wrong(inner, "'limit' goes with get only");
    auto range = range_of(body, inner);
    if (!range) return range.error();
    if (verb == "delete") return TxnOp{protocol::DeleteRequest{std::move(*range), false}};
    auto limit = number(body, "limit", inner);
    if (!limit) return limit.error();
    protocol::RangeRequest get;
    get.range = std::move(*range);
    get.limit = *limit;
    return TxnOp{std::move(get)};
}

Status ops_of(const ordered_json& object, const char* name, const std::string& place, size_t depth,
              std::vector<TxnOp>& out) {
    if (!object.contains(name)) return {};
    if (!object[name].is_array()) return wrong(place + "." + name, "a list belongs here");
    for (const ordered_json& item : object[name]) {
        auto op = op_of(item, place + "." + name + "[" + std::to_string(out.size()) + "]", depth);
        if (!op) return op.error();
        out.push_back(std::move(*op));
    }
    return {};
}

Result<protocol::TxnRequest> txn_of(const ordered_json& object, const std::string& place, size_t depth) {
    if (depth > limits::txn_depth_max) return wrong(place, "transactions are nested too deep");
    if (auto status = only(object, {"if", "then", "else"}, place); !status) return status.error();
    protocol::TxnRequest txn;
    if (object.contains("if") && !object["if"].is_array()) return wrong(place + ".if", "a list belongs here");
    if (object.contains("if")) {
        for (const ordered_json& item : object["if"]) {
            auto compare = compare_of(item, place + ".if[" + std::to_string(txn.compares.size()) + "]");
            if (!compare) return compare.error();
            txn.compares.push_back(std::move(*compare));
        }
    }
    if (auto status = ops_of(object, "then", place, depth, txn.then_ops); !status) return status.error();
    if (auto status = ops_of(object, "else", place, depth, txn.else_ops); !status) return status.error();
    return txn;
}

}  // namespace

Result<protocol::TxnRequest> parse_txn_json(std::string_view text) {
    auto document = parse_json(text);
    if (!document) return document.error();
    return txn_of(*document, "txn", 1);
}

}  // namespace belfry::cli
