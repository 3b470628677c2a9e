// What the parts of `belfry service` have in common.
#pragma once

#include <string>

#include "sdk/cli/command.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/discovery/registry.hpp"

namespace belfry::cli {

extern const Command service_command;
// A part of it: registered while its command, or this process, runs.
Exit register_service(Context& context);
// Asks once for those of the service that the command names, and says which keys are no instances.
Result<FindResult> find_instances(Context& context, const FindOptions& options);
// Another part: prints where one instance is, chosen by weight or by the flag --key.
Exit pick_instance(Context& context, const FindOptions& options);

void write_json(JsonWriter& json, const Instance& instance);
// One line for people: id, place, health, weight, labels, note; a tab between.
std::string instance_text(const Instance& instance);

}  // namespace belfry::cli
