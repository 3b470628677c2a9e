#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

constexpr Flag del_flags[] = {
    {"prefix", FlagKind::toggle, "", "every key that begins with KEY"},
    {"range-end", FlagKind::text, "END", "every key from KEY up to, not including, END"},
    {"all", FlagKind::toggle, "", "with --prefix '': yes, really every key"},
    {"comment", FlagKind::text, "TEXT", "why; kept in the history"},
    {"label", FlagKind::text, "LABEL", "marks the change set: WORD or NAME=VALUE; may be repeated"},
    {"prev", FlagKind::toggle, "", "also print what was deleted"},
    {"dry-run", FlagKind::toggle, "", "would it be taken? delete nothing"},
};

Exit run_del(Context& context) {
    const std::string& key = context.word(0);
    if (context.has("prefix") && context.has("range-end"))
        return context.misuse("--prefix and --range-end exclude one another");
    if (key.empty() && !(context.has("prefix") && context.has("all"))) {
        return context.misuse("an empty key would mean every key; if so: del '' --prefix --all");
    }
    KeyRange range{key, context.arguments.text("range-end")};
    if (context.has("prefix")) range = key.empty() ? KeyRange::all() : KeyRange::prefix(key);
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    WriteOptions options;
    options.comment = context.arguments.text("comment");
    options.labels = context.arguments.all("label");
    options.previous = context.has("prev");
    options.dry_run = context.has("dry-run");
    auto result = (*client)->erase(range, options);
    if (!result) return context.fail(result.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("revision", result->revision).field("deleted", result->deleted);
        if (options.dry_run) json.field("dry_run", true);
        if (context.has("prev")) {
            json.name("previous").begin_array();
            for (const KeyValue& kv : result->previous) write_json(json, kv);
            json.end_array();
        }
        context.line(json.end_object().take());
    } else {
        context.line(plural(result->deleted, "key") +
                     (options.dry_run ? " would be deleted; nothing was changed"
                                      : " deleted, revision " + std::to_string(result->revision.value)));
        for (const KeyValue& kv : result->previous) context.line(printable(kv.key) + "\t" + printable(kv.value));
    }
    return result->deleted == 0 ? Exit::negative : Exit::ok;
}

}  // namespace

const Command del_command = {
    .name = "del",
    .summary = "delete a key, or many at once",
    .usage = "KEY [--prefix | --range-end END] [--comment TEXT] [--label LABEL]... [--prev] [--dry-run]",
    .details =
        "All keys go in one change set. Exit 1 if there was nothing to delete.\n\n"
        "  belfry del db/pool/size\n"
        "  belfry del tmp/ --prefix --comment 'left over from the migration'",
    .flags = del_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_del,
};

}  // namespace belfry::cli
