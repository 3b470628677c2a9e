// The host's side of a filter plugin's sets: many filters of one kind, asked about a key at once.
#pragma once

#include <memory>
#include <vector>

#include "hub/plugin/filter.hpp"

namespace belfry::hub::plugin {

class FilterSet {
public:
    using Filters = std::vector<std::shared_ptr<const Filter>>;
    // The kind's plugin makes sets.
    static bool is_offered_for(const Filter& filter);
    // Filters of one kind, each once. None: the plugin refuses these; ask them one by one.
    static std::unique_ptr<FilterSet> make(Filters filters);
    ~FilterSet();
    FilterSet(const FilterSet&) = delete;
    FilterSet& operator=(const FilterSet&) = delete;

    // Bit i of bits: filter i, as given to make(), matches. False: not to be said, ask one by one. One thread at a time.
    bool matches(BytesView key, BytesView value, std::vector<uint64_t>& bits);

private:
    FilterSet(Filters filters, const belfry_filter_v1& table, belfry_filter_set* set);
    Filters filters_;  // outlive the plugin's set
    const belfry_filter_v1& table_;
    belfry_filter_set* set_;
};

}  // namespace belfry::hub::plugin
