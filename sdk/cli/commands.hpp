// The table of commands: help, completion and the run all read it.
#pragma once

#include <span>

#include "sdk/cli/command.hpp"

namespace belfry::cli {

extern const Command put_command;
extern const Command get_command;
extern const Command del_command;
extern const Command txn_command;
extern const Command watch_command;
Exit watch_children(Context& context);  // a part of it
extern const Command subscribe_command;
extern const Command history_command;
extern const Command diff_command;
extern const Command log_command;
extern const Command lease_command;
extern const Command lock_command;
extern const Command semaphore_command;
extern const Command elect_command;
extern const Command once_command;
extern const Command barrier_command;
Exit join_barrier(Context& context);  // a part of it
extern const Command presence_command;
extern const Command counter_command;
extern const Command queue_command;
Exit take_from_queue(Context& context);  // a part of it
extern const Command job_command;
Exit work_on_jobs(Context& context);  // a part of it
extern const Command agent_command;
extern const Command import_command;
extern const Command export_command;
extern const Command status_command;
extern const Command compact_command;
extern const Command digest_command;
extern const Command bench_command;
extern const Command member_command;
extern const Command leader_command;
extern const Command keygen_command;
extern const Command snapshot_command;
extern const Command policy_command;
extern const Command user_command;
extern const Command role_command;
extern const Command grant_command;
extern const Command revoke_command;
extern const Command auth_command;
extern const Command login_command;
extern const Command plugin_command;
extern const Command store_command;
Exit list_plugins(Context& context);  // a part of it
// What plugin list would say of how the members differ; those that do not answer are passed over.
std::vector<std::string> differences_of_members(const Context& context);
extern const Command completion_command;
extern const Command version_command;
extern const Command help_command;

std::span<const Command* const> commands();  // in the order of the help
const Command* find_command(std::string_view name);
std::span<const Flag> common_flags();

// The whole of `belfry`: `line` is what followed the program's name. `environment` answers getenv.
Exit run(std::span<const std::string> line, Streams streams, const char* (*environment)(const char*));

std::string overview();                      // `belfry help`
std::string manual(const Command& command);  // `belfry help NAME`
std::string bash_completion();               // `belfry completion bash`

}  // namespace belfry::cli
