#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/render.hpp"

namespace belfry::cli {
namespace {

constexpr Flag log_flags[] = {
    {"last", FlagKind::number, "N", "look at the last N revisions (default 20)"},
    {"from", FlagKind::number, "REV", "from this revision on, instead"},
    {"to", FlagKind::number, "REV", "up to this revision"},
    {"prefix", FlagKind::text, "TEXT", "only changes of keys that begin with TEXT"},
    {"full", FlagKind::toggle, "", "values in full length"},
};

constexpr uint64_t last_default = 20;

// The revision after which to begin. Never one that was compacted away, unless it was asked for by name.
Result<Revision> begin_after(const Context& context, Client& client, const protocol::FilterSpec& filter) {
    if (context.has("from")) {
        const uint64_t from = context.arguments.number("from");
        return Revision{from == 0 ? 0 : from - 1};
    }
    auto status = client.status();
    if (!status) return status.error();
    uint64_t newest = context.arguments.number("to");
    if (newest == 0) {
        auto revision = newest_revision(client, filter);
        if (!revision) return revision.error();
        newest = revision->value;
    }
    const uint64_t last = context.arguments.number("last", last_default);
    const Revision wanted{newest > last ? newest - last : 0};
    return std::max(wanted, oldest_kept(*status).previous());
}

Exit run_log(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto filter = filter_of(context.arguments.text("prefix"), "prefix");
    auto from = begin_after(context, **client, filter);
    if (!from) return context.fail(from.error());
    const size_t limit = shown_max(context);
    auto end =
        walk_changes(**client, filter, *from, {context.arguments.number("to")}, [&](const ChangeSet& change) -> Status {
            if (context.settings.json) {
                JsonWriter json;
                write_json(json, change);
                context.line(json.take());
            } else {
                context.out << change_text(change, limit);
            }
            return context.is_read() ? Status() : Error{Code::io, "nobody reads the output"};
        });
    if (!end) return context.was_unread() ? Exit::other : context.fail(end.error());
    return Exit::ok;
}

}  // namespace

const Command log_command = {
    .name = "log",
    .summary = "the change sets, newest last",
    .usage = "[--last N | --from REV] [--to REV] [--prefix TEXT] [--full]",
    .details =
        "One line per changed key; keys changed together carry the same revision. JSON: one line per change set.\n\n"
        "  belfry log --last 5\n"
        "  belfry log --from 1 --prefix db/",
    .flags = log_flags,
    .run = run_log,
};

}  // namespace belfry::cli
