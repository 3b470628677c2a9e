// How deep a TOML text nests, counted before any parser sees it: toml++ makes a table for every dot of a name, without a
// bound, and takes them down by recursion, so that a name of 100,000 dots overflows the stack.
//
//     if (Status flat = check_toml_depth(text, "belfry.toml:"); !flat) return flat.error();
//     toml::parse(text)
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/error.hpp"

namespace belfry {

namespace limits {
// Brackets and dots that are open at one place; a number's dot counts too. Twice what a document may have.
inline constexpr size_t toml_depth_max = 128;
}  // namespace limits

// The first line that is deeper; none: a parser may read it. About what no parser reads it may say either.
std::optional<size_t> too_deep_line(std::string_view toml);
// `too_large`: there is one; the sentence begins with `place` and the line's number.
Status check_toml_depth(std::string_view toml, const std::string& place);

}  // namespace belfry
