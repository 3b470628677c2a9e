#include "plugins/validate_rules/rules.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "sdk/base/units.hpp"
#include "sdk/base/utf8.hpp"

namespace belfry::validate_rules {

namespace {

using nlohmann::json;

constexpr size_t spec_bytes_max = 64 * 1024;
constexpr size_t shown_bytes_max = 40;           // of a value, in a sentence
constexpr int64_t pattern_memory_max = 1 << 20;  // of one compiled expression
constexpr double exact_integers_max = 0x1p53;    // bounds are kept as doubles

Error invalid(std::string detail) { return {Code::invalid_argument, std::move(detail)}; }

// The first whole characters.
BytesView head(BytesView text, size_t bytes_max) {
    size_t end = 0;
    while (end < text.size()) {
        const size_t length = std::max<size_t>(utf8_length(text.substr(end)), 1);
        if (end + length > bytes_max) break;
        end += length;
    }
    return text.substr(0, end);
}

// In UTF-8, whatever the value is, and without what could drive a terminal.
std::string shown(BytesView value) {
    const BytesView first = head(value, shown_bytes_max);
    std::string text;
    for (BytesView rest = first; !rest.empty();) {
        const PlainCharacter character = plain_character(rest);
        text += character.text;
        rest.remove_prefix(character.octets);
    }
    return "'" + text + (first.size() < value.size() ? "...'" : "'");
}

std::string number_text(double number) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, number);
    return {text, end.ptr};
}

template <class Number>
std::optional<Number> parse(BytesView text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<double> parse_duration_ms(BytesView text) {
    const auto duration = parse_duration(text);
    if (!duration) return std::nullopt;
    return std::chrono::duration<double, std::milli>(*duration).count();
}

}  // namespace

struct Parser {
    Rules& rules;

    Status member(const std::string& name, const json& value) {
        if (name == "type") return type(value);
        if (name == "min") return bound(name, value, rules.min_);
        if (name == "max") return bound(name, value, rules.max_);
        if (name == "one_of") return one_of(value);
        if (name == "pattern") return pattern(value);
        if (name == "bytes_max") {
            if (!value.is_number_unsigned()) return invalid("rules: bytes_max must be a number of octets");
            rules.bytes_max_ = value.get<uint64_t>();
            return {};
        }
        if (name == "erase") {
            if (!value.is_boolean()) return invalid("rules: erase must be true or false");
            rules.erase_ = value.get<bool>();
            return {};
        }
        return invalid("rules: '" + name + "' is not known; there are type, min, max, one_of, pattern, bytes_max, erase");
    }
    Status type(const json& value) {
        constexpr std::pair<const char*, Rules::Type> types[] = {{"integer", Rules::Type::integer},
                                                                 {"number", Rules::Type::number},
                                                                 {"boolean", Rules::Type::boolean},
                                                                 {"string", Rules::Type::string},
                                                                 {"duration", Rules::Type::duration}};
        for (const auto& [name, type] : types) {
            if (value == name) return rules.type_ = type, Status();
        }
        return invalid("rules: type must be integer, number, boolean, string or duration");
    }
    Status bound(const std::string& name, const json& value, std::optional<double>& out) {
        if (value.is_number()) out = value.get<double>();
        if (value.is_string()) out = parse_duration_ms(value.get<std::string>());
        if (!out) return invalid("rules: " + name + " must be a number, or for durations one like \"10s\"");
        if (std::abs(*out) > exact_integers_max)
            return invalid("rules: " + name + " is beyond 2^53, it could not be exact");
        return {};
    }
    Status one_of(const json& value) {
        if (!value.is_array() || value.empty()) return invalid("rules: one_of must be a list of texts");
        for (const json& item : value) {
            if (!item.is_string()) return invalid("rules: one_of must be a list of texts");
            rules.one_of_.push_back(item.get<std::string>());
        }
        return {};
    }
    Status pattern(const json& value) {
        if (!value.is_string()) return invalid("rules: pattern must be a text");
        RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(pattern_memory_max);
        rules.pattern_ = std::make_unique<RE2>(value.get<std::string>(), options);
        if (rules.pattern_->ok()) return {};
        return invalid("rules: pattern: " + rules.pattern_->error());
    }
    // Members that must fit one another.
    Status whole(const json& spec) {
        if (spec.empty()) return invalid("rules: nothing is asked; write a type, one_of, pattern ...");
        const bool measured = rules.type_ == Rules::Type::integer || rules.type_ == Rules::Type::number ||
                              rules.type_ == Rules::Type::duration;
        if ((rules.min_ || rules.max_) && !measured) {
            return invalid("rules: min and max need the type integer, number or duration");
        }
        for (const char* name : {"min", "max"}) {
            const bool is_text = spec.contains(name) && spec[name].is_string();
            if (is_text && rules.type_ != Rules::Type::duration)
                return invalid("rules: only durations have a text as bound");
            if (spec.contains(name) && !is_text && rules.type_ == Rules::Type::duration) {
                return invalid("rules: the bound of a duration is one, like \"10s\"");
            }
        }
        if (rules.min_ && rules.max_ && *rules.min_ > *rules.max_) return invalid("rules: min is above max");
        return {};
    }
};

