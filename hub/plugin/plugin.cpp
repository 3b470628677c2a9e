#include "hub/plugin/plugin.hpp"

#define BOOST_DLL_USE_STD_FS  // then no Boost library needs to be linked
#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <memory>

#include "hub/plugin/call.hpp"
#include "hub/plugin/file_digest.hpp"
#include "sdk/plugin/descriptor.hpp"

namespace belfry::hub::plugin {

namespace {

Result<Plugin> enter(belfry_plugin_entry_function entry, const std::string& origin, const belfry_host_v1& host) {
    ErrorBuffer error;
    const belfry_plugin_descriptor* descriptor = entry(&host, error);
    if (descriptor == nullptr && error.error.message[0] != '\0') {
        return Error{Code::incompatible, origin + ": the plugin refused to start: " + error.error.message};
    }
    if (Status checked = check_descriptor(descriptor, origin); !checked) return checked.error();
    return Plugin{origin, descriptor, {}, {}};
}

}  // namespace

const void* Plugin::find(uint32_t kind) const {
    for (uint64_t i = 0; i < descriptor->interface_count; ++i) {
        if (descriptor->interfaces[i].kind == kind) return descriptor->interfaces[i].table;
    }
    return nullptr;
}

const belfry_state_store_v1* Plugin::state_store() const {
    return static_cast<const belfry_state_store_v1*>(find(BELFRY_KIND_STATE_STORE));
}

const belfry_log_store_v1* Plugin::log_store() const {
    return static_cast<const belfry_log_store_v1*>(find(BELFRY_KIND_LOG_STORE));
}

template <class Table>
std::vector<const Table*> Plugin::all(uint32_t kind) const {
    std::vector<const Table*> tables;
    for (uint64_t i = 0; i < descriptor->interface_count; ++i) {
        const belfry_interface& interface = descriptor->interfaces[i];
        if (interface.kind == kind) tables.push_back(static_cast<const Table*>(interface.table));
    }
    return tables;
}

std::vector<const belfry_filter_v1*> Plugin::filters() const { return all<belfry_filter_v1>(BELFRY_KIND_FILTER); }
std::vector<const belfry_validator_v1*> Plugin::validators() const {
    return all<belfry_validator_v1>(BELFRY_KIND_VALIDATOR);
}

const belfry_transport_v1* Plugin::transport() const {
    return static_cast<const belfry_transport_v1*>(find(BELFRY_KIND_TRANSPORT));
}

const belfry_auth_v1* Plugin::auth() const { return static_cast<const belfry_auth_v1*>(find(BELFRY_KIND_AUTH)); }

Status check_descriptor(const belfry_plugin_descriptor* descriptor, const std::string& origin) {
    return belfry::plugin::check_descriptor(descriptor, origin);
}

Result<Plugin> load_plugin(const std::string& path, const belfry_host_v1& host, const std::string& pinned) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(path, failed)) {
        return Error{Code::not_found, path + ": there is no such file; give the path of the plugin's .so"};
    }
    // Before any of its code runs.
    auto digest = file_digest(path);
    if (!digest) return digest.error();
    if (!pinned.empty() && *digest != pinned) {
        return Error{Code::denied, path + ": is not the pinned file: its sha256 is " + *digest + ", the settings say " +
                                       pinned + "; if this is the file you want, write its digest there"};
    }
    belfry_plugin_entry_function entry = nullptr;
    try {
        // Never unloaded: its tables, threads and static data stay valid, so these are left behind on purpose, where leak
        // checkers still see them. Plugins are loaded at start, by one thread.
        static auto& loaded = *new std::vector<std::unique_ptr<boost::dll::shared_library>>;
        const auto mode = boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local;
        loaded.push_back(std::make_unique<boost::dll::shared_library>(std::filesystem::absolute(path), mode));
        auto* library = loaded.back().get();
        if (!library->has(BELFRY_PLUGIN_ENTRY_SYMBOL)) {
            return Error{Code::incompatible, path + ": is no Belfry plugin, it exports no " BELFRY_PLUGIN_ENTRY_SYMBOL};
        }
        entry = &library->get<const belfry_plugin_descriptor*(const belfry_host_v1*, belfry_error*)>(
            BELFRY_PLUGIN_ENTRY_SYMBOL);
    } catch (const std::exception& exception) {
        return Error{Code::incompatible, path + ": cannot be loaded: " + exception.what()};
    }
    auto plugin = enter(entry, path, host);
    if (plugin) plugin->sha256 = std::move(*digest);
    return plugin;
}

Result<Plugin> link_plugin(belfry_plugin_entry_function entry, const belfry_host_v1& host) {
    return enter(entry, "built in", host);
}

std::string kind_name(uint32_t kind) { return belfry::plugin::kind_name(kind); }

}  // namespace belfry::hub::plugin
