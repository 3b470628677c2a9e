#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/holding_command.hpp"

namespace belfry::cli {
namespace {

using recipes::Order;

constexpr Flag lock_flags[] = {
    {"shared", FlagKind::toggle, "", "beside others with this flag; without it alone"},
    holding_ttl,
    holding_wait,
    holding_value,
};

Exit run_lock(Context& context) {
    return run_holding(context, "lock", {context.has("shared") ? Order::Kind::shared : Order::Kind::alone});
}

}  // namespace

const Command lock_command = {
    .name = "lock",
    .summary = "run a command while nobody else does",
    .usage = "NAME [--shared] [--ttl TIME] [--wait TIME] [--value TEXT] [-- COMMAND ARGUMENT...]",
    .details =
        "Waits in line for the lock NAME, first come first served, and runs COMMAND while it holds it; the exit code is\n"
        "the command's. Without COMMAND: prints key and token, and holds it until Ctrl-C.\n"
        "With --shared: beside others that share, and never beside one that does not. Who waits to be alone is not\n"
        "overtaken by those who come later to share.\n"
        "COMMAND finds BELFRY_LOCK_KEY, BELFRY_LOCK_TOKEN and BELFRY_LEASE in its environment. The token is greater than\n"
        "that of every earlier holder: who is handed it can refuse a holder that is late. A write to the hub is safe if\n"
        "it compares the key's create revision with the token.\n"
        "Exit 1 if it was not free within --wait. If the lock is lost (the hub does not answer for --ttl, this process\n"
        "was paused for longer, somebody revoked the lease) that is said, COMMAND gets SIGTERM and after 5 s SIGKILL\n"
        "(itself, not what it has started), and the exit code is 4. A stop signal is handed on to COMMAND as SIGTERM.\n\n"
        "  belfry lock jobs/nightly -- ./nightly.sh\n"
        "  belfry lock jobs/nightly --wait 0s -- ./nightly.sh            # exit 1 if it runs elsewhere\n"
        "  belfry lock tables/prices --shared -- ./report.sh             # many at once, none while prices are written\n"
        "  belfry lock tables/prices -- ./load.sh                        # alone\n"
        "  belfry get jobs/nightly/ --prefix                             # who holds it and who waits\n"
        "  # in nightly.sh, a write that is done only while the lock is held:\n"
        "  printf 'create(%s) = %s\\n\\nput app/done 1\\n\\n\\n' $BELFRY_LOCK_KEY $BELFRY_LOCK_TOKEN | belfry txn",
    .flags = lock_flags,
    .words_min = 1,
    .words_max = command_words_max,
    .run = run_lock,
};

}  // namespace belfry::cli
