// Which channels want a change of a key: found by lookup, so that it costs about the same with ten channels and with a
// thousand.
//
// A filter whose range is one key is found by that key; one whose range is a prefix by the key's beginning, once per
// distinct prefix length in use; the few others by their range. What is found is asked, many together (channel_list.hpp).
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "hub/feed/channel_list.hpp"

namespace belfry::hub::feed {

class ChannelIndex {
public:
    // The channel must outlive its place in the index.
    void insert(Channel& channel);
    void erase(const Channel& channel);

    // Calls visit(Channel&, Sight) once for each channel for which the change is something; the rest is as in
    // Filter::sight.
    template <class Visit>
    void ask(BytesView key, std::optional<BytesView> now, std::optional<BytesView> before, Visit&& visit) {
        const auto ask_at = [&](Table& table, BytesView at) {
            const auto found = table.find(at);
            if (found != table.end()) found->second.ask(key, now, before, false, visit);
        };
        if (!by_key_.empty()) ask_at(by_key_, key);
        for (const auto& [length, count] : prefix_lengths_) {
            if (length > key.size()) break;
            ask_at(by_prefix_, key.substr(0, length));
        }
        others_.ask(key, now, before, true, visit);
    }

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(BytesView bytes) const { return std::hash<BytesView>{}(bytes); }
    };
    using Table = std::unordered_map<Bytes, ChannelList, Hash, std::equal_to<>>;

    Table by_key_;
    Table by_prefix_;
    std::vector<std::pair<size_t, size_t>> prefix_lengths_;  // length, channels; ascending
    ChannelList others_;
};

}  // namespace belfry::hub::feed
