#include "plugins/validate_rules/rules.hpp"

BELFRY_PLUGIN(validate_rules, "1.0.0", "Values by type, range, choice and pattern.",
              belfry::plugin::validator<belfry::validate_rules::Rules>())
