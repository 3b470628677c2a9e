// Is this a plugin for authentication that a hub can rely on? (sdk/plugin/auth.h)
#pragma once

#include <cstdint>

#include "sdk/plugin/auth.h"
#include "sdk/testing/report.hpp"

namespace belfry::testing {

struct AuthSuite {
    const belfry_auth_v1* table = nullptr;
    uint64_t seed = 1;
};

Report check_auth(const AuthSuite& suite);

}  // namespace belfry::testing
