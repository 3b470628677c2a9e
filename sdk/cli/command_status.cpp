// `belfry status`, `belfry compact`, `belfry digest`: short questions to the hub.
#include <algorithm>

#include "sdk/base/hash.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

std::string figure_text(const std::string& name, const std::variant<uint64_t, std::string>& figure) {
    if (const auto* text = std::get_if<std::string>(&figure)) return printable(*text);
    const uint64_t number = std::get<uint64_t>(figure);
    const bool is_bytes = name.ends_with("bytes") && number >= 1024;
    return std::to_string(number) + (is_bytes ? "  (" + human_bytes(number) + ")" : "");
}

Exit run_status(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    auto status = (*client)->status();
    if (!status) return context.fail(status.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object();
        for (const auto& [name, figure] : status->figures) {
            std::visit([&, &field = name](const auto& value) { json.field(field, value); }, figure);
        }
        context.line(json.end_object().take());
        return Exit::ok;
    }
    size_t width = 0;
    for (const auto& [name, figure] : status->figures) width = std::max(width, name.size());
    for (const auto& [name, figure] : status->figures) {
        context.line(name + std::string(width + 2 - name.size(), ' ') + figure_text(name, figure));
    }
    // The figures are one member's. With the others' endpoints given too, it shows whether all decide alike.
    if (context.settings.endpoints.size() > 1) {
        for (const std::string& difference : differences_of_members(context)) context.note("members differ: " + difference);
    }
    return Exit::ok;
}

constexpr Flag compact_flags[] = {
    {"keep", FlagKind::number, "N", "keep the last N revisions"},
};

Exit run_compact(Context& context) {
    const bool given = !context.arguments.words().empty();
    if (given == context.has("keep")) return context.misuse("give a revision or --keep N");
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    Revision revision;
    if (given) {
        auto number = parse_number(context.word(0));
        if (!number) return context.misuse(number.error().detail);
        revision = {*number};
    } else {
        const auto status = (*client)->status();
        if (!status) return context.fail(status.error());
        auto newest = newest_revision(*status);
        if (!newest) return context.fail(newest.error());
        const uint64_t keep = std::max<uint64_t>(context.arguments.number("keep"), 1);
        if (newest->value <= keep) {
            JsonWriter json;
            context.line(context.settings.json ? json.begin_object().field("compacted", Revision()).end_object().take()
                                               : "nothing to compact: the hub has " + plural(newest->value, "revision"));
            return Exit::ok;
        }
        revision = {newest->value - keep + 1};
    }
    auto done = (*client)->compact(revision);
    if (!done) return context.fail(done.error());
    if (context.settings.json) {
        JsonWriter json;
        context.line(json.begin_object().field("compacted", revision).end_object().take());
    } else {
        context.line("compacted: revisions below " + std::to_string(revision.value) + " cannot be read any more");
    }
    return Exit::ok;
}

constexpr Flag digest_flags[] = {
    {"kind", FlagKind::text, "KIND", "what FILTER is: prefix (default), exact, glob, regex, json, or a plugin's"},
    {"rev", FlagKind::number, "N", "as it was at revision N"},
};

Exit run_digest(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    protocol::DigestRequest request;
    request.filter = filter_of(context.word(0), context.arguments.text("kind"));
    request.at = {context.arguments.number("rev")};
    auto reply = (*client)->digest(request);
    if (!reply) return context.fail(reply.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("filter", context.word(0)).field("kind", request.filter.kind);
        json.field("revision", reply->at).field("keys", reply->count).field("digest", hex64(reply->digest));
        context.line(json.end_object().take());
    } else {
        context.line(hex64(reply->digest) + "  " + plural(reply->count, "key") + " at revision " +
                     std::to_string(reply->at.value));
    }
    return Exit::ok;
}

}  // namespace

const Command status_command = {
    .name = "status",
    .summary = "the figures of a hub: revision, sizes, subscribers, latencies",
    .details = "  belfry status -o json | jq .revision",
    .run = run_status,
};

const Command compact_command = {
    .name = "compact",
    .summary = "forget old revisions",
    .usage = "REV | --keep N",
    .details =
        "Afterwards reads, history and diffs below REV answer `compacted` (exit 6). The newest state is never touched.\n\n"
        "  belfry compact 1000\n"
        "  belfry compact --keep 10000",
    .flags = compact_flags,
    .words_max = 1,
    .run = run_compact,
};

const Command digest_command = {
    .name = "digest",
    .summary = "one number for the state of some keys, to compare with a subscriber's",
    .usage = "FILTER [--kind KIND] [--rev N]",
    .flags = digest_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_digest,
};

}  // namespace belfry::cli
