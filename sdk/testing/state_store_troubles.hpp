// The part of the state store suite that makes trouble: snapshots while writing, damaged images, kill -9, a full disk.
#pragma once

#include <string>

#include "sdk/plugin/state_store.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

Report check_state_store_troubles(const belfry_state_store_v1& table, const std::string& directory, bool persistent);

}  // namespace belfry::testing
