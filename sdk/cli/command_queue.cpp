#include <array>

#include "sdk/base/limits.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/holding.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/values.hpp"
#include "sdk/cli/verbs.hpp"
#include "sdk/recipes/queue.hpp"

namespace belfry::cli {
namespace {

constexpr size_t shown_default = 50;  // items, unless --most says otherwise

constexpr Flag queue_flags[] = {
    {"priority", FlagKind::number, "N", "push: 0 to 9; 0 is handed out first (5)"},
    {"literal", FlagKind::toggle, "", "push: VALUE is meant as it stands, even if it begins with '@' or is '-'"},
    {"most", FlagKind::number, "N", "take: so many at once (1), at most 256; with --peek, and dead: so many (50)"},
    {"wait", FlagKind::duration, "TIME", "take: how long to wait for something (for ever); 0s: not at all"},
    {"ttl", FlagKind::duration, "TIME", "take: when others get the items if this process dies, or is paused (10s)"},
    {"attempts", FlagKind::number, "N", "take: an item that was handed out so often is a dead letter (5); 0: never"},
    {"follow", FlagKind::toggle, "", "take: and the next ones, until Ctrl-C, or until nothing came for --wait"},
    {"peek", FlagKind::toggle, "", "take: only show what is there"},
    {"until", FlagKind::number, "N", "close: opens by itself when there are so many items"},
};

struct QueueVerb {
    Verb verb;
    Exit (*run)(Context& context, Queue& queue);  // none: take()
};

Exit print_ok(Context& context, std::string_view text, JsonWriter& json) {
    context.line(context.settings.json ? json.end_object().take() : "OK " + std::string(text));
    return Exit::ok;
}

Exit print_id(Context& context, const Result<Bytes>& id) {
    if (!id) return context.fail(id.error());
    JsonWriter json;
    json.begin_object().field("id", *id);
    return print_ok(context, "item " + printable(*id), json);
}

Exit push(Context& context, Queue& queue) {
    const auto value = read_value(context.word(2), context.has("literal"), context.in, limits::value_bytes_max);
    if (!value) return context.fail(value.error());
    const uint64_t priority = context.arguments.number("priority", queue_priority);
    if (priority > queue_priority_max) return context.misuse("--priority: 0 to 9; 0 is handed out first");
    return print_id(context, queue.push(*value, static_cast<unsigned>(priority)));
}

Exit revive(Context& context, Queue& queue) { return print_id(context, queue.revive(context.word(2))); }

Exit status(Context& context, Queue& queue) {
    const auto now = queue.status();
    if (!now) return context.fail(now.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("items", now->items).field("held", now->held).field("dead", now->dead);
        context.line(json.field("closed", now->closed).end_object().take());
        return Exit::ok;
    }
    context.line("items   " + human_count(now->items));
    context.line("held    " + human_count(now->held));
    context.line("dead    " + human_count(now->dead));
    context.line(std::string("closed  ") + (now->closed ? "yes" : "no"));
    return Exit::ok;
}

// ---- closed and open ----

Exit print_closed(Context& context, const Status& done, bool closed) {
    if (!done) return context.fail(done.error());
    JsonWriter json;
    json.begin_object().field("closed", closed);
    return print_ok(context, closed ? "closed" : "open", json);
}

// It may be complete already, and then it is open.
Exit close(Context& context, Queue& queue) {
    const Status done = queue.close(context.arguments.number("until"));
    const auto now = done ? queue.status() : Result<QueueStatus>(done.error());
    return print_closed(context, now ? Status() : Status(now.error()), now && now->closed);
}

Exit open(Context& context, Queue& queue) { return print_closed(context, queue.open(), false); }

Exit purge(Context& context, Queue& queue) {
    const auto erased = queue.purge();
    if (!erased) return context.fail(erased.error());
    JsonWriter json;
    json.begin_object().field("erased", *erased);
    return print_ok(context, plural(*erased, "item") + " erased", json);
}

// ---- looked at ----

Exit print_entries(Context& context, const Result<std::vector<QueueEntry>>& entries, bool dead = false) {
    if (!entries) return context.fail(entries.error());
    JsonWriter json;
    json.begin_array();
    for (const QueueEntry& entry : *entries) {
        if (!context.settings.json) {
            const std::string state = dead ? "dead" : entry.held ? "held" : entry.attempts > 0 ? "back" : "new";
            context.line(printable(entry.id) + "\t" + state + "\t" + printable(entry.value, value_shown_max));
            continue;
        }
        json.begin_object().field("id", entry.id).field("value", entry.value).field("pushed", entry.pushed);
        json.field("attempts", entry.attempts).field("held", entry.held);
        if (!entry.content_type.empty()) json.field("content_type", entry.content_type);
        json.end_object();
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

size_t most_shown(const Context& context) { return context.arguments.number("most", shown_default); }

Exit dead(Context& context, Queue& queue) { return print_entries(context, queue.dead_letters(most_shown(context)), true); }

Exit peek(Context& context, Queue& queue) { return print_entries(context, queue.peek(most_shown(context))); }

constexpr std::array queue_verbs = {
    QueueVerb{{"push", 3, 3, " priority literal "}, push},
    QueueVerb{{"take", 2, command_words_max, " most wait ttl attempts follow peek "}, nullptr},
    QueueVerb{{"status", 2, 2, ""}, status},
    QueueVerb{{"close", 2, 2, " until "}, close},
    QueueVerb{{"open", 2, 2, ""}, open},
    QueueVerb{{"dead", 2, 2, " most "}, dead},
    QueueVerb{{"revive", 3, 3, ""}, revive},
    QueueVerb{{"purge", 2, 2, ""}, purge},
};

Exit with_queue(Context& context, Exit (*run)(Context& context, Queue& queue)) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    Queue queue(std::move(*client), context.word(1));
    return run(context, queue);
}

Exit take(Context& context) {
    if (context.arguments.number("most", 1) == 0) return context.misuse("--most: 1 at least");
    if (!context.has("peek")) return take_from_queue(context);
    const bool takes = context.has("follow") || context.has("wait") || context.has("ttl") || context.has("attempts");
    if (takes || context.arguments.words().size() > 2)
        return context.misuse("--peek only shows: no COMMAND, and nothing but --most with it");
    return with_queue(context, peek);
}

Exit run_queue(Context& context) {
    if (const QueueVerb* row = find_verb(context, std::span<const QueueVerb>(queue_verbs))) {
        if (!are_flags_of(context, row->verb)) return Exit::usage;
        return row->run == nullptr ? take(context) : with_queue(context, row->run);
    }
    return context.misuse(
        "write `queue push NAME VALUE`, `queue take NAME [-- COMMAND]`, `queue revive NAME ID` or "
        "`queue status|close|open|dead|purge NAME`");
}

}  // namespace

const Command queue_command = {
    .name = "queue",
    .summary = "work that is handed out in order, each item to one at a time",
    .usage =
        "push NAME VALUE|-|@FILE [--priority N] | take NAME [--most N] [--wait TIME] [--follow] [FLAGS] "
        "[-- COMMAND ARGUMENT...] | "
        "take NAME --peek | status NAME | close NAME [--until N] | open NAME | dead NAME | revive NAME ID | purge NAME",
    .details =
        "An item that was pushed is handed out, to one at a time, until it is acknowledged. `take` waits for the next "
        "one,\n"
        "prints it and acknowledges it. With COMMAND: each item is COMMAND's standard input; if it exits with 0 the item "
        "is\n"
        "acknowledged, otherwise it goes back to its old place, and `take` exits with that code. COMMAND finds\n"
        "BELFRY_ITEM_ID, BELFRY_ITEM_ATTEMPTS (how often it was handed out, 1 is the first time) and BELFRY_LEASE in its\n"
        "environment, and BELFRY_ITEM_CLAIM and BELFRY_ITEM_SINCE: a transaction that compares that key's mod revision\n"
        "with that number is done only while nobody else has the item. After 5 attempts an item is a dead letter.\n"
        "Exit 1 if nothing came within --wait. If this process dies, or is paused, others get its items after --ttl; work\n"
        "may then be done twice. If the lease is lost COMMAND gets SIGTERM and after 5 s SIGKILL, and the exit code is 4,\n"
        "but for --follow, which goes on with another lease. A stop signal is handed on to COMMAND as SIGTERM.\n"
        "`close` stops the handing out until `open`, or until there are --until items. `purge` erases what nobody "
        "holds.\n\n"
        "  belfry queue push mail 'to: ada'                              # OK item 5/00000000000000000042-0000\n"
        "  belfry queue take mail --follow -- ./send.sh                  # a worker; start it as often as you like\n"
        "  belfry queue take mail --wait 0s                              # exit 1 if there is nothing\n"
        "  belfry queue take mail --peek\n"
        "  belfry queue dead mail && belfry queue revive mail 5/00000000000000000042-0000",
    .flags = queue_flags,
    .words_min = 2,
    .words_max = command_words_max,
    .run = run_queue,
};

}  // namespace belfry::cli
