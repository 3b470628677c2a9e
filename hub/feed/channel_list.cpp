#include "hub/feed/channel_list.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"

namespace belfry::hub::feed {
namespace {

// Fewer are asked one by one: that takes a microsecond or two.
constexpr size_t set_size_min = 16;
// Making a set costs about as much for each filter as asking it this often (measured: globs 4, regex and json 10).
constexpr uint64_t asks_per_filter = 8;
// So many join a set at once, which bounds what making it holds up the core (a regex that was never in one takes 50 us).
constexpr size_t join_max = 128;

}  // namespace

ChannelList::Group& ChannelList::group_of(const Channel& channel) {
    const plugin::Filter& filter = *channel.filter;
    for (Group& group : groups_) {
        if (group.kind == filter.kind() && group.reads_value == filter.reads_value()) return group;
    }
    Group& group = groups_.emplace_back();
    group.kind = filter.kind();
    group.reads_value = filter.reads_value();
    return group;
}

void ChannelList::insert(Channel& channel) {
    Group& group = group_of(channel);
    group.others.push_back(&channel);
    const size_t size = group.in_set.size() - group.erased + group.others.size();
    if (size >= set_size_min && plugin::FilterSet::is_offered_for(*channel.filter)) {
        group.patience = asks_per_filter * size;
    }
}

void ChannelList::erase(const Channel& channel) {
    Group& group = group_of(channel);
    const auto single = std::find(group.others.begin(), group.others.end(), &channel);
    if (single != group.others.end()) {
        group.others.erase(single);
    } else {
        const auto place = std::find(group.in_set.begin(), group.in_set.end(), &channel);
        BELFRY_ASSERT(place != group.in_set.end());
        *place = nullptr;
        ++group.erased;
        // More are gone than there: those left are others again, and join a new set.
        if (group.erased * 2 > group.in_set.size()) {
            for (Channel* left : group.in_set) {
                if (left != nullptr) group.others.push_back(left);
            }
            group.in_set.clear();
            group.set.reset();
            group.erased = 0;
        }
    }
    if (group.others.empty() && group.in_set.empty()) groups_.erase(groups_.begin() + (&group - groups_.data()));
}

bool ChannelList::empty() const { return groups_.empty(); }

void ChannelList::merge(Group& group) {
    group.asked_singly = 0;
    if (group.others.empty()) return;
    std::vector<Channel*> channels;
    std::copy_if(group.in_set.begin(), group.in_set.end(), std::back_inserter(channels),
                 [](const Channel* channel) { return channel != nullptr; });
    const auto join_end = group.others.begin() + static_cast<ptrdiff_t>(std::min(join_max, group.others.size()));
    channels.insert(channels.end(), group.others.begin(), join_end);
    if (channels.size() < set_size_min) {
        group.patience = never;
        return;
    }
    plugin::FilterSet::Filters filters;
    for (const Channel* channel : channels) filters.push_back(channel->filter);
    auto set = plugin::FilterSet::make(std::move(filters));
    group.patience = asks_per_filter * channels.size();
    if (set == nullptr) {
        // What is refused stays so until another channel comes, and is then tried again.
        group.patience = never;
        return;
    }
    group.set = std::move(set);
    group.in_set = std::move(channels);
    group.erased = 0;
    group.others.erase(group.others.begin(), join_end);
}

bool ChannelList::fill_sights(Group& group, BytesView key, std::optional<BytesView> now, std::optional<BytesView> before) {
    const size_t words = (group.in_set.size() + 63) / 64;
    const auto none = [&](std::vector<uint64_t>& bits) { bits.assign(words, 0); };
    if (!group.reads_value) {
        std::vector<uint64_t>& matching = now ? puts_ : gone_;
        none(now ? gone_ : puts_);
        return group.set->matches(key, now.value_or(BytesView()), matching);
    }
    none(puts_);
    none(gone_);
    if (now && !group.set->matches(key, *now, puts_)) return false;
    if (before && before != now && !group.set->matches(key, *before, gone_)) return false;
    for (size_t word = 0; word < words; ++word) gone_[word] &= ~puts_[word];
    return true;
}

}  // namespace belfry::hub::feed
