#include <signal.h>

#include "sdk/cli/child_process.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/recipes/lock.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr size_t words_max = 4096;  // of the command: longer lines than a shell gives
constexpr auto round = 100ms;       // until a stop signal is seen
constexpr auto kill_after = 5s;     // of a command that does not end when it is asked to

constexpr auto stopped_exit = static_cast<Exit>(128 + SIGINT);  // while it waited

constexpr Flag flags[] = {
    {"ttl", FlagKind::duration, "TIME", "how long it stays locked if this process dies, or is paused (10s)"},
    {"wait", FlagKind::duration, "TIME", "how long to wait in line (for ever); 0s: not at all"},
    {"value", FlagKind::text, "TEXT", "of the lock's key, for others to read (HOST:PID)"},
};

void print_lock(Context& context, const Lock& lock, LeaseId lease) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("key", lock.key()).field("token", lock.fencing_token());
        context.line(json.field("lease", lease.value).end_object().take());
    } else {
        context.line("OK lock " + printable(lock.key()) + ", token " + std::to_string(lock.fencing_token().value) +
                     ", lease " + std::to_string(lease.value));
    }
    context.out.flush();
}

Exit lost(const Context& context, const Error& reason, const char* what_then) {
    return context.fail({Code::uncertain, "the lock is lost: " + reason.detail + what_then});
}

// It was asked to end: it is killed if it does not.
void end(ChildProcess& child) {
    for (const auto until = Clock::now() + kill_after; Clock::now() < until;) {
        if (child.wait(round)) return;
    }
    child.signal(SIGKILL);
    while (!child.wait(round)) continue;
}

// While the lock is held; a stop signal is handed on, and the lock kept for as long as the command then still runs.
Exit run_under(Context& context, const Lock& lock, LeaseId lease, const LossNotice& loss) {
    const auto& words = context.arguments.words();
    auto child = ChildProcess::start({words.begin() + 1, words.end()},
                                     {{"BELFRY_LOCK_KEY", lock.key()},
                                      {"BELFRY_LOCK_TOKEN", std::to_string(lock.fencing_token().value)},
                                      {"BELFRY_LEASE", std::to_string(lease.value)}});
    if (!child) return context.fail(child.error());
    for (bool told = false;;) {
        if (const auto code = child->wait(round, loss.file())) return static_cast<Exit>(*code);
        if (const auto reason = loss.reason()) {
            child->signal(SIGTERM);  // before anything that may wait for whoever reads what is said
            const Exit exit = lost(context, *reason, "; the command is ended");
            end(*child);
            return exit;
        }
        if (stop_requested() && !std::exchange(told, true)) child->signal(SIGTERM);
    }
}

// Waits in line. `conflict`: it was not free in time.
Status take(const Context& context, Lock& lock) {
    const auto patience = context.arguments.duration("wait", wait_default);
    if (patience > 0ms) {
        const Status taken = lock.lock(patience);
        if (taken || taken.error().code != Code::timeout) return taken;
        return Error{Code::conflict, taken.error().detail};
    }
    const auto taken = lock.try_lock();
    if (!taken) return taken.error();
    if (*taken) return {};
    return Error{Code::conflict, "'" + context.word(0) + "': somebody else has it, or waits for it"};
}

Exit run_lock(Context& context) {
    const auto ttl = lease_ttl(context);
    if (!ttl) return context.misuse(ttl.error().detail);
    catch_stop_signals();
    LossNotice loss;
    const auto held = hold_lease(context, *ttl, loss);
    if (!held) return context.fail(held.error());
    const LeaseId lease = held->lease->id();
    LockOptions options;
    if (context.has("value")) options.value = context.arguments.text("value");
    options.cancelled = stop_requested;
    Lock lock(held->client, held->lease, context.word(0), options);

    const Status taken = take(context, lock);
    if (stop_requested()) return stopped_exit;
    if (const auto reason = loss.reason())
        return context.fail({Code::unavailable, "lost while waiting: " + reason->detail});
    if (!taken) return context.fail(taken.error());
    if (context.arguments.words().size() > 1) return run_under(context, lock, lease, loss);
    print_lock(context, lock, lease);
    hold(context, loss);
    if (const auto reason = loss.reason()) return lost(context, *reason, "");
    return Exit::ok;
}

}  // namespace

const Command lock_command = {
    .name = "lock",
    .summary = "run a command while nobody else does",
    .usage = "NAME [--ttl TIME] [--wait TIME] [--value TEXT] [-- COMMAND ARGUMENT...]",
    .details =
        "Waits in line for the lock NAME, first come first served, and runs COMMAND while it holds it; the exit code is\n"
        "the command's. Without COMMAND: prints key and token, and holds it until Ctrl-C.\n"
        "COMMAND finds BELFRY_LOCK_KEY, BELFRY_LOCK_TOKEN and BELFRY_LEASE in its environment. The token is greater than\n"
        "that of every earlier holder: who is handed it can refuse a holder that is late. A write to the hub is safe if\n"
        "it compares the key's create revision with the token.\n"
        "Exit 1 if it was not free within --wait. If the lock is lost (the hub does not answer for --ttl, this process\n"
        "was paused for longer, somebody revoked the lease) that is said, COMMAND gets SIGTERM and after 5 s SIGKILL\n"
        "(itself, not what it has started), and the exit code is 4. A stop signal is handed on to COMMAND as SIGTERM.\n\n"
        "  belfry lock jobs/nightly -- ./nightly.sh\n"
        "  belfry lock jobs/nightly --wait 0s -- ./nightly.sh            # exit 1 if it runs elsewhere\n"
        "  belfry get jobs/nightly/ --prefix                             # who holds it and who waits\n"
        "  # in nightly.sh, a write that is done only while the lock is held:\n"
        "  printf 'create(%s) = %s\\n\\nput app/done 1\\n\\n\\n' $BELFRY_LOCK_KEY $BELFRY_LOCK_TOKEN | belfry txn",
    .flags = flags,
    .words_min = 1,
    .words_max = words_max,
    .run = run_lock,
};

}  // namespace belfry::cli
