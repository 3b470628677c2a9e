// Which channels want a key: found by lookup, so that a change costs the same with ten channels and with a thousand.
//
// A filter whose range is one key is found by that key; one whose range is a prefix by the key's beginning, once per
// distinct prefix length in use; the few others are tried one by one, by their range. What is found is then to be asked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "hub/plugin/filter.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::feed {

// A channel's changes of one change set that wait for the next flush.
struct PendingChange {
    ChangeSet change;  // only the channel's events; none if announce_only
    size_t bytes = 0;
    bool announce_only = false;  // too large to publish
};

struct Channel {
    ChannelId id;
    std::shared_ptr<const plugin::Filter> filter;
    Revision last_to;               // end of the last message's interval
    uint64_t changed_sequence = 0;  // the mark that followed, or will follow, the last message
    bool subscribed = false;
    uint64_t idle_since_ms = 0;  // if not subscribed
    uint64_t idle_sequence = 0;  // the last mark at that moment
    std::vector<PendingChange> pending;
};

class ChannelIndex {
public:
    // The channel must outlive its place in the index.
    void insert(Channel& channel);
    void erase(const Channel& channel);

    // Calls visit(Channel&) once for each channel whose filter the key may match.
    template <class Visit>
    void for_each_candidate(BytesView key, Visit&& visit) const {
        if (!by_key_.empty()) visit_list(by_key_, key, visit);
        for (const auto& [length, count] : prefix_lengths_) {
            if (length > key.size()) break;
            visit_list(by_prefix_, key.substr(0, length), visit);
        }
        for (Channel* channel : others_) {
            if (channel->filter->range().contains(key)) visit(*channel);
        }
    }

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(BytesView bytes) const { return std::hash<BytesView>{}(bytes); }
    };
    using Table = std::unordered_map<Bytes, std::vector<Channel*>, Hash, std::equal_to<>>;

    template <class Visit>
    static void visit_list(const Table& table, BytesView at, Visit&& visit) {
        const auto found = table.find(at);
        if (found == table.end()) return;
        for (Channel* channel : found->second) visit(*channel);
    }

    Table by_key_;
    Table by_prefix_;
    std::vector<std::pair<size_t, size_t>> prefix_lengths_;  // length, channels; ascending
    std::vector<Channel*> others_;
};

}  // namespace belfry::hub::feed