Result<std::unique_ptr<Rules>> Rules::compile(BytesView spec) {
    if (spec.size() > spec_bytes_max) return invalid("rules: the spec is longer than 64 KiB");
    // nlohmann's parser takes it as the end and would drop what follows.
    if (spec.find('\0') != BytesView::npos) return invalid("rules: a NUL octet is no JSON");
    const json parsed = json::parse(spec.begin(), spec.end(), nullptr, false);
    if (!parsed.is_object()) return invalid("rules: write a JSON object, like {\"type\": \"integer\", \"min\": 1}");
    auto rules = std::make_unique<Rules>();
    Parser parser{*rules};
    for (const auto& [name, value] : parsed.items()) {
        if (Status understood = parser.member(name, value); !understood) return understood.error();
    }
    if (Status fits = parser.whole(parsed); !fits) return fits.error();
    return rules;
}

Status Rules::check(const plugin::ValueChange& change) const {
    if (!change.value) return erase_ ? Status() : Status(invalid("this key may not be erased"));
    const BytesView value = *change.value;
    if (bytes_max_ && value.size() > *bytes_max_) {
        return invalid("the value has " + std::to_string(value.size()) + " octets, at most " + std::to_string(*bytes_max_) +
                       " are allowed");
    }
    if (Status fits = check_type(value); !fits) return fits;
    if (!one_of_.empty() && std::find(one_of_.begin(), one_of_.end(), value) == one_of_.end()) {
        std::string all;
        for (const std::string& one : one_of_) all += (all.empty() ? "" : ", ") + shown(one);
        return invalid(shown(value) + " is none of " + Bytes(head(all, 400)));
    }
    if (pattern_ && !RE2::FullMatch({value.data(), value.size()}, *pattern_)) {
        return invalid(shown(value) + " does not match '" + Bytes(head(pattern_->pattern(), 200)) + "'");
    }
    return {};
}

Status Rules::check_type(BytesView value) const {
    switch (type_) {
        case Type::any: return {};
        case Type::integer: {
            const auto number = parse<int64_t>(value);
            return number ? check_bounds(static_cast<double>(*number), "") : invalid(shown(value) + " is no integer");
        }
        case Type::number: {
            const auto number = parse<double>(value);
            return number && std::isfinite(*number) ? check_bounds(*number, "") : invalid(shown(value) + " is no number");
        }
        case Type::boolean: {
            return value == "true" || value == "false" ? Status() : invalid(shown(value) + " is neither true nor false");
        }
        case Type::string: return is_utf8(value) ? Status() : invalid("the value is no UTF-8 text");
        case Type::duration: {
            const auto ms = parse_duration_ms(value);
            return ms ? check_bounds(*ms, " ms")
                      : invalid(shown(value) + " is no duration; write one like 250ms, 10s, 5m, 2h");
        }
    }
    return {};
}

Status Rules::check_bounds(double number, const char* unit) const {
    if (min_ && number < *min_)
        return invalid(number_text(number) + unit + " is below the minimum " + number_text(*min_) + unit);
    if (max_ && number > *max_)
        return invalid(number_text(number) + unit + " is above the maximum " + number_text(*max_) + unit);
    return {};
}

}  // namespace belfry::validate_rules
