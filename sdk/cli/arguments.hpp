// The command line as data: words and flags. `--name value`, `--name=value`, `-n value`, switches, and `--` before words
// that begin with a dash; a lone `-` is a word. Everything is checked here, so that commands only read.
#pragma once

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/error.hpp"

namespace belfry::cli {

enum class FlagKind { toggle, text, number, duration };

struct Flag {
    std::string_view name;  // without dashes
    FlagKind kind;
    std::string_view value;  // what the help calls its value: "N"; empty for a toggle
    std::string_view help;
    char letter = 0;  // the short form, if any
};

class Arguments {
public:
    // Fails on unknown flags (and names the nearest known one), missing values and values of the wrong kind.
    static Result<Arguments> parse(std::span<const std::string> line, std::span<const Flag> flags);

    const std::vector<std::string>& words() const { return words_; }
    bool has(std::string_view name) const { return values_.contains(name); }
    // Given twice, the last one stands.
    std::string text(std::string_view name, std::string_view fallback = {}) const;
    std::vector<std::string> all(std::string_view name) const;  // in the order given
    uint64_t number(std::string_view name, uint64_t fallback = 0) const;
    std::chrono::milliseconds duration(std::string_view name, std::chrono::milliseconds fallback) const;

private:
    Status take(const Flag& flag, std::string value);

    std::vector<std::string> words_;
    std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// The candidate nearest to what was typed, if it is near enough to be a slip; otherwise empty.
std::string_view nearest(std::string_view typed, std::span<const std::string_view> candidates);

}  // namespace belfry::cli
