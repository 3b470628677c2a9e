// The filters of the simulated hub, behind their real seam, and what its subscribers ask for.
#pragma once

#include <vector>

#include "hub/plugin/filter.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::sim {

hub::plugin::Filters make_filters();
const std::vector<protocol::FilterSpec>& subscribed_filters();

}  // namespace belfry::sim
