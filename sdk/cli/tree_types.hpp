// The content types of an exported tree, in the file ".belfry-types" at its root: a line TYPE<tab>KEY for each key that has
// one, the key as printable() writes it. An export that holds a type, or a file whose name would be taken for one
// (app.json), has this file; then it says all, and an import guesses nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::cli {

inline constexpr std::string_view tree_types_name = ".belfry-types";

using TreeTypes = std::map<Bytes, Bytes>;  // by key

// None: there is no such file.
Result<std::optional<TreeTypes>> read_tree_types(const std::string& root);
std::string write_tree_types(const TreeTypes& types);

}  // namespace belfry::cli
