#include "sdk/cli/nesting.hpp"

#include <algorithm>
#include <unordered_set>

#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

std::vector<std::string_view> parts_of(std::string_view key) {
    std::vector<std::string_view> parts;
    while (true) {
        const size_t slash = key.find('/');
        parts.push_back(key.substr(0, slash));
        if (slash == std::string_view::npos) return parts;
        key.remove_prefix(slash + 1);
    }
}

// How many leading parts may become nests; the others stay together as the name of the value.
size_t nests_of(std::string_view key, const std::vector<std::string_view>& parts,
                const std::unordered_set<std::string_view>& keys) {
    size_t depth = std::min(parts.size() - 1, nesting_depth_max);
    // {"x": {"base64": "..."}} would be read as octets, with "content_type" as a typed value.
    if (parts.size() > 1 && (parts.back() == "base64" || parts.back() == "content_type"))
        depth = std::min(depth, parts.size() - 2);
    size_t octets = 0;
    for (size_t i = 0; i < depth; ++i) {
        octets += parts[i].size();
        if (keys.contains(key.substr(0, octets))) return i;
        ++octets;  // the slash
    }
    return depth;
}

}  // namespace

Result<Nest> nest(const std::vector<Item>& items) {
    std::unordered_set<std::string_view> keys;
    keys.reserve(items.size());
    for (const Item& item : items) keys.insert(item.key);
    Nest root;
    for (const Item& item : items) {
        if (!is_utf8(item.key)) {
            return Error{
                Code::invalid_argument,
                "key '" + printable(item.key) + "' is not UTF-8, which JSON and TOML names must be; export to a folder"};
        }
        const auto parts = parts_of(item.key);
        const size_t depth = nests_of(item.key, parts, keys);
        Nest* place = &root;
        size_t octets = 0;
        for (size_t i = 0; i < depth; ++i) {
            place = &place->nests[Bytes(parts[i])];
            octets += parts[i].size() + 1;
        }
        place->values[item.key.substr(octets)] = &item;
    }
    return root;
}

}  // namespace belfry::cli
