// Filters in C++: write a class with the members of FilterConcept and name it in BELFRY_PLUGIN:
//     BELFRY_PLUGIN(filter_mine, "1.0.0", "Matches as I like.", belfry::plugin::filter<MyFilter>())
// The meanings are those of sdk/plugin/filter.h. compile() may throw (the adapter answers `io`), the rest must not.
// Say `static constexpr bool reads_value = false;` if matches() looks at keys alone: it spares the hub work.
#pragma once

#include <concepts>

#include "sdk/plugin/filter.h"
#include "sdk/plugin/plugin.hpp"

namespace belfry::plugin {

// Every key that can match lies in [begin, end); end empty = no upper end.
struct FilterRange {
    BytesView begin, end;
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

public:
    static constexpr belfry_filter_v1 slots = {
        sizeof(belfry_filter_v1), 0, T::kind, compile, canonical, range, matches, close, reads_value()};
};

template <FilterConcept T>
belfry_interface filter() {
    return {BELFRY_KIND_FILTER, 0, &FilterTable<T>::slots};
}

}  // namespace belfry::plugin
