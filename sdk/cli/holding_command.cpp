#include "sdk/cli/holding_command.hpp"

#include <signal.h>

#include "sdk/cli/child_process.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/recipes/holder.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using recipes::Holder;
using recipes::Order;

void print_holder(Context& context, const char* what, const Holder& holder, LeaseId lease) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("key", holder.key()).field("token", holder.fencing_token());
        context.line(json.field("lease", lease.value).end_object().take());
    } else {
        context.line("OK " + std::string(what) + " " + printable(holder.key()) + ", token " +
                     std::to_string(holder.fencing_token().value) + ", lease " + std::to_string(lease.value));
    }
    context.out.flush();
}

Exit lost(const Context& context, const char* what, const Error& reason, const char* what_then) {
    return context.fail({Code::uncertain, "the " + std::string(what) + " is lost: " + reason.detail + what_then});
}

// While it is held; a stop signal is handed on, and it is kept for as long as the command then still runs.
Exit run_under(Context& context, const char* what, const Holder& holder, LeaseId lease, const LossNotice& loss) {
    const auto& words = context.arguments.words();
    auto child = ChildProcess::start({words.begin() + 1, words.end()},
                                     {{"BELFRY_LOCK_KEY", holder.key()},
                                      {"BELFRY_LOCK_TOKEN", std::to_string(holder.fencing_token().value)},
                                      {"BELFRY_LEASE", std::to_string(lease.value)}});
    if (!child) return context.fail(child.error());
    Exit exit = Exit::ok;
    const auto code = run_while_held(
        *child, loss, [&](const Error& reason) { exit = lost(context, what, reason, "; the command is ended"); });
    return code ? static_cast<Exit>(*code) : exit;
}

// Waits in line. `conflict`: it was not free in time.
Status take(const Context& context, Holder& holder) {
    const auto patience = context.arguments.duration("wait", wait_default);
    Error error;
    if (patience > 0ms) {
        const Status taken = holder.take(patience);
        if (taken) return {};
        error = taken.error();
        if (error.code == Code::timeout) return Error{Code::conflict, error.detail};
    } else {
        const auto taken = holder.try_take();
        if (taken && *taken) return {};
        if (taken) return Error{Code::conflict, "'" + context.word(0) + "': somebody else has it, or waits for it"};
        error = taken.error();
    }
    // Another number of permits is to be put right; what is not free is to be waited for.
    if (error.code == Code::conflict) error.code = Code::invalid_argument;
    return error;
}

Exit take_and_hold(Context& context, const char* what, Order order, const HeldLease& held, const LossNotice& loss) {
    const LeaseId lease = held.lease->id();
    recipes::HolderOptions options;
    if (context.has("value")) options.value = context.arguments.text("value");
    options.cancelled = stop_requested;
    Holder holder(held.client, held.lease, context.word(0), order, options);

    const Status taken = take(context, holder);
    if (stop_requested()) return stopped_exit;
    if (const auto reason = loss.reason())
        return context.fail({Code::unavailable, "lost while waiting: " + reason->detail});
    if (!taken) return context.fail(taken.error());
    if (context.arguments.words().size() > 1) return run_under(context, what, holder, lease, loss);
    print_holder(context, what, holder, lease);
    hold(context, loss);
    if (const auto reason = loss.reason()) return lost(context, what, *reason, "");
    return Exit::ok;
}

}  // namespace

Exit run_holding(Context& context, const char* what, Order order) {
    return under_lease(context, [what, order](Context& with, const HeldLease& held, const LossNotice& loss) {
        return take_and_hold(with, what, order, held, loss);
    });
}

}  // namespace belfry::cli
