#include "hub/shell/builtins.hpp"

extern "C" {
#define BELFRY_BUILTIN(name) \
    const belfry_plugin_descriptor* belfry_plugin_entry_##name(const belfry_host_v1*, belfry_error*)
BELFRY_BUILTIN(storage_lmdb);
BELFRY_BUILTIN(storage_memory);
BELFRY_BUILTIN(storage_sqlite);
BELFRY_BUILTIN(log_wal);
BELFRY_BUILTIN(filter_exact);
BELFRY_BUILTIN(filter_prefix);
BELFRY_BUILTIN(filter_glob);
BELFRY_BUILTIN(filter_regex);
BELFRY_BUILTIN(filter_json);
BELFRY_BUILTIN(filter_author);
BELFRY_BUILTIN(filter_label);
BELFRY_BUILTIN(transport_zmq);
BELFRY_BUILTIN(auth_open);
BELFRY_BUILTIN(auth_rbac);
BELFRY_BUILTIN(validate_rules);
BELFRY_BUILTIN(validate_schema);
}

namespace belfry::hub::shell {

Result<std::vector<plugin::Plugin>> builtin_plugins(const belfry_host_v1& host) {
    std::vector<plugin::Plugin> plugins;
    for (const auto entry :
         {&belfry_plugin_entry_storage_lmdb, &belfry_plugin_entry_storage_memory, &belfry_plugin_entry_storage_sqlite,
          &belfry_plugin_entry_log_wal, &belfry_plugin_entry_filter_exact, &belfry_plugin_entry_filter_prefix,
          &belfry_plugin_entry_filter_glob, &belfry_plugin_entry_filter_regex, &belfry_plugin_entry_filter_json,
          &belfry_plugin_entry_filter_author, &belfry_plugin_entry_filter_label, &belfry_plugin_entry_transport_zmq,
          &belfry_plugin_entry_validate_rules, &belfry_plugin_entry_validate_schema, &belfry_plugin_entry_auth_open,
          &belfry_plugin_entry_auth_rbac}) {
        auto plugin = plugin::link_plugin(entry, host);
        if (!plugin) return plugin.error();
        plugins.push_back(std::move(*plugin));
    }
    return plugins;
}

}  // namespace belfry::hub::shell
