// How deep a TOML text nests, counted before any parser sees it: toml++ makes a table for every dot of a name, without a
// bound, and takes them down by recursion, so that a name of 100,000 dots overflows the stack.
//
//     if (const auto line = too_deep_line(text)) return Error{Code::too_large, "line " + std::to_string(*line) + ...};
//     toml::parse(text)
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace belfry {

namespace limits {
// Brackets and dots that are open at one place; a number's dot counts too. Twice what a document may have.
inline constexpr size_t toml_depth_max = 128;
}  // namespace limits

// The first line that is deeper; none: a parser may read it. About what no parser reads it may say either.
std::optional<size_t> too_deep_line(std::string_view toml);

}  // namespace belfry
