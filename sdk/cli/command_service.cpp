#include "sdk/cli/commands.hpp"
#include "sdk/cli/delivery_queue.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/service.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/verbs.hpp"
#include "sdk/discovery/service_view.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using InstanceQueue = PrintQueue<std::vector<InstanceChange>>;

constexpr size_t words_max = 4096;  // of the command: longer lines than a shell gives

constexpr Flag service_flags[] = {
    {"address", FlagKind::text, "A", "register: IP address or host name"},
    {"port", FlagKind::number, "P", "register: 1 to 65535"},
    {"id", FlagKind::text, "ID", "register: apart from all others of the service (HOST-PID-RANDOM)"},
    {"label", FlagKind::text, "LABEL",
     "register: NAME=VALUE; find, pick, watch: NAME=VALUE, NAME!=VALUE, NAME, !NAME. May be given several times"},
    {"weight", FlagKind::number, "N", "register: how much work it takes, 0 to 65535; 0: no new work (100)"},
    {"check", FlagKind::text, "CHECK",
     "register: tcp[=HOST:PORT], http=URL or command='PROGRAM WORD...' (no shell). May be given several times"},
    {"interval", FlagKind::duration, "TIME", "register: from one check to the next (10s)"},
    {"check-timeout", FlagKind::duration, "TIME", "register: for one check (2s, or the interval)"},
    {"failures", FlagKind::number, "N", "register: so many in a row, and it is critical (3)"},
    {"successes", FlagKind::number, "N", "register: so many in a row, and it is passing again (2)"},
    {"withdraw-after", FlagKind::duration, "TIME", "register: critical for so long, it is found no more (never)"},
    {"ttl", FlagKind::duration, "TIME", "register: how long it is found if this process is gone (10s)"},
    {"passing", FlagKind::toggle, "", "find, watch: only what is passing and has a weight"},
    {"key", FlagKind::text, "KEY", "pick: the same instance for the same KEY, as long as it is usable"},
    stream_flag,
};

Result<FindOptions> find_options(const Context& context) {
    FindOptions options;
    options.passing_only = context.has("passing");
    auto selector = Selector::parse(context.arguments.all("label"));
    if (!selector) return selector.error();
    options.selector = *std::move(selector);
    return options;
}

// ---- list and find ----

