// What this member runs, as `belfry plugin list` shows it.
#pragma once

#include <vector>

#include "hub/plugin/plugin.hpp"
#include "hub/settings/settings.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::shell {

// One for each interface of each plugin, in the plugins' order. Used are all filters, and the stores and the transport that
// the settings choose.
std::vector<protocol::PluginFacts> plugin_facts(const std::vector<plugin::Plugin>& plugins,
                                                const settings::Settings& settings);

}  // namespace belfry::hub::shell
