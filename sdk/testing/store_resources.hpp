// The part of the stores' suites that looks for what is left behind: memory and threads.
#pragma once

#include "sdk/testing/log_store_suite.hpp"
#include "sdk/testing/state_store_suite.hpp"

namespace belfry::testing {

Report check_state_store_resources(const StateStoreSuite& suite);
Report check_log_store_resources(const LogStoreSuite& suite);

}  // namespace belfry::testing
