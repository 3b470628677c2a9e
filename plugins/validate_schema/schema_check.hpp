// What makes a JSON Schema unfit to be run in a hub, found before the library sees it: it follows references by recursion
// and matches patterns by a backtracker, so some schemas would overrun the stack or never end.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "sdk/base/error.hpp"

namespace belfry::validate_schema {

inline constexpr int schema_depth_max = 32;
// The longest way through a schema, references followed: the library goes it by recursion, some KiB of stack for each
// level.
inline constexpr size_t way_max = 400;
// Schemas that apply to the same place of a value, one through the other (allOf, $ref ...).
inline constexpr size_t chain_max = 16;

// `invalid_argument` with the place.
Status check_schema(const nlohmann::json& schema);

}  // namespace belfry::validate_schema
