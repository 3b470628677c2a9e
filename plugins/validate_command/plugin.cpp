#include "plugins/validate_command/command.hpp"

BELFRY_PLUGIN(validate_command, "1.0.0", "Asks a program of the operator's.",
              belfry::plugin::validator<belfry::validate_command::Command>())
