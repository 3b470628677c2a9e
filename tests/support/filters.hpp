// Filters for tests of the feed, behind the real seam: "exact", "prefix", "suffix" (whose range is everything), "even":
// keys with a prefix whose values are even (is_even), and "author": the change sets of one author.
#pragma once

#include <string>

#include "hub/plugin/filter.hpp"
#include "sdk/base/key_range.hpp"
#include "sdk/plugin/plugin.hpp"

namespace belfry::test {

// By size and last octet: values of random sizes and values that count both change it often.
inline bool is_even(BytesView value) {
    const size_t last = value.empty() ? 0 : static_cast<unsigned char>(value.back());
    return (value.size() + last) % 2 == 0;
}

enum class FilterKind { exact, prefix, suffix, even, author };

struct TestFilter {
    FilterKind kind;
    Bytes spec;
    Bytes begin, end;
};

// Written once, then only read: the simulator asks from several threads.
template <FilterKind kind>
const belfry_filter_v1& filter_table() {
    static const belfry_filter_v1 table = [] {
        constexpr const char* names[] = {"exact", "prefix", "suffix", "even", "author"};
        belfry_filter_v1 made{};
        made.struct_size = sizeof(made);
        made.kind = names[static_cast<size_t>(kind)];
        made.compile = [](belfry_bytes spec, belfry_filter** filter, belfry_error* error) -> belfry_status {
            const Bytes text(plugin::from_c(spec));
            if (text == "refuse me") return plugin::fail(error, Code::invalid_argument, "refused as asked");
            auto* made_filter = new TestFilter{kind, text, text, text + '\0'};
            if (kind == FilterKind::prefix || kind == FilterKind::even)
                made_filter->end = prefix_end(text) == Bytes(1, '\0') ? "" : prefix_end(text);
            if (kind == FilterKind::suffix || kind == FilterKind::author) made_filter->begin = made_filter->end = "";
            *filter = reinterpret_cast<belfry_filter*>(made_filter);
            return BELFRY_OK;
        };
        made.canonical = [](const belfry_filter* filter, belfry_bytes* spec) {
            *spec = plugin::to_c(reinterpret_cast<const TestFilter*>(filter)->spec);
        };
        made.range = [](const belfry_filter* filter, belfry_bytes* begin, belfry_bytes* end) {
            *begin = plugin::to_c(reinterpret_cast<const TestFilter*>(filter)->begin);
            *end = plugin::to_c(reinterpret_cast<const TestFilter*>(filter)->end);
        };
        made.matches = [](const belfry_filter* filter, belfry_bytes key, belfry_bytes value) -> int32_t {
            const Bytes& spec = reinterpret_cast<const TestFilter*>(filter)->spec;
            const BytesView text = plugin::from_c(key);
            if (kind == FilterKind::exact) return text == spec;
            if (kind == FilterKind::author) return 1;
            if (kind == FilterKind::even) return text.starts_with(spec) && is_even(plugin::from_c(value));
            return kind == FilterKind::prefix ? text.starts_with(spec) : text.ends_with(spec);
        };
        made.close = [](belfry_filter* filter) { delete reinterpret_cast<TestFilter*>(filter); };
        made.reads_value = [](const belfry_filter*) -> int32_t { return kind == FilterKind::even; };
        if (kind == FilterKind::author) {
            made.matches_change = [](const belfry_filter* filter, const belfry_change* change) -> int32_t {
                return plugin::from_c(change->author) == reinterpret_cast<const TestFilter*>(filter)->spec;
            };
        }
        return made;
    }();
    return table;
}

inline hub::plugin::Filters all_filters() {
    hub::plugin::Filters filters;
    (void)filters.add(filter_table<FilterKind::exact>());
    (void)filters.add(filter_table<FilterKind::prefix>());
    (void)filters.add(filter_table<FilterKind::suffix>());
    (void)filters.add(filter_table<FilterKind::even>());
    (void)filters.add(filter_table<FilterKind::author>());
    return filters;
}

}  // namespace belfry::test
