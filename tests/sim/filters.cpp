#include "tests/sim/filters.hpp"

#include <cstdlib>

#include "hub/plugin/plugin.hpp"
#include "tests/support/filters.hpp"

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_filter_exact(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_prefix(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_glob(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_author(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_filter_label(const belfry_host_v1*, belfry_error*);
}

namespace belfry::sim {

hub::plugin::Filters make_filters() {
    static const belfry_host_v1 host = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, nullptr,
                                        [](void*, int32_t, const char*, const char*) {}};
    hub::plugin::Filters filters;
    for (const auto entry :
         {&belfry_plugin_entry_filter_exact, &belfry_plugin_entry_filter_prefix, &belfry_plugin_entry_filter_glob,
          &belfry_plugin_entry_filter_author, &belfry_plugin_entry_filter_label}) {
        const auto plugin = hub::plugin::link_plugin(entry, host);
        if (!plugin) std::abort();
        for (const auto* table : plugin->filters()) {
            if (!filters.add(*table)) std::abort();
        }
    }
    if (!filters.add(test::filter_table<test::FilterKind::even>())) std::abort();
    return filters;
}

const std::vector<protocol::FilterSpec>& subscribed_filters() {
    static const std::vector<protocol::FilterSpec> filters = {
        {"prefix", ""},
        {"prefix", "a/"},
        {"prefix", "b"},
        {"exact", "b/3"},
        {"exact", "nobody/writes/this"},
        {"prefix", "d/"},
        {"glob", "*/1"},
        {"glob", "[ac]/*"},
        {"glob", "b/[0-2]"},
        {"even", ""},
        {"even", "b/"},
        {"author", "c0"},
        {"author", "c1 b/*"},
        {"label", "canary"},
        {"label", "rollout a/*"},
        {"label", "rollout=1"},
    };
    return filters;
}

}  // namespace belfry::sim
