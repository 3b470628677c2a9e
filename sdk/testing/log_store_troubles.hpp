// The part of the log stores' suite in which processes die.
#pragma once

#include "sdk/testing/log_store_suite.hpp"

namespace belfry::testing {

// A child appends and syncs; it is killed at some moment. Throws CheckFailed.
void check_log_kill(const LogStoreSuite& suite);

}  // namespace belfry::testing
