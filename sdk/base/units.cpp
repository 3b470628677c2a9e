#include "sdk/base/units.hpp"

#include <algorithm>
#include <charconv>
#include <span>

namespace belfry {

namespace {

struct Unit {
    std::string_view word;
    uint64_t factor;
};

constexpr uint64_t number_max = INT64_MAX;
constexpr Unit duration_units[] = {{"ms", 1'000'000},
                                   {"s", 1'000'000'000},
                                   {"m", 60'000'000'000},
                                   {"h", 3'600'000'000'000},
                                   {"d", 24 * 3'600'000'000'000}};
constexpr Unit size_units[] = {
    {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}};

struct Scaled {
    uint64_t number;
    bool whole;  // nothing was cut off
};

// The digits behind the point, times the factor; below the factor.
Scaled fraction_of(std::string_view digits, uint64_t factor) {
    Scaled part{0, true};
    for (size_t at = digits.size(); at-- > 0;) {
        const uint64_t tenths = static_cast<uint64_t>(digits[at] - '0') * factor + part.number;
        part.whole = part.whole && tenths % 10 == 0;
        part.number = tenths / 10;
    }
    return part;
}

std::optional<Scaled> parse(std::string_view text, std::span<const Unit> units) {
    constexpr std::string_view digits = "0123456789";
    const size_t whole_end = std::min(text.find_first_not_of(digits), text.size());
    std::string_view rest = text.substr(whole_end);
    std::string_view fraction;
    if (rest.starts_with('.')) {
        fraction = rest.substr(1, std::min(rest.find_first_not_of(digits, 1), rest.size()) - 1);
        if (fraction.empty()) return std::nullopt;
        rest.remove_prefix(1 + fraction.size());
    }
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + whole_end, number);
    if (error != std::errc() || end != text.data() + whole_end) return std::nullopt;
    for (const Unit& unit : units) {
        if (rest != unit.word) continue;
        const Scaled part = fraction_of(fraction, unit.factor);
        if (number > (number_max - part.number) / unit.factor) return std::nullopt;
        return Scaled{number * unit.factor + part.number, part.whole};
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    const auto parsed = parse(text, duration_units);
    if (!parsed) return std::nullopt;
    return std::chrono::nanoseconds(parsed->number);
}

std::optional<uint64_t> parse_size(std::string_view text) {
    const auto parsed = parse(text, size_units);
    if (!parsed || !parsed->whole) return std::nullopt;
    return parsed->number;
}

}  // namespace belfry
