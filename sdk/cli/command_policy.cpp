#include <algorithm>

#include "sdk/base/limits.hpp"
#include "sdk/base/units.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/values.hpp"
#include "sdk/cli/verbs.hpp"
#include "sdk/protocol/policy.hpp"
#include "sdk/protocol/quota.hpp"

namespace belfry::cli {
namespace {

using protocol::Policy;
using protocol::Record;

constexpr Flag policy_flags[] = {
    {"schema", FlagKind::text, "FILE", "set: values must fit this JSON Schema"},
    {"rules", FlagKind::text, "FILE", "set: values must keep these rules (types, ranges, sizes)"},
    {"command", FlagKind::text, "NAME", "set: a program of the operator's decides (plugin validate_command)"},
    {"rule", FlagKind::text, "KIND=FILE", "set: for the validator KIND of some plugin; may stand several times"},
    {"quota-keys", FlagKind::number, "N", "set: at most N keys match the pattern"},
    {"quota-bytes", FlagKind::text, "SIZE", "set: at most so many octets of keys and values: 65536, \"64 MiB\""},
    {"expect", FlagKind::number, "VERSION", "only if the policy is at this version; 0 = only if there is none"},
    {"comment", FlagKind::text, "TEXT", "why"},
    {"dry-run", FlagKind::toggle, "", "check it, change nothing"},
};

Result<std::vector<Record>> read_all(Client& client) {
    std::vector<Record> all;
    for (protocol::RecordsRequest page{Bytes(protocol::policy_prefix), {}};;) {
        auto records = answer_of<protocol::RecordsReply>(client.call(page));
        if (!records) return records.error();
        std::move(records->records.begin(), records->records.end(), std::back_inserter(all));
        if (!records->more || all.empty()) return all;
        page.after = all.back().name;
    }
}

// ---- set and remove ----

Result<protocol::Quota> quota_of(const Context& context) {
    protocol::Quota quota;
    if (context.has("quota-keys")) quota.keys_max = context.arguments.number("quota-keys");
    if (!context.has("quota-bytes")) return quota;
    const std::string& text = context.arguments.text("quota-bytes");
    const auto bare = parse_number(text);
    quota.bytes_max = bare ? std::optional(*bare) : parse_size(text);
    if (quota.bytes_max) return quota;
    return Error{Code::invalid_argument, "--quota-bytes: write a size such as 65536 or \"64 MiB\""};
}

Result<std::vector<protocol::PolicyRule>> rules_of(const Context& context) {
    std::vector<protocol::PolicyRule> rules;
    const auto from_file = [&](const std::string& kind, const std::string& file) -> Status {
        auto spec = read_file(file, limits::record_content_bytes_max);
        if (!spec) return spec.error();
        rules.push_back({kind, *std::move(spec)});
        return {};
    };
    for (const char* kind : {"schema", "rules"}) {
        if (!context.has(kind)) continue;
        if (Status read = from_file(kind, context.arguments.text(kind)); !read) return read.error();
    }
    if (context.has("command")) rules.push_back({"command", context.arguments.text("command")});
    for (const std::string& text : context.arguments.all("rule")) {
        const size_t equals = text.find('=');
        if (equals == 0 || equals == std::string::npos) return Error{Code::invalid_argument, "--rule: write KIND=FILE"};
        if (Status read = from_file(text.substr(0, equals), text.substr(equals + 1)); !read) return read.error();
    }
    if (context.has("quota-keys") || context.has("quota-bytes")) {
        const auto quota = quota_of(context);
        if (!quota) return quota.error();
        rules.push_back({Bytes(protocol::quota_kind), protocol::encode_quota(*quota)});
    }
    if (rules.empty()) {
        return Error{Code::invalid_argument,
                     "a policy needs a rule: --schema FILE, --rules FILE, --quota-keys N, --quota-bytes SIZE, --command "
                     "NAME or --rule KIND=FILE"};
    }
    return rules;
}

Exit change(Context& context, protocol::RecordChangeRequest request) {
    if (context.has("expect")) request.expected = context.arguments.number("expect");
    const bool removes = request.remove;
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    WriteOptions options;
    options.comment = context.arguments.text("comment");
    options.dry_run = context.has("dry-run");
    const auto changed = answer_of<protocol::RecordChangeReply>((*client)->call(std::move(request), options));
    if (!changed) return context.fail(changed.error());
    const uint64_t version = changed->version;
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("version", version).field("dry_run", options.dry_run);
        context.line(json.end_object().take());
        return Exit::ok;
    }
    const std::string done = removes ? "removed" : "version " + std::to_string(version);
    context.line(options.dry_run ? "would be " + done + "; nothing was changed" : "OK " + done);
    return Exit::ok;
}

Exit set_policy(Context& context) {
    auto rules = rules_of(context);
    if (!rules) {
        // Only the command line is invalid here; what a file says is looked at by the hub.
        const bool misused = rules.error().code == Code::invalid_argument;
        return misused ? context.misuse(rules.error().detail) : context.fail(rules.error());
    }
    const Policy policy{context.word(1), *std::move(rules)};
    return change(context, {protocol::policy_name(policy.pattern), false, protocol::encode_policy(policy), {}});
}

// ---- list and show ----

void write_rules(JsonWriter& json, const Policy& policy) {
    json.name("rules").begin_array();
    for (const auto& rule : policy.rules) {
        json.begin_object().field("kind", rule.kind).field("spec", rule.spec).end_object();
    }
    json.end_array();
}

Exit list_policies(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto records = read_all(**client);
    if (!records) return context.fail(records.error());
    JsonWriter json;
    json.begin_array();
    for (const Record& record : *records) {
        const auto policy = protocol::decode_policy(record.name, record.content);
        const Bytes pattern = record.name.substr(protocol::policy_prefix.size());
        if (context.settings.json) {
            json.begin_object().field("pattern", pattern);
            if (policy) write_rules(json, *policy);  // else of a newer release
            json.field("version", record.version).field("author", record.author).field("time_ms", record.time_ms);
            json.end_object();
        } else {
            std::string kinds;
            if (policy) {
                for (const auto& rule : policy->rules) kinds += (kinds.empty() ? "" : ", ") + rule.kind;
            }
            context.line(printable(pattern) + "\t" + (policy ? kinds : "(of a newer release)") + "\tversion " +
                         std::to_string(record.version) + "\t" + printable(record.author));
        }
    }
    if (context.settings.json) context.line(json.end_array().take());
    return Exit::ok;
}

Exit show(Context& context) {
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    const auto records = read_all(**client);
    if (!records) return context.fail(records.error());
    const Bytes name = protocol::policy_name(context.word(1));
    const auto found = std::find_if(records->begin(), records->end(), [&](const Record& one) { return one.name == name; });
    if (found == records->end()) return context.fail({Code::not_found, "there is no policy '" + context.word(1) + "'"});
    const auto policy = protocol::decode_policy(found->name, found->content);
    if (!policy) return context.fail(policy.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("pattern", policy->pattern).field("version", found->version);
        write_rules(json, *policy);
        context.line(json.end_object().take());
        return Exit::ok;
    }
    for (const auto& rule : policy->rules) {
        context.line("# " + rule.kind);
        context.line(rule.spec);
    }
    return Exit::ok;
}

Exit remove_policy(Context& context) { return change(context, {protocol::policy_name(context.word(1)), true, {}, {}}); }

constexpr ContextVerb policy_verbs[] = {
    {{"set", 2, 2, " schema rules command rule quota-keys quota-bytes expect comment dry-run "}, set_policy},
    {{"list", 1, 1, ""}, list_policies},
    {{"show", 2, 2, ""}, show},
    {{"remove", 2, 2, " expect comment dry-run "}, remove_policy},
};

Exit run_policy(Context& context) {
    return run_verb(context, policy_verbs,
                    "write `policy set PATTERN`, `policy show PATTERN`, `policy remove PATTERN` or `policy list`");
}

}  // namespace

