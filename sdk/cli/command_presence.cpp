#include <signal.h>

#include "sdk/cli/child_process.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/delivery_queue.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"
#include "sdk/recipes/presence.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using PresenceQueue = PrintQueue<PresenceChange>;

constexpr Flag presence_flags[] = {
    {"ttl", FlagKind::duration, "TIME", "join: how long it is listed if this process dies, or is paused (10s)"},
    {"below", FlagKind::number, "N", "watch: say so when fewer than N are there, and when there are enough again"},
    {"above", FlagKind::number, "N", "watch: likewise when more than N are there"},
};

void write_json(JsonWriter& json, const PresentMember& member) {
    json.field("value", member.value).field("id", member.id).field("lease", member.lease.value);
    json.field("since", member.since);
}

// ---- being there ----

Exit join(Context& context, const HeldLease& held, const LossNotice& loss) {
    Presence presence(held.client, held.lease, context.word(1));
    if (const Status joined = presence.join(context.word(2), context.settings.timeout); !joined)
        return context.fail(joined.error());
    if (context.settings.json) {
        JsonWriter json;
        context.line(json.begin_object().field("lease", held.lease->id().value).end_object().take());
    } else {
        context.line("OK there, lease " + std::to_string(held.lease->id().value));
    }
    context.out.flush();
    hold(context, loss);
    if (const auto reason = loss.reason()) return context.fail({Code::uncertain, "not there any more: " + reason->detail});
    return Exit::ok;
}

Exit list_present(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto members = Presence::list(**client, context.word(1));
    if (!members) return context.fail(members.error());
    JsonWriter json;
    json.begin_array();
    for (const PresentMember& member : *members) {
        if (!context.settings.json) context.line(printable(member.value));
        write_json(json.begin_object(), member);
        json.end_object();
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

// ---- watching ----

void print_member(Context& context, const PresenceChange& change, std::string_view event, const PresentMember& member) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("revision", change.revision).field("event", event);
        write_json(json, member);
        return context.line(json.end_object().take());
    }
    context.line(std::string(event) + " " + printable(member.value));
}

std::string_view word_of(PresenceAlert::State state) {
    switch (state) {
        case PresenceAlert::State::fine: return "fine";
        case PresenceAlert::State::below: return "below";
        case PresenceAlert::State::above: return "above";
    }
    return "";
}

struct Alert {
    PresenceAlert::State state;
    size_t present;
};

// Runs COMMAND for an alert, one at a time; of those that come meanwhile only the last one counts.
class AlertCommand {
public:
    explicit AlertCommand(Context& context)
        : context_(context), words_(context.arguments.words().begin() + 2, context.arguments.words().end()) {}
    ~AlertCommand() {
        if (!running_) return;
        running_->signal(SIGTERM);
        running_->end();
    }
    AlertCommand(const AlertCommand&) = delete;
    AlertCommand& operator=(const AlertCommand&) = delete;

    void take(const Alert& alert) {
        if (!words_.empty()) due_ = alert;
    }
    // To be called now and then.
    void poll() {
        if (running_) {
            const auto code = running_->wait(0ms);
            if (!code) return;
            if (*code != 0) context_.note("the command ended with exit code " + std::to_string(*code));
            running_.reset();
        }
        if (!due_) return;
        auto child = ChildProcess::start(words_, {{"BELFRY_PRESENCE", context_.word(1)},
                                                  {"BELFRY_ALERT", std::string(word_of(due_->state))},
                                                  {"BELFRY_PRESENT", std::to_string(due_->present)}});
        due_.reset();
        if (!child) return context_.note("the command was not run: " + child.error().detail);
        running_.emplace(*std::move(child));
    }

private:
    Context& context_;
    const std::vector<std::string> words_;
    std::optional<Alert> due_;
    std::optional<ChildProcess> running_;
};

void print_alert(Context& context, const Alert& alert) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("alert", word_of(alert.state)).field("present", alert.present);
        return context.line(json.end_object().take());
    }
    context.line("ALERT " + std::string(word_of(alert.state)) + ": " + std::to_string(alert.present) + " there");
}

std::optional<uint64_t> bound_of(const Context& context, std::string_view flag) {
    if (!context.has(flag)) return {};
    return context.arguments.number(flag);
}

void print(Context& context, const PresenceChange& change, PresenceAlert& alert, AlertCommand& command) {
    for (const PresentMember& member : change.left) print_member(context, change, "left", member);
    for (const PresentMember& member : change.joined)
        print_member(context, change, change.first ? "there" : "joined", member);
    if (const auto state = alert.take(change.present)) {
        print_alert(context, {*state, change.present});
        command.take({*state, change.present});
    }
    context.out.flush();
}

Exit watch(Context& context) {
    const bool bounded = context.has("below") || context.has("above");
    if (context.arguments.words().size() > 2 && !bounded)
        return context.misuse("when is COMMAND to be run? --below N, --above N");
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    // A hub that is not there is said at once, where an observer would wait for it.
    if (const auto now = Presence::list(**client, context.word(1)); !now) return context.fail(now.error());
    catch_stop_signals();
    auto queue = std::make_shared<PresenceQueue>();
    const auto observer =
        PresenceObserver::open(*client, context.word(1), [queue](const PresenceChange& change) { queue->push(change); });
    if (!observer) return context.fail(observer.error());
    PresenceAlert alert(bound_of(context, "below"), bound_of(context, "above"));
    AlertCommand command(context);
    Exit exit = Exit::ok;
    while (!stop_requested() && context.is_read() && exit == Exit::ok) {
        const auto change = queue->pop(signal_poll);
        const auto refused = (*observer)->refused();
        if (change) print(context, *change, alert, command);
        if (!change && refused) exit = context.fail(*refused);
        command.poll();
    }
    queue->close();
    return exit;
}

constexpr ContextVerb presence_verbs[] = {
    {{"join", 3, 3, " ttl "}, [](Context& context) { return under_lease(context, join); }},
    {{"list", 2, 2, ""}, list_present},
    {{"watch", 2, command_words_max, " below above "}, watch},
};

Exit run_presence(Context& context) {
    return run_verb(context, presence_verbs,
                    "write `presence join NAME VALUE`, `presence list NAME` or `presence watch NAME`");
}

}  // namespace

const Command presence_command = {
    .name = "presence",
    .summary = "be listed for as long as this runs, or see who is",
    .usage = "join NAME VALUE [--ttl TIME] | list NAME | watch NAME [--below N] [--above N] [-- COMMAND ARGUMENT...]",
    .details =
        "`join` lists VALUE under NAME until Ctrl-C, or until nobody has heard of this process for --ttl; exit 4 if that\n"
        "happened while it ran. `list` prints the values, in the order in which they came. `watch` prints who is there, "
        "then\n"
        "who joined and who left, each once, also over reconnects.\n"
        "--below N, --above N: a line ALERT when fewer (more) are there, at once if it is so at the beginning, and one "
        "when\n"
        "it is fine again. COMMAND is run then, with BELFRY_ALERT (below, above, fine), BELFRY_PRESENT (how many) and\n"
        "BELFRY_PRESENCE (NAME) in its environment; one at a time, and of alerts that come meanwhile the last one "
        "counts.\n\n"
        "  belfry presence join workers $HOSTNAME:80\n"
        "  belfry presence list workers\n"
        "  belfry presence watch workers --below 3 -- ./page-somebody.sh",
    .flags = presence_flags,
    .words_min = 2,
    .words_max = command_words_max,
    .run = run_presence,
};

}  // namespace belfry::cli
