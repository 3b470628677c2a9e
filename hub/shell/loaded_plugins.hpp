// The plugins of this hub: those linked in, those that [[plugins]] names, and a store that the settings choose by name from
// the folder of this installation.
#pragma once

#include <string>
#include <vector>

#include "hub/plugin/plugin.hpp"
#include "hub/settings/settings.hpp"

namespace belfry::hub::shell {

// NAME.so of the folder that belongs to the running executable: ../lib/belfry/plugins beside it, as installed and in a
// build tree. It is looked at for one name at a time, never as a whole: only what the settings name is loaded. not_found,
// with the paths that were looked at.
Result<std::string> installed_plugin(const std::string& name);

// An error names the [[plugins]] table or the setting that is to blame, and what to do.
Result<std::vector<plugin::Plugin>> load_plugins(const settings::Settings& settings, const belfry_host_v1& host);
// Adds the plugin of this name and kind from the folder above, unless it is there. `setting` is the one that asks for it.
Status load_by_name(std::vector<plugin::Plugin>& plugins, uint32_t kind, const std::string& name, const char* setting,
                    const belfry_host_v1& host);

}  // namespace belfry::hub::shell
