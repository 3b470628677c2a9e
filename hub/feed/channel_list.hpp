// The channels at one place of the index, asked about a key together.
//
// Where many filters of one kind are, and its plugin can answer for many at once, most of them are in a set. Those that
// came lately are asked one by one until that has cost about as much as making a new set with them does: so neither a
// thousand channels that open one after another nor a busy hub to which one comes a minute pays more than twice what it
// must.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hub/feed/channel.hpp"
#include "hub/plugin/filter_set.hpp"

namespace belfry::hub::feed {

class ChannelList {
public:
    // The channel must outlive its place in the list.
    void insert(Channel& channel);
    void erase(const Channel& channel);
    bool empty() const;

    // Calls visit(Channel&, Sight) once for each channel for which the change is something. What of the change is looked
    // at, and how it is judged: Filter::sight. `everywhere`: the filters' ranges may not hold the key.
    template <class Visit>
    void ask(BytesView key, std::optional<BytesView> now, std::optional<BytesView> before, bool everywhere, Visit&& visit) {
        for (Group& group : groups_) {
            if (group.asked_singly >= group.patience) merge(group);
            if (group.set != nullptr && !ask_set(group, key, now, before, visit)) {
                ask_singly(group.in_set, key, now, before, everywhere, visit);
            }
            ask_singly(group.others, key, now, before, everywhere, visit);
            if (group.patience != never) group.asked_singly += group.others.size();
        }
    }

private:
    static constexpr uint64_t never = UINT64_MAX;
    struct Group {  // filters of one kind that are alike in whether they read values
        std::string kind;
        bool reads_value = false;
        std::vector<Channel*> in_set;  // by place in the set; NULL: erased since
        std::vector<Channel*> others;
        std::unique_ptr<plugin::FilterSet> set;
        size_t erased = 0;          // places of in_set
        uint64_t asked_singly = 0;  // questions to others, since the set was made
        uint64_t patience = never;  // that many, then merge
    };

    Group& group_of(const Channel& channel);
    void merge(Group& group);

    template <class Visit>
    static void ask_singly(const std::vector<Channel*>& channels, BytesView key, std::optional<BytesView> now,
                           std::optional<BytesView> before, bool everywhere, Visit&& visit) {
        for (Channel* channel : channels) {
            if (channel == nullptr || (everywhere && !channel->filter->range().contains(key))) continue;
            const plugin::Sight sight = channel->filter->sight(key, now, before);
            if (sight != plugin::Sight::nothing) visit(*channel, sight);
        }
    }
    template <class Visit>
    bool ask_set(Group& group, BytesView key, std::optional<BytesView> now, std::optional<BytesView> before,
                 Visit&& visit) {
        if (!fill_sights(group, key, now, before)) return false;
        for (size_t word = 0; word < puts_.size(); ++word) {
            visit_bits(group, word, puts_[word], plugin::Sight::put, visit);
            visit_bits(group, word, gone_[word], plugin::Sight::gone, visit);
        }
        return true;
    }
    template <class Visit>
    static void visit_bits(const Group& group, size_t word, uint64_t bits, plugin::Sight sight, Visit&& visit) {
        for (; bits != 0; bits &= bits - 1) {
            Channel* channel = group.in_set[word * 64 + static_cast<size_t>(std::countr_zero(bits))];
            if (channel != nullptr) visit(*channel, sight);
        }
    }
    // puts_ and gone_: Filter::sight of each filter of the set. False: ask one by one.
    bool fill_sights(Group& group, BytesView key, std::optional<BytesView> now, std::optional<BytesView> before);

    std::vector<Group> groups_;
    std::vector<uint64_t> puts_, gone_;
};

}  // namespace belfry::hub::feed
