// JSON documents from outside. The one place that parses them, with a bound on depth: the library's own recursion has none.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::cli {

inline constexpr size_t json_depth_max = 64;

// Fails with `invalid_argument` on anything but one whole document in UTF-8 of at most that depth. A name given twice in
// one object is refused too: which of them was meant? A number with a fraction or an exponent, or beyond 64 bits, is a
// `binary` value: its text as it was written.
Result<nlohmann::ordered_json> parse_json(std::string_view text);
// On one line, such numbers as they were written. REQUIRES: of parse_json.
std::string text_of(const nlohmann::ordered_json& value);
// A text, or {"base64": "..."}: what JsonWriter makes of octets. None = something else.
std::optional<Bytes> bytes_of(const nlohmann::ordered_json& value);
// {"content_type": "json", "text": "..."}, or "base64" instead of "text".
bool is_typed(const nlohmann::ordered_json& value);

}  // namespace belfry::cli
