#include <signal.h>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/delivery_queue.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/recipes/election.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using LeaderQueue = PrintQueue<std::optional<Leader>>;

constexpr Flag elect_flags[] = {
    {"ttl", FlagKind::duration, "TIME", "how long it leads on if this process dies, or is paused (10s)"},
    {"wait", FlagKind::duration, "TIME", "how long to wait to be elected (for ever)"},
    {"observe", FlagKind::toggle, "", "do not stand: print who leads, and each who does afterwards"},
};

void write_json(JsonWriter& json, const Leader& leader) {
    json.field("value", leader.value).field("token", leader.token);
    json.field("key", leader.key).field("lease", leader.lease.value);
}

// ---- observing ----

void print_leader(Context& context, const std::optional<Leader>& leader) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("leads", leader.has_value());
        if (leader) write_json(json, *leader);
        context.line(json.end_object().take());
    } else if (leader) {
        context.line(printable(leader->value));
    } else {
        context.err << "belfry elect: nobody leads" << std::endl;
    }
    context.out.flush();
}

Exit observe(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    catch_stop_signals();
    // A hub that is not there is said at once, where an observer would wait for it.
    const auto now = Election::leader(**client, context.word(0));
    if (!now && now.error().code != Code::not_found) return context.fail(now.error());
    auto queue = std::make_shared<LeaderQueue>();
    const auto observer = ElectionObserver::open(*client, context.word(0),
                                                 [queue](const std::optional<Leader>& leader) { queue->push(leader); });
    if (!observer) return context.fail(observer.error());
    Exit exit = Exit::ok;
    while (!stop_requested() && context.is_read() && exit == Exit::ok) {
        const auto leader = queue->pop(signal_poll);
        const auto refused = (*observer)->refused();
        if (leader) print_leader(context, *leader);
        if (!leader && refused) exit = context.fail(*refused);
    }
    queue->close();
    return exit;
}

// ---- standing ----

void print_elected(Context& context, const Leader& own) {
    if (context.settings.json) {
        JsonWriter json;
        write_json(json.begin_object().field("leads", true), own);
        context.line(json.end_object().take());
    } else {
        context.line("OK elected, " + printable(own.key) + ", token " + std::to_string(own.token.value) + ", lease " +
                     std::to_string(own.lease.value));
    }
    context.out.flush();
}

Exit campaign(Context& context, const HeldLease& held, const LossNotice& loss) {
    Election election(held.client, held.lease, context.word(0), stop_requested);
    const Bytes& value = context.word(1);
    const Status won = election.campaign(value, context.arguments.duration("wait", wait_default));
    if (stop_requested()) return stopped_exit;
    if (const auto reason = loss.reason()) {
        return context.fail({Code::unavailable, "lost while waiting: " + reason->detail});
    }
    if (!won && won.error().code == Code::timeout) return context.fail({Code::conflict, won.error().detail});
    if (!won) return context.fail(won.error());
    print_elected(context, {value, election.fencing_token(), election.key(), held.lease->id()});
    hold(context, loss);
    if (const auto reason = loss.reason()) {
        return context.fail({Code::uncertain, "does not lead any more: " + reason->detail});
    }
    return Exit::ok;
}

Exit run_elect(Context& context) {
    const bool stands = context.arguments.words().size() == 2;
    if (stands == context.has("observe")) return context.misuse("write `elect NAME VALUE` or `elect NAME --observe`");
    if (stands) return under_lease(context, campaign);
    if (context.has("ttl") || context.has("wait")) return context.misuse("--ttl and --wait are of who stands");
    return observe(context);
}

}  // namespace

const Command elect_command = {
    .name = "elect",
    .summary = "be the one who leads, or see who does",
    .usage = "NAME VALUE [--ttl TIME] [--wait TIME] | NAME --observe",
    .details =
        "Stands for election under NAME, first come first served; when it leads it prints key and token, and VALUE is "
        "what\n"
        "observers see. Ctrl-C resigns, and the next in line leads at once. Exit 1 if it was not elected within --wait, 4\n"
        "if it was and does not lead any more: the hub did not answer for --ttl, or this process was paused for longer.\n"
        "`--observe` prints the value of who leads and of each who does afterwards, until Ctrl-C; that nobody leads goes "
        "to\n"
        "standard error, or with -o json is {\"leads\":false}.\n\n"
        "  belfry elect service/leader $HOSTNAME:80\n"
        "  belfry elect service/leader --observe\n"
        "  belfry get service/leader/ --prefix                           # the candidates",
    .flags = elect_flags,
    .words_min = 1,
    .words_max = 2,
    .run = run_elect,
};

}  // namespace belfry::cli
