// Keys as paths of files. Most keys are paths already and are taken as they are. If one key of an export is not (an empty
// part, "." or "..", a zero octet, a part longer than a file name may be, a key that is also another's folder), the whole
// export is written with escapes, and a file named ".belfry-tree" at its root says so:
//
//   %HH    one octet: '%' itself, zero, the first dot of "." and "..", of ".belfry-tree" and ".belfry-types" at the root
//   %_     an empty part            NAME%+/REST   one part, NAME and REST joined
//   %=     as last name: the value of the folder's own key
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "sdk/base/types.hpp"

namespace belfry::cli {

inline constexpr std::string_view tree_marker = ".belfry-tree";

class TreeNames {
public:
    // `escaped`: also if these keys would not need it.
    explicit TreeNames(const std::vector<Bytes>& keys, bool escaped = false);

    bool escaped() const { return escaped_; }
    // Relative, never leaving the root. REQUIRES: one of the keys.
    std::string path_of(BytesView key) const;

private:
    std::unordered_set<Bytes> folders_;
    bool escaped_ = false;
};

// The key of a path in a tree that has the marker; none = no export made this name.
std::optional<Bytes> key_of_escaped_path(std::string_view path);

}  // namespace belfry::cli
