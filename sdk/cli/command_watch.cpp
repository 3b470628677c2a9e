#include <memory>

#include "sdk/base/labels.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/delivery_queue.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;

constexpr Flag watch_flags[] = {
    {"by", FlagKind::text, "NAME", "only change sets by this author (a glob)"},
    {"label", FlagKind::text, "LABEL", "only change sets with this label: WORD (also WORD=...) or NAME=VALUE"},
    {"kind", FlagKind::text, "KIND",
     "what FILTER is: prefix (default), exact, glob, regex, json, author, label, or a plugin's"},
    {"rev", FlagKind::number, "N", "begin with revision N instead of now"},
    {"snapshot", FlagKind::toggle, "", "first print what is there"},
    {"count", FlagKind::number, "N", "end after N change sets"},
    {"children", FlagKind::toggle, "", "FILTER is a folder: list what is directly below it, then what becomes of that"},
    stream_flag,
    {"full", FlagKind::toggle, "", "values in full length"},
};

// --by, --label: a filter of change sets, and FILTER says of which keys in them.
Result<protocol::FilterSpec> filter_of_changes(Context& context) {
    const auto escaped = [](BytesView text, BytesView octets) {
        Bytes spelled;
        for (const char octet : text) {
            const bool escaped_already = octet == ' ' && octets.size() == 1 && spelled.ends_with('\\');
            if (octets.find(octet) != BytesView::npos && !escaped_already) spelled += '\\';
            spelled += octet;
        }
        return spelled;
    };
    constexpr BytesView glob_octets = "*?[\\ ";
    const bool by_label = context.has("label");
    const std::string of = by_label ? "label" : "author";
    const Bytes spec = by_label ? context.arguments.text("label") : escaped(context.arguments.text("by"), " ");
    if (Status known = by_label ? check_label(spec) : Status(); !known) return known.error();
    if (context.arguments.words().empty()) return protocol::FilterSpec{of, spec};
    const std::string kind = context.has("kind") ? context.arguments.text("kind") : "prefix";
    const Bytes keys = context.word(0);
    if (kind == "prefix") return protocol::FilterSpec{of, spec + ' ' + escaped(keys, glob_octets) + "**"};
    if (kind == "exact") return protocol::FilterSpec{of, spec + ' ' + escaped(keys, glob_octets)};
    if (kind == "glob") return protocol::FilterSpec{of, spec + ' ' + escaped(keys, " ")};
    return Error{Code::invalid_argument, "--by and --label go with keys by prefix, exact or glob, not by '" + kind + "'"};
}

// A snapshot's keys are facts, a live delivery's are changes; both become a change set here.
ChangeSet change_set_of(const Delivery& delivery) {
    ChangeSet change;
    change.revision = delivery.revision;
    change.time_ms = delivery.time_ms;
    change.author = delivery.author;
    change.comment = delivery.comment;
    change.labels = delivery.labels;
    for (const KeyChange& key : delivery.changes) {
        Event event;
        event.type = key.after ? EventType::put : EventType::erase;
        if (key.after) event.kv = *key.after;
        event.kv.key = key.key;
        change.events.push_back(std::move(event));
    }
    return change;
}

void print_snapshot(Context& context, const Delivery& delivery) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("snapshot", true).field("revision", delivery.revision).name("kvs").begin_array();
        for (const KeyChange& key : delivery.changes) {
            if (key.after) write_json(json, *key.after);
        }
        return context.line(json.end_array().end_object().take());
    }
    for (const KeyChange& key : delivery.changes) {
        const std::string head = "[snapshot] rev " + std::to_string(delivery.revision.value);
        if (!key.after) {
            context.line(head + " DEL " + printable(key.key));
        } else {
            context.line(head + " HAS " + printable(key.key) + " = " + printable(key.after->value, shown_max(context)));
        }
    }
}

void print_lost(Context& context, const Delivery& delivery) {
    const std::string after = std::to_string(delivery.lost_after->value);
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("compacted", true).field("after", *delivery.lost_after);
        return context.line(json.field("revision", delivery.revision).end_object().take());
    }
    context.line("[compacted] changes after revision " + after + " up to " + std::to_string(delivery.revision.value) +
                 " went before they came: what is missing here, nobody can tell any more");
}

