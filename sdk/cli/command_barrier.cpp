#include <signal.h>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"
#include "sdk/recipes/barrier.hpp"

namespace belfry::cli {
namespace {

constexpr Flag barrier_flags[] = {
    {"ttl", FlagKind::duration, "TIME",
     "hold, join: how long it stays closed, or this one is counted, if this process dies, or is paused (10s)"},
    {"lasting", FlagKind::toggle, "", "hold: it stays closed until somebody opens it, and this ends at once"},
    {"wait", FlagKind::duration, "TIME", "wait: how long; join: how long for the others to come (for ever)"},
    {"members", FlagKind::number, "N", "join: how many begin together, and end together"},
};

// `lease` 0: it goes by none.
Exit print_closed(Context& context, LeaseId lease = {}) {
    const bool leased = lease.value != 0;
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("closed", true);
        if (leased) json.field("lease", lease.value);
        context.line(json.end_object().take());
    } else {
        context.line("OK closed" + (leased ? ", lease " + std::to_string(lease.value) : ""));
    }
    context.out.flush();
    return Exit::ok;
}

Exit hold_for_good(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    Barrier barrier(*client, nullptr, context.word(1));
    const Status held = barrier.hold();
    return held ? print_closed(context) : context.fail(held.error());
}

Exit hold_while_it_runs(Context& context, const HeldLease& held, const LossNotice& loss) {
    Barrier barrier(held.client, held.lease, context.word(1));
    if (const Status closed = barrier.hold(); !closed) return context.fail(closed.error());
    (void)print_closed(context, held.lease->id());
    hold(context, loss);
    if (const auto reason = loss.reason())
        return context.fail({Code::uncertain, "perhaps not closed any more: " + reason->detail});
    return Exit::ok;
}

Exit hold_barrier(Context& context) {
    if (context.has("ttl") && context.has("lasting")) return context.misuse("--ttl and --lasting exclude one another");
    return context.has("lasting") ? hold_for_good(context) : under_lease(context, hold_while_it_runs);
}

Exit open(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto opened = Barrier::open(**client, context.word(1));
    if (!opened) return context.fail(opened.error());
    if (!*opened) return context.fail({Code::not_found, "'" + context.word(1) + "' is open already"});
    context.line(context.settings.json ? JsonWriter().begin_object().field("closed", false).end_object().take()
                                       : "OK open");
    return Exit::ok;
}

Exit wait(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    // A hub that is not there is said at once, where a waiter would wait for it.
    const auto now = (*client)->get(Barrier::key_of(context.word(1)));
    if (!now && now.error().code != Code::not_found) return context.fail(now.error());
    catch_stop_signals();
    const auto patience = context.arguments.duration("wait", wait_default);
    const Status through = Barrier::wait(*client, context.word(1), patience, stop_requested);
    if (through) return Exit::ok;
    if (stop_requested()) return stopped_exit;
    if (through.error().code == Code::timeout) return context.fail({Code::conflict, through.error().detail});
    return context.fail(through.error());
}

constexpr ContextVerb barrier_verbs[] = {
    {{"hold", 2, 2, " ttl lasting "}, hold_barrier},
    {{"open", 2, 2, ""}, open},
    {{"wait", 2, 2, " wait "}, wait},
    {{"join", 3, command_words_max, " members wait ttl "}, join_barrier},
};

Exit run_barrier(Context& context) {
    return run_verb(context, barrier_verbs,
                    "write `barrier hold NAME`, `barrier open NAME`, `barrier wait NAME` or `barrier join NAME --members N "
                    "-- COMMAND`");
}

}  // namespace

const Command barrier_command = {
    .name = "barrier",
    .summary = "keep many waiting, and let all of them go at once",
    .usage =
        "hold NAME [--ttl TIME | --lasting] | open NAME | wait NAME [--wait TIME] | join NAME --members N [--wait TIME] -- "
        "COMMAND ARGUMENT...",
    .details =
        "`hold` closes the barrier NAME until Ctrl-C, or until nobody has heard of this process for --ttl; with --lasting\n"
        "until somebody opens it. Exit 1 if it is closed already. `open` opens it, whoever closed it; exit 1 if it was "
        "open.\n"
        "`wait` ends with 0 when it is open, at once if it is; 1 if it was not within --wait.\n"
        "`join` waits until N have joined, runs COMMAND, and waits until the COMMANDs of all N have ended, or they are "
        "gone.\n"
        "It exits with COMMAND's code; 1 if too few came within --wait; 4 if its lease was lost: COMMAND is ended then.\n\n"
        "  belfry barrier hold release/42 --lasting\n"
        "  belfry barrier wait release/42 && ./go.sh                     # on many machines\n"
        "  belfry barrier open release/42\n"
        "  belfry barrier join step/2 --members 3 -- ./migrate.sh        # on three machines",
    .flags = barrier_flags,
    .words_min = 2,
    .words_max = command_words_max,
    .run = run_barrier,
};

}  // namespace belfry::cli
