// Octets and numbers as text for people, and back.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/base/utf8.hpp"

namespace belfry::cli {

// One line, whatever the octets: \n \r \t \\ and \xHH stand for what a line or a terminal cannot hold; other UTF-8 stays as
// it is. Reversible with unescape() if it was not cut. Longer than `octets_max` it is cut: "the first part... (1234
// bytes)".
std::string printable(BytesView bytes, size_t octets_max = std::string::npos);
// Undoes printable(): the escapes above and \". Fails on others, naming the place.
Result<Bytes> unescape(std::string_view text);
// For a terminal: line breaks and tabs stay, other control characters are shown as \xHH, so that a stored value cannot
// drive the terminal of whoever looks at it.
std::string terminal_safe(BytesView bytes);

std::string_view trimmed(std::string_view text);  // without blanks, tabs and '\r' at its ends
std::string base64_encode(BytesView bytes);
std::optional<Bytes> base64_decode(std::string_view text);  // none = not base64 with its padding

std::string local_time(uint64_t time_ms);                    // "2026-11-23 05:13:25.123", in the zone of this machine
std::string utc_time(uint64_t time_ms);                      // "2026-11-23T05:13:25.123Z"
std::string human_bytes(uint64_t bytes);                     // "812 B", "1.5 KiB", "3.0 MiB"
std::string human_count(uint64_t number);                    // "1,234,567"
std::string plural(uint64_t number, std::string_view noun);  // "1 key", "2 keys", "1,234 keys"

Result<uint64_t> parse_number(std::string_view text);                     // decimal, whole
Result<std::chrono::milliseconds> parse_duration(std::string_view text);  // "250ms", "5s", "2m", "1h"; bare = seconds
std::vector<std::string> split(std::string_view text, char separator);    // empty parts are left out

}  // namespace belfry::cli
