// Loads plugins and checks their descriptors. A plugin is a shared library (Boost.DLL, never unloaded) or linked in.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/plugin/auth.h"
#include "sdk/plugin/filter.h"
#include "sdk/plugin/log_store.h"
#include "sdk/plugin/plugin.hpp"
#include "sdk/plugin/state_store.h"
#include "sdk/plugin/transport.h"
#include "sdk/plugin/validator.h"

namespace belfry::hub::plugin {

struct Plugin {
    std::string origin;                                    // path, or "built in"
    const belfry_plugin_descriptor* descriptor = nullptr;  // static
    std::string sha256;                                    // of the file; empty if built in
    belfry::plugin::Settings settings;                     // of its [[plugins]] table

    // The plugin's table of this kind, or NULL.
    const void* find(uint32_t kind) const;
    const belfry_state_store_v1* state_store() const;
    const belfry_log_store_v1* log_store() const;
    std::vector<const belfry_filter_v1*> filters() const;
    std::vector<const belfry_validator_v1*> validators() const;
    const belfry_transport_v1* transport() const;
    const belfry_auth_v1* auth() const;

private:
    template <class Table>
    std::vector<const Table*> all(uint32_t kind) const;
};

// Checks abi_major, sizes, names and that mandatory slots are set; the refusal is a sentence for the operator.
Status check_descriptor(const belfry_plugin_descriptor* descriptor, const std::string& origin);
// `pinned` is the SHA-256 that the file must have, 64 lower case hexadecimal digits; empty = any. It guards against the
// wrong file, not against somebody who may write to it while it is loaded.
Result<Plugin> load_plugin(const std::string& path, const belfry_host_v1& host, const std::string& pinned = {});
Result<Plugin> link_plugin(belfry_plugin_entry_function entry, const belfry_host_v1& host);

// Names of kinds, for people: "state store".
std::string kind_name(uint32_t kind);

}  // namespace belfry::hub::plugin
