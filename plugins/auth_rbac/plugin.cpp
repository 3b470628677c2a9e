#include "plugins/auth_rbac/rbac.hpp"

BELFRY_PLUGIN(auth_rbac, "1.0.0", "Users with passwords or keys, and roles that say what they may do.",
              belfry::plugin::auth<belfry::auth_rbac::Rbac>())
