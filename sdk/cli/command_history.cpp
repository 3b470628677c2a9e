#include <algorithm>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

constexpr Flag history_flags[] = {
    {"limit", FlagKind::number, "N", "the newest N only (default 100; 0: all)"},
    {"before", FlagKind::number, "REV", "only what is older than this revision"},
    {"full", FlagKind::toggle, "", "values in full length"},
};

constexpr uint64_t page_versions = 500;

// Prints versions, newest first, until `limit` of them or the end of what is kept.
Exit print_history(Context& context, Client& client, protocol::HistoryRequest request, uint64_t limit) {
    uint64_t printed = 0;
    while (true) {
        request.limit = limit == 0 ? page_versions : std::min(page_versions, limit - printed);
        auto reply = client.history(request);
        if (!reply) return context.fail(reply.error());
        for (const auto& version : reply->versions) {
            if (context.settings.json) {
                JsonWriter json;
                write_json(json, version);
                context.line(json.take());
            } else {
                context.out << history_text(version, shown_max(context));
            }
        }
        printed += reply->versions.size();
        if (reply->more && !context.is_read()) return Exit::other;
        if (!reply->more || reply->versions.empty() || (limit != 0 && printed >= limit)) {
            if (reply->compacted && !reply->more) context.note("older versions were compacted away");
            if (printed == 0) context.note("no history of '" + printable(context.word(0)) + "'");
            return printed == 0 ? Exit::negative : Exit::ok;
        }
        request.before = reply->versions.back().kv.mod_revision;
    }
}

Exit run_history(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    protocol::HistoryRequest request;
    request.key = context.word(0);
    request.before = {context.arguments.number("before")};
    return print_history(context, **client, std::move(request), context.arguments.number("limit", 100));
}

}  // namespace

const Command history_command = {
    .name = "history",
    .summary = "who changed a key, when, to what, and why",
    .usage = "KEY [--limit N] [--before REV] [--full]",
    .details =
        "Newest first. JSON: one line per version. Exit 1 if there is none.\n\n"
        "  belfry history db/pool/size",
    .flags = history_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_history,
};

}  // namespace belfry::cli
