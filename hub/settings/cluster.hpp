// The members of a cluster as one line of settings: "ID=ENDPOINT[ KEY], ...". Private to hub/settings.
#pragma once

#include "hub/settings/settings.hpp"

namespace belfry::hub::settings {

Result<std::vector<Settings::ClusterMember>> parse_members(std::string_view text);
std::string show_members(const std::vector<Settings::ClusterMember>& members);
// What holds between the keys of [cluster] and the member's own id.
Status check_cluster(const Settings& settings);

}  // namespace belfry::hub::settings
