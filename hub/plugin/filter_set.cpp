#include "hub/plugin/filter_set.hpp"

#include "hub/base/assert.hpp"
#include "hub/plugin/call.hpp"

namespace belfry::hub::plugin {

bool FilterSet::is_offered_for(const Filter& filter) {
    const belfry_filter_v1* table = &filter.table_;
    return BELFRY_HAS(table, belfry_filter_v1, set_make) && BELFRY_HAS(table, belfry_filter_v1, set_matches) &&
           BELFRY_HAS(table, belfry_filter_v1, set_close);
}

std::unique_ptr<FilterSet> FilterSet::make(Filters filters) {
    BELFRY_ASSERT(!filters.empty());
    const belfry_filter_v1& table = filters.front()->table_;
    std::vector<const belfry_filter*> given;
    for (const auto& filter : filters) {
        BELFRY_ASSERT(&filter->table_ == &table);
        given.push_back(filter->filter_);
    }
    ErrorBuffer error;
    belfry_filter_set* set = nullptr;
    if (table.set_make(given.data(), given.size(), &set, error) != BELFRY_OK || set == nullptr) return nullptr;
    return std::unique_ptr<FilterSet>(new FilterSet(std::move(filters), table, set));
}

FilterSet::FilterSet(Filters filters, const belfry_filter_v1& table, belfry_filter_set* set)
    : filters_(std::move(filters)), table_(table), set_(set) {}

FilterSet::~FilterSet() { table_.set_close(set_); }

bool FilterSet::matches(BytesView key, BytesView value, std::vector<uint64_t>& bits) {
    bits.assign((filters_.size() + 63) / 64, 0);
    return table_.set_matches(set_, belfry::plugin::to_c(key), belfry::plugin::to_c(value), bits.data()) != 0;
}

}  // namespace belfry::hub::plugin
