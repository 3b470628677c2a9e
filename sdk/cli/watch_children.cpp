// `belfry watch --children`: what stands directly below a folder, and what becomes of it.
#include <array>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/delivery_queue.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/stop_signal.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/recipes/directory.hpp"

namespace belfry::cli {
namespace {

using namespace std::chrono_literals;
using DirectoryQueue = PrintQueue<DirectoryChange>;

constexpr std::array others = {"by", "label", "kind", "rev", "snapshot"};

std::string_view word_of(const ChildEvent& event, bool first) {
    if (first) return "has";
    switch (event.kind) {
        case ChildEvent::Kind::added: return "added";
        case ChildEvent::Kind::changed: return "changed";
        case ChildEvent::Kind::removed: return "removed";
    }
    return "";
}

void print_json(Context& context, const DirectoryChange& change, const ChildEvent& event) {
    JsonWriter json;
    json.begin_object().field("revision", change.revision).field("event", word_of(event, change.first));
    json.field("child", event.child.name);
    if (event.child.kv) json.field("value", event.child.kv->value);
    if (event.kind != ChildEvent::Kind::removed) json.field("keys_below", event.child.keys_below);
    context.line(json.end_object().take());
}

void print_text(Context& context, const DirectoryChange& change, const ChildEvent& event) {
    std::string text = "rev " + std::to_string(change.revision.value) + " ";
    for (const char letter : word_of(event, change.first)) text += static_cast<char>(letter - 'a' + 'A');
    text += " " + printable(event.child.name);
    if (event.child.kv) text += " = " + printable(event.child.kv->value, shown_max(context));
    if (event.child.keys_below > 0) text += "/ (" + plural(event.child.keys_below, "key") + " below)";
    context.line(text);
}

void print(Context& context, const DirectoryChange& change) {
    for (const ChildEvent& event : change.events)
        context.settings.json ? print_json(context, change, event) : print_text(context, change, event);
    context.out.flush();
}

}  // namespace

Exit watch_children(Context& context) {
    if (context.arguments.words().empty()) return context.misuse("--children: of which folder? '' is the top");
    for (const char* flag : others) {
        if (context.has(flag)) return context.misuse("--children and --" + std::string(flag) + " exclude one another");
    }
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    // A hub that is not there is said at once, where a subscription would wait for it.
    if (auto now = newest_revision(**client, filter_of(context.word(0), "")); !now) return context.fail(now.error());
    catch_stop_signals();
    auto queue = std::make_shared<DirectoryQueue>();
    const auto directory = Directory::open(
        *client, context.word(0), [queue](const DirectoryChange& change) { queue->push(change); },
        context.has(stream_flag.name));
    if (!directory) return context.fail(directory.error());
    const uint64_t count = context.arguments.number("count");
    Exit exit = Exit::ok;
    for (uint64_t printed = 0; !stop_requested() && context.is_read() && exit == Exit::ok;) {
        const auto change = queue->pop(signal_poll);
        const auto refused = (*directory)->refused();
        if (change) print(context, *change);
        if (!change && refused) exit = context.fail(*refused);
        if (change && !change->first && ++printed == count) break;
    }
    queue->close();
    return exit;
}

}  // namespace belfry::cli
