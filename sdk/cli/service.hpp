// What the parts of `belfry service` have in common.
#pragma once

#include <string>

#include "sdk/cli/command.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/discovery/instance.hpp"

namespace belfry::cli {

extern const Command service_command;
// A part of it: registered while its command, or this process, runs.
Exit register_service(Context& context);

void write_json(JsonWriter& json, const Instance& instance);
// One line for people: id, place, health, weight, labels, note; a tab between.
std::string instance_text(const Instance& instance);

}  // namespace belfry::cli
