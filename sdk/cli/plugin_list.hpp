// What the members of a cluster run, side by side.
#pragma once

#include <string>
#include <vector>

#include "sdk/protocol/messages.hpp"

namespace belfry::cli {

// One line each, in order of the plugins' names: what some members run and others do not, or in another version, or from a
// file with other contents, or leave unused. Paths may differ.
std::vector<std::string> plugin_differences(const std::vector<protocol::PluginsReply>& members);

// A table: name, version, kind, members that have it ('*' behind those that use it), where from.
std::vector<std::string> plugin_table(const std::vector<protocol::PluginsReply>& members);

}  // namespace belfry::cli
