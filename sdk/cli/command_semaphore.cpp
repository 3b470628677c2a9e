#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/holding_command.hpp"

namespace belfry::cli {
namespace {

constexpr Flag semaphore_flags[] = {
    {"permits", FlagKind::number, "N", "how many at a time; whoever finds nobody there sets it"},
    holding_ttl,
    holding_wait,
    holding_value,
};

Exit run_semaphore(Context& context) {
    if (!context.has("permits")) return context.misuse("--permits is missing: how many at a time?");
    const uint64_t permits = context.arguments.number("permits", 0);
    if (permits < 1 || permits > recipes::permits_max)
        return context.misuse("--permits: 1 to " + std::to_string(recipes::permits_max));
    return run_holding(context, "permit", {recipes::Order::Kind::permit, permits});
}

}  // namespace

const Command semaphore_command = {
    .name = "semaphore",
    .summary = "run a command while few others do",
    .usage = "NAME --permits N [--ttl TIME] [--wait TIME] [--value TEXT] [-- COMMAND ARGUMENT...]",
    .details =
        "Waits in line for one of the N permits of NAME, first come first served, and runs COMMAND while it has it;\n"
        "otherwise as `lock`, with the same variables for COMMAND. The token orders those who got a permit, and fences\n"
        "nothing: several have one at a time.\n"
        "All must say the same N: while somebody has a permit or waits for one, another N is refused (exit 5).\n\n"
        "  belfry semaphore uploads --permits 3 -- ./upload.sh           # three at a time, over all machines\n"
        "  belfry semaphore uploads --permits 3 --wait 0s -- ./upload.sh # exit 1 if three run\n"
        "  belfry get uploads/permits/ --prefix                          # who has one and who waits",
    .flags = semaphore_flags,
    .words_min = 1,
    .words_max = command_words_max,
    .run = run_semaphore,
};

}  // namespace belfry::cli
