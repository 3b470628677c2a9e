#include "plugins/filter_json/condition.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <compare>
#include <optional>

namespace belfry::filter_json {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<BytesView, Relation>, 7> relations = {{{"=", Relation::equal},
                                                                      {"!=", Relation::not_equal},
                                                                      {"<", Relation::less},
                                                                      {"<=", Relation::at_most},
                                                                      {">", Relation::more},
                                                                      {">=", Relation::at_least},
                                                                      {"exists", Relation::exists}}};

// None: values of two types, or of one that has no order and that differ.
std::optional<std::strong_ordering> compare(const json& left, const json& right) {
    if (left.is_number() && right.is_number()) {
        const Number a = number_of(left);
        const Number b = number_of(right);
        return a < b ? std::strong_ordering::less : a > b ? std::strong_ordering::greater : std::strong_ordering::equal;
    }
    if (left.is_string() && right.is_string()) {
        return left.get_ref<const std::string&>() <=> right.get_ref<const std::string&>();
    }
    const bool same = left.type() == right.type() && (left.is_null() || (left.is_boolean() && left == right));
    if (same) return std::strong_ordering::equal;
    return std::nullopt;
}

// 1, 1.0 and 1e0 are one number: whole ones that an integer can hold are written as integers.
json one_spelling(json operand) {
    if (!operand.is_number_float()) return operand;
    const double number = operand.get<double>();
    constexpr double integers_end = 18446744073709551616.0;  // 2^64
    if (number != std::floor(number) || number < -integers_end / 2 || number >= integers_end) return operand;
    if (number < 0) return static_cast<int64_t>(number);
    return static_cast<uint64_t>(number);
}

// RFC 6901: '~1' stands for '/', '~0' for '~'.
Result<std::vector<std::string>> steps_of(const std::string& pointer) {
    std::vector<std::string> steps;
    for (size_t at = 0; at < pointer.size(); ++at) {
        if (pointer[at] == '/') {
            steps.emplace_back();
        } else if (steps.empty()) {
            return Error{Code::invalid_argument, "json: the pointer " + shown(pointer) + " does not begin with '/'"};
        } else if (pointer[at] != '~') {
            steps.back() += pointer[at];
        } else if (++at < pointer.size() && (pointer[at] == '0' || pointer[at] == '1')) {
            steps.back() += pointer[at] == '0' ? '~' : '/';
        } else {
            return Error{Code::invalid_argument, "json: in the pointer " + shown(pointer) +
                                                     " a '~' lacks its 0 or 1; write ~0 for '~', ~1 for '/'"};
        }
    }
    return steps;
}

std::optional<size_t> index_of(const std::string& step) {
    if (step.size() > 1 && step[0] == '0') return std::nullopt;
    size_t index = 0;
    const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
    if (error != std::errc() || end != step.data() + step.size()) return std::nullopt;
    return index;
}

}  // namespace

Number number_of(const json& value) {
    if (value.is_number_unsigned()) return static_cast<Number>(value.get<uint64_t>());
    if (value.is_number_integer()) return static_cast<Number>(value.get<int64_t>());
    return static_cast<Number>(value.get<double>());
}

std::string shown(BytesView octets) {
    constexpr size_t shown_max = 64;
    const std::string text(octets.substr(0, shown_max));
    return json(text).dump(-1, ' ', true, json::error_handler_t::replace) + (octets.size() > shown_max ? "..." : "");
}

const Relation* relation_of(BytesView word) {
    for (const auto& [text, relation] : relations) {
        if (word == text) return &relation;
    }
    return nullptr;
}

Result<Condition> Condition::make(const std::string& pointer, Relation relation, json operand) {
    auto steps = steps_of(pointer);
    if (!steps) return steps.error();
    const bool ordered = relation != Relation::equal && relation != Relation::not_equal && relation != Relation::exists;
    if (ordered && !operand.is_number() && !operand.is_string()) {
        return Error{Code::invalid_argument,
                     "json: " + shown(operand.dump()) + " is neither less nor more than anything; use = or !="};
    }
    Condition condition;
    condition.pointer_ = pointer;
    condition.steps_ = *std::move(steps);
    condition.relation_ = relation;
    condition.operand_ = one_spelling(std::move(operand));
    return condition;
}

const json* Condition::find(const json& document) const {
    const json* place = &document;
    for (const std::string& step : steps_) {
        if (place->is_object()) {
            const auto member = place->find(step);
            if (member == place->end()) return nullptr;
            place = &*member;
        } else if (place->is_array()) {
            const auto index = index_of(step);
            if (!index || *index >= place->size()) return nullptr;
            place = &(*place)[*index];
        } else {
            return nullptr;
        }
    }
    return place;
}

bool Condition::holds(const json& document) const {
    const json* place = find(document);
    if (place == nullptr) return false;
    if (relation_ == Relation::exists) return true;
    const auto order = compare(*place, operand_);
    switch (relation_) {
        case Relation::equal: return order && *order == 0;
        case Relation::not_equal: return !order || *order != 0;
        case Relation::less: return order && *order < 0;
        case Relation::at_most: return order && *order <= 0;
        case Relation::more: return order && *order > 0;
        case Relation::at_least: return order && *order >= 0;
        case Relation::exists: break;
    }
    return true;
}

Bytes Condition::canonical() const {
    Bytes text = pointer_.empty() ? "." : pointer_.find(' ') == std::string::npos ? pointer_ : json(pointer_).dump();
    for (const auto& [word, relation] : relations) {
        if (relation == relation_) text += ' ' + Bytes(word);
    }
    if (relation_ != Relation::exists) text += ' ' + operand_.dump();
    return text;
}

}  // namespace belfry::filter_json