void print(Context& context, const Delivery& delivery) {
    if (delivery.lost_after) return print_lost(context, delivery);
    if (delivery.is_snapshot) return print_snapshot(context, delivery);
    const ChangeSet change = change_set_of(delivery);
    if (context.settings.json) {
        JsonWriter json;
        write_json(json, change);
        return context.line(json.take());
    }
    context.out << change_text(change, shown_max(context));
}

Exit print_until_stopped(Context& context, DeliveryQueue& queue, const Subscription& subscription) {
    const uint64_t count = context.arguments.number("count");
    uint64_t printed = 0;
    while (!stop_requested() && context.is_read()) {
        const auto delivery = queue.pop(signal_poll);
        if (!delivery) {
            if (const auto refused = subscription.refused()) return context.fail(*refused);
            continue;
        }
        print(context, *delivery);
        context.out.flush();
        if (delivery->lost_after) continue;
        if (delivery->is_snapshot) {
            if (!context.has("snapshot"))
                context.note("changes went before they came; the lines above are all that is there now");
            continue;
        }
        if (++printed == count) break;
    }
    return Exit::ok;
}

Exit run_watch(Context& context) {
    if (context.has("children")) return watch_children(context);
    if (context.has("snapshot") && context.has("rev")) return context.misuse("--snapshot and --rev exclude one another");
    const bool of_changes = context.has("by") || context.has("label");
    const std::string kind = context.arguments.text("kind");
    if (!of_changes && context.arguments.words().empty()) return context.misuse("FILTER is missing");
    if (context.has("by") && context.has("label")) return context.misuse("--by and --label exclude one another");
    if (context.arguments.all("label").size() > 1) return context.misuse("--label: one only");
    if (context.has("snapshot") && (of_changes || kind == "author" || kind == "label"))
        return context.misuse("an author or a label selects change sets, which have no snapshot; begin with --rev");
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    auto queue = std::make_shared<DeliveryQueue>();
    SubscriptionOptions options;
    if (of_changes) {
        auto filter = filter_of_changes(context);
        if (!filter) return context.misuse(filter.error().detail);
        options.filter = *std::move(filter);
    } else {
        options.filter = filter_of(context.word(0), kind);
    }
    options.keep_view = false;
    options.private_stream = context.has(stream_flag.name);
    options.on_change = [queue](const Delivery& delivery) { queue->push(delivery); };
    // Asking where "now" is also tells at once whether a hub is there.
    auto now = newest_revision(**client, options.filter);
    if (!now) return context.fail(now.error());
    if (context.has("rev")) {
        const uint64_t rev = context.arguments.number("rev");
        options.from = Revision{rev == 0 ? 0 : rev - 1};
    } else if (!context.has("snapshot")) {
        options.from = *now;
    }
    catch_stop_signals();
    auto subscription = Subscription::open(*client, std::move(options));
    if (!subscription) return context.fail(subscription.error());
    if (context.err_terminal) context.note("watching; Ctrl-C ends it");
    const Exit exit = print_until_stopped(context, *queue, **subscription);
    queue->close();
    return exit;
}

}  // namespace

const Command watch_command = {
    .name = "watch",
    .summary = "print every change of some keys, as it happens",
    .usage =
        "[FILTER] [--by NAME | --label LABEL] [--kind KIND] [--rev N | --snapshot] [--count N] [--stream] | FOLDER "
        "--children",
    .details =
        "Misses nothing: it reconnects and catches up by itself. Keys changed together come together, each on a line:\n"
        "  [2026-11-23 05:13:25.123] rev 42 PUT db/pool/size = 48 (alice@ops: twice the load)\n"
        "JSON: one line per change set. --stream needs one port instead of two (firewalls), and costs the hub more.\n"
        "--children: each name directly below FOLDER, a key or a folder of keys, is one line HAS at first, then ADDED,\n"
        "CHANGED or REMOVED.\n"
        "--by (a glob): only the change sets of that author. --label: only those marked so (`belfry put --label`).\n\n"
        "  belfry watch ''                         # everything\n"
        "  belfry watch 'db/*/size' --kind glob\n"
        "  belfry watch services --children        # who is there, who comes and goes\n"
        "  belfry watch --by 'deploy-*' app/       # who deploys, of what they change what is below app/\n"
        "  belfry watch --label rollout=42         # what belongs to that rollout; --label rollout: to any\n"
        "  belfry watch db/ --rev 40 --count 2     # two change sets from revision 40 on, then end",
    .flags = watch_flags,
    .words_min = 0,
    .words_max = 1,
    .run = run_watch,
};

}  // namespace belfry::cli
