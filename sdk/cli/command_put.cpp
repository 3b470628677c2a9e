#include "sdk/base/limits.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/content.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/values.hpp"

namespace belfry::cli {
namespace {

constexpr Flag put_flags[] = {
    {"comment", FlagKind::text, "TEXT", "why; kept in the history"},
    {"label", FlagKind::text, "LABEL", "marks the change set: WORD or NAME=VALUE; may be repeated"},
    {"prev", FlagKind::toggle, "", "also print the value it had"},
    {"cas", FlagKind::number, "REV", "only if the key's mod revision is REV; 0 = only if there is no such key"},
    {"lease", FlagKind::number, "ID", "bind the key to a lease"},
    {"type", FlagKind::text, "TYPE", "what VALUE is: json, toml, yaml (then checked), text, another word; none"},
    {"sequential", FlagKind::toggle, "", "KEY is a beginning: the hub ends it, behind all that were put so below it"},
    {"dry-run", FlagKind::toggle, "", "would it be taken? change nothing"},
    {"literal", FlagKind::toggle, "", "VALUE is meant as it stands, even if it begins with '@' or is '-'"},
};

Exit print_put(Context& context, Revision revision, const std::optional<KeyValue>& previous, const Bytes& key = {}) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("revision", revision);
        if (!key.empty()) json.field("key", key);
        if (context.has("dry-run")) json.field("dry_run", true);
        if (previous) write_json(json.name("previous"), *previous);
        context.line(json.end_object().take());
        return Exit::ok;
    }
    const std::string which = key.empty() ? "" : ", key " + printable(key);
    context.line(context.has("dry-run") ? "OK, nothing was changed"
                                        : "OK revision " + std::to_string(revision.value) + which);
    if (context.has("prev")) context.line(previous ? "previous: " + printable(previous->value) : "previous: none");
    return Exit::ok;
}

Exit print_refusal(Context& context, const protocol::TxnReply& reply, uint64_t wanted) {
    const auto* range = reply.replies.empty() ? nullptr : std::get_if<protocol::RangeReply>(&reply.replies[0].reply);
    const uint64_t found = range != nullptr && !range->kvs.empty() ? range->kvs[0].mod_revision.value : 0;
    const std::string state = found == 0 ? "there is no such key" : "the key is at mod revision " + std::to_string(found);
    const std::string wish = wanted == 0 ? "it must not exist" : "it must be at " + std::to_string(wanted);
    return context.fail({Code::conflict, "'" + printable(context.word(0)) + "': " + state + ", but " + wish});
}

Exit put_compared(Context& context, Client& client, protocol::PutRequest put, const WriteOptions& options) {
    const uint64_t wanted = context.arguments.number("cas");
    protocol::Compare compare;
    compare.range = KeyRange::one(put.key);
    compare.target = protocol::Compare::Target::mod;
    compare.number = wanted;
    protocol::RangeRequest look;
    look.range = KeyRange::one(put.key);
    protocol::TxnRequest txn;
    txn.compares.push_back(compare);
    txn.then_ops.push_back({std::move(put)});
    txn.else_ops.push_back({std::move(look)});
    auto result = client.txn(std::move(txn), options);
    if (!result) return context.fail(result.error());
    if (!result->succeeded) return print_refusal(context, {result->succeeded, std::move(result->replies)}, wanted);
    const auto* reply = result->replies.empty() ? nullptr : std::get_if<protocol::PutReply>(&result->replies[0].reply);
    return print_put(context, result->revision, reply == nullptr ? std::nullopt : reply->previous);
}

// As --type says. Otherwise a file's name is a hint: it types the value if it is right, and is no reason to refuse it.
Result<Bytes> content_type_of(const Context& context, const Bytes& value) {
    if (context.has("type")) return stated_content_type(context.arguments.text("type"), value);
    const std::string& word = context.word(1);
    if (context.has("literal") || !word.starts_with('@')) return Bytes();
    auto [type, why_not] = guessed_content_type(word.substr(1), value);
    if (!why_not.empty()) context.note(printable(word.substr(1)) + ": " + why_not + "; put without a content type");
    return std::move(type);
}

Exit run_put(Context& context) {
    if (context.has("sequential") && (context.has("cas") || context.has("prev")))
        return context.misuse("with --sequential the key is always a new one: --cas and --prev say nothing");
    auto value = read_value(context.word(1), context.has("literal"), context.in, limits::value_bytes_max);
    if (!value) return context.fail(value.error());
    auto type = content_type_of(context, *value);
    if (!type) return context.fail(type.error());
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    WriteOptions options;
    options.comment = context.arguments.text("comment");
    options.labels = context.arguments.all("label");
    options.previous = context.has("prev");
    options.dry_run = context.has("dry-run");
    options.content_type = std::move(*type);
    options.lease = {context.arguments.number("lease")};
    options.sequential = context.has("sequential");
    if (context.has("cas")) {
        protocol::PutRequest put{context.word(0), std::move(*value), options.lease, options.previous, options.content_type};
        return put_compared(context, **client, std::move(put), options);
    }
    auto result = (*client)->put(context.word(0), *value, options);
    if (!result) return context.fail(result.error());
    return print_put(context, result->revision, result->previous, result->key);
}

}  // namespace

const Command put_command = {
    .name = "put",
    .summary = "write a key",
    .usage =
        "KEY VALUE|-|@FILE [--comment TEXT] [--label LABEL]... [--type TYPE] [--lease ID] [--cas REV] [--prev] "
        "[--sequential] [--literal] [--dry-run]",
    .details =
        "VALUE is the text itself, - for standard input, or @FILE for the octets of a file. Other users of the machine\n"
        "can see a command line: give secrets by - or @FILE. Prints the revision of the change.\n"
        "A file that ends in .json, .toml, .yaml or .yml and is such a document gets that content type by itself\n"
        "(--type none: not); readers go by it (`belfry get --format`, the SDK's documents).\n"
        "Labels are seen in the history, and `belfry watch --label` waits for them.\n\n"
        "  belfry put db/pool/size 32 --comment 'twice the load since Monday'\n"
        "  belfry put app/db '{\"size\": 32}' --type json\n"
        "  belfry put tls/key @server.key\n"
        "  belfry put lock/migration $HOSTNAME --cas 0     # exit 1 if somebody else has it\n"
        "  belfry put db/pool/size 48 --cas 42             # only if nobody changed it since revision 42\n"
        "  belfry put events/ 'restarted' --sequential     # a new key each time, in order; its name is printed",
    .flags = put_flags,
    .words_min = 2,
    .words_max = 2,
    .run = run_put,
};

}  // namespace belfry::cli