Exit list_services(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto services = Registry(*client).services();
    if (!services) return context.fail(services.error());
    JsonWriter json;
    json.begin_array();
    for (const ServiceFacts& facts : *services) {
        if (context.settings.json) {
            json.begin_object().field("service", facts.service).field("passing", facts.passing);
            json.field("warning", facts.warning).field("critical", facts.critical).end_object();
        } else {
            context.line(facts.service + "\t" + plural(facts.instances(), "instance") + "\t" + human_count(facts.passing) +
                         " passing\t" + human_count(facts.warning) + " warning\t" + human_count(facts.critical) +
                         " critical");
        }
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

Exit print_found(Context& context) {
    const auto options = find_options(context);
    if (!options) return context.misuse(options.error().detail);
    const auto found = find_instances(context, *options);
    if (!found) return context.fail(found.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_array();
        for (const Instance& instance : found->instances) write_json(json, instance);
        context.line(json.end_array().take());
    } else {
        for (const Instance& instance : found->instances) context.line(instance_text(instance));
    }
    return found->instances.empty() ? Exit::negative : Exit::ok;
}

// ---- watch ----

void print_change(Context& context, const InstanceChange& change) {
    const Instance& shown = change.after ? *change.after : *change.before;
    const char* what = !change.before ? "added" : !change.after ? "removed" : "changed";
    if (context.settings.json) {
        JsonWriter json;
        write_json(json.begin_object().field("change", what).name("instance"), shown);
        context.line(json.end_object().take());
    } else {
        context.line(std::string(what) + "\t" + instance_text(shown));
    }
}

Exit watch_instances(Context& context) {
    auto wanted = find_options(context);
    if (!wanted) return context.misuse(wanted.error().detail);
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    // A hub that is not there is said at once, where a view would wait for it.
    if (const auto now = Registry(*client).find(context.word(1)); !now) return context.fail(now.error());
    catch_stop_signals();
    auto queue = std::make_shared<InstanceQueue>();
    ServiceViewOptions options;
    options.find = *std::move(wanted);
    options.private_stream = context.has("stream");
    options.on_change = [queue](const std::vector<InstanceChange>& changes) { queue->push(changes); };
    const auto view = ServiceView::open(*client, context.word(1), std::move(options));
    if (!view) return context.fail(view.error());
    Exit exit = Exit::ok;
    while (!stop_requested() && context.is_read() && exit == Exit::ok) {
        const auto changes = queue->pop(signal_poll);
        const auto refused = (*view)->refused();
        if (!changes && refused) exit = context.fail(*refused);
        if (!changes) continue;
        for (const InstanceChange& change : *changes) print_change(context, change);
        context.out.flush();
    }
    queue->close();
    return exit;
}

Exit print_picked(Context& context) {
    const auto options = find_options(context);
    return options ? pick_instance(context, *options) : context.misuse(options.error().detail);
}

constexpr ContextVerb service_verbs[] = {
    {{"register", 2, words_max,
      " address port id label weight check interval check-timeout failures successes withdraw-after ttl "},
     register_service},
    {{"list", 1, 1, ""}, list_services},
    {{"find", 2, 2, " label passing "}, print_found},
    {{"pick", 2, 2, " label key "}, print_picked},
    {{"watch", 2, 2, " label passing stream "}, watch_instances},
};

Exit run_service(Context& context) {
    return run_verb(context, service_verbs, "write `service register|find|pick|watch NAME`, or `service list`");
}

}  // namespace

Result<FindResult> find_instances(Context& context, const FindOptions& options) {
    auto client = context.connect();
    if (!client) return client.error();
    auto found = Registry(*client).find(context.word(1), options);
    if (!found) return found.error();
    for (const Error& error : found->unreadable) context.note("passed over: " + printable(error.detail));
    return found;
}

void write_json(JsonWriter& json, const Instance& instance) {
    json.begin_object().field("service", instance.service).field("id", instance.id);
    json.field("address", instance.address).field("port", unsigned{instance.port});
    json.field("health", to_string(instance.health)).field("weight", instance.weight).name("labels").begin_object();
    for (const auto& [name, value] : instance.labels) json.field(name, value);
    json.end_object().field("note", instance.note);
    json.field("created", instance.created).field("changed", instance.changed).end_object();
}

std::string instance_text(const Instance& instance) {
    std::string text = instance.id + "\t" + host_and_port(instance) + "\t" + std::string(to_string(instance.health)) +
                       "\tweight " + std::to_string(instance.weight) + "\t";
    for (const auto& [name, value] : instance.labels) {
        text += (text.ends_with('\t') ? "" : " ") + printable(name) + "=" + printable(value);
    }
    return text + "\t" + printable(instance.note);
}

const Command service_command = {
    .name = "service",
    .summary = "who offers a service, and where",
    .usage =
        "register NAME --address A --port P [FLAGS] [-- COMMAND ARGUMENT...] | list | find NAME [--passing] | pick NAME "
        "[--key KEY] | watch NAME",
    .details =
        "`register` puts an instance of NAME into the hub for as long as COMMAND runs, or without one until Ctrl-C. When\n"
        "this process is gone without a word the instance goes after --ttl; if it was only cut off, or paused for longer,\n"
        "it registers anew by itself and says so. Without --check the instance is passing. A stop signal deregisters it\n"
        "first and is then handed on to COMMAND as SIGTERM; the exit code is COMMAND's. COMMAND finds BELFRY_SERVICE and\n"
        "BELFRY_SERVICE_ID in its environment. Without COMMAND: exit 1 if somebody else registers the same --id.\n"
        "`find` prints id, address, health, weight, labels and what the last check said; exit 1 if there is none.\n"
        "`pick` prints the address of one of them, chosen by weight, or of --key's one; a critical one only if too few "
        "are\n"
        "well; exit 1 if there is none.\n"
        "`watch` prints what is there, then each instance that is added, changed or removed, until Ctrl-C.\n\n"
        "  belfry service register web --address 10.0.0.5 --port 80 --check http=http://127.0.0.1/health -- ./web\n"
        "  belfry service register db --address 10.0.0.7 --port 5432 --check tcp --label zone=a --label role=replica\n"
        "  belfry service find web --passing -o json\n"
        "  belfry service find db --label zone=a --label '!draining'\n"
        "  curl http://$(belfry service pick web)/\n"
        "  belfry service watch web",
    .flags = service_flags,
    .words_min = 1,
    .words_max = words_max,
    .run = run_service,
};

}  // namespace belfry::cli
