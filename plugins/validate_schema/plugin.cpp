#include "plugins/validate_schema/schema.hpp"

BELFRY_PLUGIN(validate_schema, "1.0.0", "Values that are JSON and fit a JSON Schema.",
              belfry::plugin::validator<belfry::validate_schema::Schema>())
