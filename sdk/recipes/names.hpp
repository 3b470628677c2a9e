// What names of recipes are made of. Private to sdk/recipes.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>

#include "sdk/base/types.hpp"

namespace belfry::recipes {

// The first part of the name behind a '/' that is one of these words.
inline std::optional<BytesView> part_among(BytesView name, std::initializer_list<BytesView> words) {
    for (size_t slash = name.find('/'); slash != BytesView::npos; slash = name.find('/', slash + 1)) {
        const BytesView rest = name.substr(slash + 1), part = rest.substr(0, rest.find('/'));
        if (std::find(words.begin(), words.end(), part) != words.end()) return part;
    }
    return {};
}

}  // namespace belfry::recipes
