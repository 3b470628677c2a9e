#include "hub/plugin/filter.hpp"

#include <array>

#include "hub/base/assert.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/base/limits.hpp"

namespace belfry::hub::plugin {

using belfry::plugin::from_c;

namespace {

ChannelId channel_of(const std::string& kind, const Bytes& canonical) {
    Bytes name = kind;
    name += '\0';
    name += canonical;
    return ChannelId{hash64(name)};
}

// From the seam's [begin, end) to ours, which spells "one key" and "no end" its own way. No key is empty.
KeyRange range_of(BytesView begin, BytesView end) {
    const Bytes first = begin.empty() ? Bytes(1, '\0') : Bytes(begin);
    if (end.empty()) return {first, Bytes(1, '\0')};
    if (end == first + '\0') return KeyRange::one(first);
    return {first, Bytes(end)};
}

}  // namespace

Filter::Filter(const belfry_filter_v1& table, belfry_filter* filter) : table_(table), filter_(filter), kind_(table.kind) {
    belfry_bytes canonical = {nullptr, 0};
    table.canonical(filter, &canonical);
    canonical_ = from_c(canonical);
    channel_ = channel_of(kind_, canonical_);
    belfry_bytes begin = {nullptr, 0};
    belfry_bytes end = {nullptr, 0};
    table.range(filter, &begin, &end);
    range_ = range_of(from_c(begin), from_c(end));
    if (BELFRY_HAS(&table, belfry_filter_v1, reads_value)) reads_value_ = table.reads_value(filter) != 0;
    of_changes_ = BELFRY_HAS(&table, belfry_filter_v1, matches_change);
    if (of_changes_) reads_value_ = false;
}

Filter::~Filter() { table_.close(filter_); }

bool Filter::matches(BytesView key, BytesView value) const {
    return table_.matches(filter_, belfry::plugin::to_c(key), belfry::plugin::to_c(value)) != 0;
}

bool Filter::takes(BytesView author, const Labels& labels) const {
    if (!of_changes_) return true;
    std::array<belfry_bytes, limits::labels_max> views;
    BELFRY_ASSERT(labels.size() <= views.size());
    for (size_t i = 0; i < labels.size(); ++i) views[i] = belfry::plugin::to_c(BytesView(labels[i]));
    const belfry_change change = {sizeof(belfry_change), 0, belfry::plugin::to_c(author), views.data(), labels.size()};
    return table_.matches_change(filter_, &change) != 0;
}

Sight Filter::sight(BytesView key, std::optional<BytesView> now, std::optional<BytesView> before) const {
    if (!reads_value_) {
        if (!matches(key, now.value_or(BytesView()))) return Sight::nothing;
        return now ? Sight::put : Sight::gone;
    }
    if (now && matches(key, *now)) return Sight::put;
    return before && matches(key, *before) ? Sight::gone : Sight::nothing;
}

Result<std::shared_ptr<const Filter>> Filters::compile(const protocol::FilterSpec& spec) const {
    const auto table = kinds_.find(spec.kind);
    if (!table) return table.error();
    if (spec.spec.size() > limits::filter_spec_bytes_max) {
        return Error{Code::invalid_argument, "filter '" + spec.kind + "': the spec has " +
                                                 std::to_string(spec.spec.size()) + " octets, at most " +
                                                 std::to_string(limits::filter_spec_bytes_max) + " are allowed"};
    }
    belfry_filter* filter = nullptr;
    if (Status compiled = kinds_.compile(**table, spec.spec, &filter); !compiled) return compiled.error();
    return std::shared_ptr<const Filter>(new Filter(**table, filter));
}

}  // namespace belfry::hub::plugin
