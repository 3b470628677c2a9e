// Flat keys as nested names, as JSON and TOML have them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sdk/cli/items.hpp"

namespace belfry::cli {

struct Nest {
    std::map<Bytes, const Item*> values;
    std::map<Bytes, Nest> nests;
};

// Borrows the items: `items` must live as long. The names joined by '/' give the keys back (items.hpp has the rules).
Result<Nest> nest(const std::vector<Item>& items);

}  // namespace belfry::cli
