// The plugins linked into belfryd: an explicit list, no static constructors.
#pragma once

#include <vector>

#include "hub/plugin/plugin.hpp"

namespace belfry::hub::shell {

Result<std::vector<plugin::Plugin>> builtin_plugins(const belfry_host_v1& host);

}  // namespace belfry::hub::shell
