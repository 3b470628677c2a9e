// Filters in C++: write a class with the members of FilterConcept and name it in BELFRY_PLUGIN:
//     BELFRY_PLUGIN(filter_mine, "1.0.0", "Matches as I like.", belfry::plugin::filter<MyFilter>())
// The meanings are those of sdk/plugin/filter.h. compile() may throw (the adapter answers `io`), the rest must not.
// Say `static constexpr bool reads_value = false;` if matches() looks at keys alone: it spares the hub work.
//
// A class that can answer for many filters at once has a member class `Set` (FilterSetConcept); one that selects change
// sets has `bool matches_change(const Change&) const`.
#pragma once

#include <concepts>
#include <span>
#include <vector>

#include "sdk/base/key_range.hpp"
#include "sdk/plugin/filter.h"
#include "sdk/plugin/plugin.hpp"

namespace belfry::plugin {

// Every key that can match lies in [begin, end); end empty = no upper end.
struct FilterRange {
    BytesView begin, end;
};
// The end of the range of all keys with this prefix.
inline Bytes range_end(BytesView prefix) {
    Bytes end = prefix_end(prefix);
    return end == KeyRange::all().end ? Bytes() : end;
}

struct Change {
    BytesView author;
    std::vector<BytesView> labels;
};

// `static constexpr const char* kind` is the word users write. What canonical() and range() view lives as long as the
// filter does.
template <class T>
concept FilterConcept = requires(const T filter, BytesView bytes) {
    { T::kind } -> std::convertible_to<const char*>;
    { T::compile(bytes) } -> std::same_as<Result<std::unique_ptr<T>>>;
    { filter.canonical() } -> std::convertible_to<BytesView>;
    { filter.range() } -> std::same_as<FilterRange>;
    { filter.matches(bytes, bytes) } -> std::same_as<bool>;
};

// make() may throw, and refuses what is not worth it; the filters outlive the set. matches() sets the bits of those that
// match, or answers false: then each is asked. It must not throw.
template <class T>
concept FilterSetConcept = requires(typename T::Set set, std::span<const T* const> filters, BytesView bytes,
                                    uint64_t* bits) {
    { T::Set::make(filters) } -> std::same_as<Result<std::unique_ptr<typename T::Set>>>;
    { set.matches(bytes, bytes, bits) } -> std::same_as<bool>;
};

inline void set_bit(uint64_t* bits, size_t at) { bits[at / 64] |= uint64_t{1} << (at % 64); }

template <FilterConcept T>
class FilterTable {
    static const T& of(const belfry_filter* filter) { return *reinterpret_cast<const T*>(filter); }

    static belfry_status compile(belfry_bytes spec, belfry_filter** filter, belfry_error* error) {
        return guarded(error, [&] {
            auto compiled = T::compile(from_c(spec));
            if (!compiled) return fail(error, compiled.error().code, compiled.error().detail);
            *filter = reinterpret_cast<belfry_filter*>(std::move(*compiled).release());
            return belfry_status{BELFRY_OK};
        });
    }
    static void canonical(const belfry_filter* filter, belfry_bytes* spec) noexcept {
        *spec = plugin::to_c(BytesView(of(filter).canonical()));
    }
    static void range(const belfry_filter* filter, belfry_bytes* begin, belfry_bytes* end) noexcept {
        const FilterRange range = of(filter).range();
        *begin = plugin::to_c(range.begin);
        *end = plugin::to_c(range.end);
    }
    static int32_t matches(const belfry_filter* filter, belfry_bytes key, belfry_bytes value) noexcept {
        return of(filter).matches(from_c(key), from_c(value)) ? 1 : 0;
    }
    static void close(belfry_filter* filter) { delete &of(filter); }
    static constexpr auto reads_value() -> int32_t (*)(const belfry_filter*) {
        if constexpr (requires { T::reads_value; }) {
            return [](const belfry_filter*) -> int32_t { return T::reads_value ? 1 : 0; };
        } else {
            return nullptr;
        }
    }

    static constexpr auto set_make() -> decltype(belfry_filter_v1::set_make) {
        if constexpr (FilterSetConcept<T>) {
            return [](const belfry_filter* const* filters, uint64_t count, belfry_filter_set** set,
                      belfry_error* error) -> belfry_status {
                return guarded(error, [&] {
                    std::vector<const T*> given;
                    for (uint64_t i = 0; i < count; ++i) given.push_back(&of(filters[i]));
                    auto made = T::Set::make(given);
                    if (!made) return fail(error, made.error().code, made.error().detail);
                    *set = reinterpret_cast<belfry_filter_set*>(std::move(*made).release());
                    return belfry_status{BELFRY_OK};
                });
            };
        } else {
            return nullptr;
        }
    }
    static constexpr auto set_matches() -> decltype(belfry_filter_v1::set_matches) {
        if constexpr (FilterSetConcept<T>) {
            return [](belfry_filter_set* set, belfry_bytes key, belfry_bytes value, uint64_t* bits) -> int32_t {
                auto& asked = *reinterpret_cast<typename T::Set*>(set);
                return asked.matches(from_c(key), from_c(value), bits) ? 1 : 0;
            };
        } else {
            return nullptr;
        }
    }
    static constexpr auto set_close() -> decltype(belfry_filter_v1::set_close) {
        if constexpr (FilterSetConcept<T>) {
            return [](belfry_filter_set* set) { delete reinterpret_cast<typename T::Set*>(set); };
        } else {
            return nullptr;
        }
    }
    static constexpr auto matches_change() -> decltype(belfry_filter_v1::matches_change) {
        if constexpr (requires(const T filter, const Change& change) { filter.matches_change(change); }) {
            return [](const belfry_filter* filter, const belfry_change* given) -> int32_t {
                Change change{from_c(given->author), {}};
                change.labels.reserve(given->label_count);
                for (uint64_t i = 0; i < given->label_count; ++i) change.labels.push_back(from_c(given->labels[i]));
                return of(filter).matches_change(change) ? 1 : 0;
            };
        } else {
            return nullptr;
        }
    }

public:
    static constexpr belfry_filter_v1 slots = {sizeof(belfry_filter_v1),
                                               0,
                                               T::kind,
                                               compile,
                                               canonical,
                                               range,
                                               matches,
                                               close,
                                               reads_value(),
                                               set_make(),
                                               set_matches(),
                                               set_close(),
                                               matches_change()};
};

template <FilterConcept T>
belfry_interface filter() {
    return {BELFRY_KIND_FILTER, 0, &FilterTable<T>::slots};
}

}  // namespace belfry::plugin
