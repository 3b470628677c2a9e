#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/txn_input.hpp"
#include "sdk/cli/values.hpp"

namespace belfry::cli {
namespace {

constexpr Flag txn_flags[] = {
    {"json", FlagKind::toggle, "", "the input is JSON"},
    {"comment", FlagKind::text, "TEXT", "why; kept in the history"},
    {"label", FlagKind::text, "LABEL", "marks the change set: WORD or NAME=VALUE; may be repeated"},
    {"dry-run", FlagKind::toggle, "", "which branch would run, and would it be taken? change nothing"},
};

Exit run_txn(Context& context) {
    const bool from_file = !context.arguments.words().empty() && context.word(0) != "-";
    auto text = from_file ? read_file(context.word(0), txn_input_bytes_max)
                          : read_stream(context.in, txn_input_bytes_max, "standard input");
    if (!text) return context.fail(text.error());
    auto txn = context.has("json") ? parse_txn_json(*text) : parse_txn_text(*text);
    if (!txn) return context.fail(txn.error());
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    WriteOptions options;
    options.comment = context.arguments.text("comment");
    options.labels = context.arguments.all("label");
    options.dry_run = context.has("dry-run");
    auto result = (*client)->txn(std::move(*txn), options);
    if (!result) return context.fail(result.error());
    const protocol::TxnReply reply{result->succeeded, std::move(result->replies)};
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("revision", result->revision);
        if (options.dry_run) json.field("dry_run", true);
        write_json(json.name("txn"), reply);
        context.line(json.end_object().take());
    } else {
        context.out << txn_text(reply);
        context.line(options.dry_run ? "nothing was changed" : "revision " + std::to_string(result->revision.value));
    }
    return reply.succeeded ? Exit::ok : Exit::negative;
}

}  // namespace

const Command txn_command = {
    .name = "txn",
    .summary = "compare, then change several keys at once",
    .usage = "[FILE|-] [--json] [--comment TEXT] [--label LABEL]... [--dry-run]",
    .details =
        "Reads a transaction: compares under `if`, what to do if all of them hold under `then`, otherwise under `else`.\n"
        "Exit 1 if they did not hold. Words with blanks are put in double quotes (\\n \\t \\\\ \\\" \\xHH inside).\n\n"
        "  if\n"
        "    mod(db/pool/size) = 42        # also create, version, lease, value; = != < >\n"
        "    exists(db/host)               # or missing(...)\n"
        "  then\n"
        "    put db/pool/size 48\n"
        "    put db/host \"db 2.example\"\n"
        "    del db/old/ --prefix\n"
        "  else\n"
        "    get db/pool/size\n\n"
        "--json: {\"if\": [{\"key\": \"a\", \"target\": \"mod\", \"op\": \"=\", \"value\": 42}],\n"
        "         \"then\": [{\"put\": {\"key\": \"a\", \"value\": \"b\"}}], \"else\": [{\"get\": {\"key\": \"a\"}}]}\n"
        "with put, get, delete and txn (nested).",
    .flags = txn_flags,
    .words_max = 1,
    .run = run_txn,
};

}  // namespace belfry::cli
