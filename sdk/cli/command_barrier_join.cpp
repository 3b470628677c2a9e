// `belfry barrier join`: so many begin a command together, and go on together when all have ended.
#include <signal.h>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/recipes/double_barrier.hpp"

namespace belfry::cli {
namespace {

Exit lost(const Context& context, const Error& reason, const char* what_then) {
    return context.fail({Code::uncertain, "perhaps not counted any more: " + reason.detail + what_then});
}

// Too few, or those who are not done: `conflict`, which is the answer no.
Exit not_together(const Context& context, const Error& error, const LossNotice& loss) {
    if (stop_requested()) return stopped_exit;
    if (const auto reason = loss.reason()) return lost(context, *reason, "");
    return context.fail(error.code == Code::timeout ? Error{Code::conflict, error.detail} : error);
}

Exit run_together(Context& context, const HeldLease& held, const LossNotice& loss) {
    const uint64_t members = context.arguments.number("members");
    DoubleBarrier barrier(held.client, held.lease, context.word(1), members, stop_requested);
    const Status in = barrier.enter(context.arguments.duration("wait", wait_default));
    if (!in) return not_together(context, in.error(), loss);

    const auto& words = context.arguments.words();
    auto child =
        ChildProcess::start({words.begin() + 2, words.end()}, {{"BELFRY_LEASE", std::to_string(held.lease->id().value)}});
    if (!child) return context.fail(child.error());
    Exit exit = Exit::ok;
    const auto code =
        run_while_held(*child, loss, [&](const Error& reason) { exit = lost(context, reason, "; the command is ended"); });
    if (!code) return exit;
    if (stop_requested()) return static_cast<Exit>(*code);  // the others are told at once that this one is done
    if (const Status out = barrier.leave(wait_default); !out) return not_together(context, out.error(), loss);
    return static_cast<Exit>(*code);
}

}  // namespace

Exit join_barrier(Context& context) {
    const uint64_t members = context.arguments.number("members");
    if (members == 0 || members > DoubleBarrier::members_max)
        return context.misuse("--members: 1 to " + std::to_string(DoubleBarrier::members_max));
    return under_lease(context, run_together);
}

}  // namespace belfry::cli
