// Numbers with a unit, as people write them in settings, policies, on the command line and in values. One grammar for all:
//     DIGITS ["." DIGITS] [blank] UNIT
// What a caller allows beside it (a bare number, an upper bound) is its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace belfry {

// "250ms", "1.5s", "5m", "12h", "30d". None: something else, or more than 292 years. What is finer than a nanosecond is cut
// off.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);
// "4096 B", "64 KiB", "1.5 MiB", "2 GiB", "1 TiB". None: something else, or no whole number of octets below 2^63.
std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace belfry
