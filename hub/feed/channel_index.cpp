#include "hub/feed/channel_index.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"

namespace belfry::hub::feed {
namespace {

std::optional<Bytes> only_key(const KeyRange& range) {
    if (range.is_one() || range.end == range.begin + '\0') return range.begin;
    return std::nullopt;
}

std::optional<Bytes> common_prefix(const KeyRange& range) {
    if (range == KeyRange::prefix(range.begin)) return range.begin;
    if (range == KeyRange::all() || range == KeyRange::prefix("")) return Bytes();
    return std::nullopt;
}

}  // namespace

void ChannelIndex::insert(Channel& channel) {
    const KeyRange& range = channel.filter->range();
    if (const auto key = only_key(range)) {
        by_key_[*key].insert(channel);
        return;
    }
    const auto prefix = common_prefix(range);
    if (!prefix) {
        others_.insert(channel);
        return;
    }
    by_prefix_[*prefix].insert(channel);
    const auto place =
        std::lower_bound(prefix_lengths_.begin(), prefix_lengths_.end(), std::pair{prefix->size(), size_t{0}});
    if (place != prefix_lengths_.end() && place->first == prefix->size()) {
        ++place->second;
    } else {
        prefix_lengths_.insert(place, {prefix->size(), 1});
    }
}

void ChannelIndex::erase(const Channel& channel) {
    const KeyRange& range = channel.filter->range();
    const auto key = only_key(range);
    const auto prefix = key ? std::nullopt : common_prefix(range);
    if (!key && !prefix) return others_.erase(channel);

    Table& table = key ? by_key_ : by_prefix_;
    const auto found = table.find(key ? *key : *prefix);
    BELFRY_ASSERT(found != table.end());
    found->second.erase(channel);
    if (found->second.empty()) table.erase(found);
    if (key) return;
    const auto place =
        std::lower_bound(prefix_lengths_.begin(), prefix_lengths_.end(), std::pair{prefix->size(), size_t{0}});
    BELFRY_ASSERT(place != prefix_lengths_.end());
    if (--place->second == 0) prefix_lengths_.erase(place);
}

}  // namespace belfry::hub::feed