const Command policy_command = {
    .name = "policy",
    .summary = "which values keys may take: checked at every write",
    .usage =
        "set PATTERN [--schema FILE] [--rules FILE] [--command NAME] [--rule KIND=FILE] [--quota-keys N] "
        "[--quota-bytes SIZE] [FLAGS] | list | show PATTERN | remove PATTERN",
    .details =
        "A policy is about every key that matches its pattern (a glob: `app/*/db`, `tls/**`). The leader asks its rules\n"
        "before a write is taken; a write that one of them refuses changes nothing, and neither do the others of its\n"
        "transaction. Values that are there already stay. Effective at once, on all members.\n"
        "A quota bounds how many keys match, and their octets together; `belfry status` shows what is used. Deletes and\n"
        "writes that shrink are never refused by it. `set` replaces all rules of a pattern.\n\n"
        "  belfry policy set 'app/*/db' --schema db.json --comment 'ports were typed wrongly twice'\n"
        "  belfry put app/shop/db @db.json --dry-run       # would it be taken?\n"
        "  belfry policy set 'app/**' --quota-keys 1000 --quota-bytes '1 MiB'\n"
        "  belfry policy list",
    .flags = policy_flags,
    .words_min = 1,
    .words_max = 2,
    .run = run_policy,
};

}  // namespace belfry::cli
