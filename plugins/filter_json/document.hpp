// A value as a JSON document, if it is one.
#pragma once

#include <nlohmann/json.hpp>

#include "sdk/base/types.hpp"

namespace belfry::filter_json {

// A larger value counts as no JSON: parsing this much takes 10 ms of the core thread and 25 MB at worst.
inline constexpr size_t document_bytes_max = 1024 * 1024;
// Configuration nests a few levels deep; deeper is garbage or an attack.
inline constexpr size_t document_depth_max = 64;

// NULL: no JSON document, or past a bound. The document is the calling thread's and lives until its next but one call with
// another value: the feed asks many filters about the same two values, what was and what is, one after another.
const nlohmann::json* document_of(BytesView value);

}  // namespace belfry::filter_json
