#include "sdk/cli/arguments.hpp"

#include <algorithm>
#include <numeric>

#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

// Levenshtein's distance, with a swap of neighbours counted as one slip.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> before(b.size() + 1);
    std::vector<size_t> above(b.size() + 1);
    std::vector<size_t> row(b.size() + 1);
    std::iota(above.begin(), above.end(), 0);
    for (size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
        }
        std::swap(before, above);
        std::swap(above, row);
    }
    return above[b.size()];
}

Error unknown_flag(std::string_view typed, std::span<const Flag> flags) {
    std::vector<std::string_view> names;
    for (const Flag& flag : flags) names.push_back(flag.name);
    const std::string_view near = nearest(typed, names);
    std::string detail = "unknown flag '--" + std::string(typed) + "'";
    if (!near.empty()) detail += "; did you mean '--" + std::string(near) + "'?";
    return {Code::invalid_argument, detail};
}

Status check_kind(const Flag& flag, std::string_view value) {
    const std::string place = "--" + std::string(flag.name) + ": ";
    if (flag.kind == FlagKind::number) {
        if (auto number = parse_number(value); !number) return Error{Code::invalid_argument, place + number.error().detail};
    }
    if (flag.kind == FlagKind::duration) {
        if (auto time = parse_duration(value); !time) return Error{Code::invalid_argument, place + time.error().detail};
    }
    return {};
}

}  // namespace

std::string_view nearest(std::string_view typed, std::span<const std::string_view> candidates) {
    std::string_view best;
    size_t best_distance = std::max<size_t>(1, typed.size() / 3) + 1;
    for (const std::string_view candidate : candidates) {
        const size_t distance = edit_distance(typed, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

Status Arguments::take(const Flag& flag, std::string value) {
    if (auto status = check_kind(flag, value); !status) return status;
    values_[std::string(flag.name)].push_back(std::move(value));
    return {};
}

Result<Arguments> Arguments::parse(std::span<const std::string> line, std::span<const Flag> flags) {
    Arguments arguments;
    bool only_words = false;
    for (size_t i = 0; i < line.size(); ++i) {
        const std::string_view item = line[i];
        if (only_words || item.size() < 2 || item[0] != '-') {
            arguments.words_.emplace_back(item);
            continue;
        }
        if (item == "--") {
            only_words = true;
            continue;
        }
        const bool is_long = item[1] == '-';
        const size_t equals = is_long ? item.find('=') : std::string_view::npos;
        const std::string_view name = item.substr(is_long ? 2 : 1, equals == std::string_view::npos ? equals : equals - 2);
        const auto flag = std::find_if(flags.begin(), flags.end(), [&](const Flag& known) {
            return is_long ? known.name == name : name.size() == 1 && known.letter == name[0];
        });
        if (flag == flags.end()) {
            if (is_long) return unknown_flag(name, flags);
            return Error{Code::invalid_argument,
                         "unknown flag '" + std::string(item) + "'; put '--' before a word that begins with a dash"};
        }
        const bool attached = equals != std::string_view::npos;
        const bool toggle = flag->kind == FlagKind::toggle;
        if (toggle && attached) {
            return Error{Code::invalid_argument, "flag '--" + std::string(flag->name) + "' takes no value"};
        }
        if (!toggle && !attached && i + 1 == line.size()) {
            return Error{Code::invalid_argument,
                         "flag '" + std::string(item) + "' needs a value: " + std::string(flag->value)};
        }
        std::string value;
        if (attached) value = item.substr(equals + 1);
        if (!toggle && !attached) value = line[++i];
        if (auto status = arguments.take(*flag, std::move(value)); !status) return status.error();
    }
    return arguments;
}

std::string Arguments::text(std::string_view name, std::string_view fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::string(fallback) : found->second.back();
}

std::vector<std::string> Arguments::all(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>() : found->second;
}

uint64_t Arguments::number(std::string_view name, uint64_t fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : parse_number(found->second.back()).value();
}

std::chrono::milliseconds Arguments::duration(std::string_view name, std::chrono::milliseconds fallback) const {
    const auto found = values_.find(name);
    return found == values_.end() ? fallback : parse_duration(found->second.back()).value();
}

}  // namespace belfry::cli
