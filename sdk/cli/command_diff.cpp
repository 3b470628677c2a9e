#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <vector>

#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

constexpr Flag diff_flags[] = {
    {"prefix", FlagKind::text, "TEXT", "only keys that begin with TEXT"},
    {"full", FlagKind::toggle, "", "values in full length"},
};

// Values at the older revision are asked for this many at a time.
constexpr size_t reads_in_flight = 64;

using After = std::map<Bytes, std::optional<Bytes>>;  // key -> its value at the newer revision, none = deleted
using Read = std::future<Result<protocol::Reply>>;

struct Difference {
    const Bytes& key;
    const std::optional<Bytes>& after;
    std::optional<Bytes> before;
    bool same() const { return before == after; }
};

void print(Context& context, const Difference& difference) {
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("key", difference.key);
        json.field("change", !difference.before ? "added" : !difference.after ? "removed" : "changed");
        if (difference.before) json.field("before", *difference.before);
        if (difference.after) json.field("after", *difference.after);
        context.line(json.end_object().take());
        return;
    }
    const size_t limit = shown_max(context);
    const std::string key = printable(difference.key);
    if (!difference.before) return context.line("+ " + key + " = " + printable(*difference.after, limit));
    if (!difference.after) return context.line("- " + key + " = " + printable(*difference.before, limit));
    context.line("~ " + key + " = " + printable(*difference.before, limit) + " -> " + printable(*difference.after, limit));
}

Read read_at(Client& client, const Bytes& key, Revision at) {
    protocol::RangeRequest request;
    request.range = KeyRange::one(key);
    request.at = at;
    return client.send(std::move(request));
}

Result<std::optional<Bytes>> value_of(Result<protocol::Reply> reply) {
    auto range = answer_of<protocol::RangeReply>(std::move(reply));
    if (!range) return range.error();
    if (range->kvs.empty()) return std::optional<Bytes>();
    return std::optional<Bytes>(std::move(range->kvs[0].value));
}

// Looks up what the touched keys were at `older` and prints those that differ. Answers how many.
Result<uint64_t> print_differences(Context& context, Client& client, const After& after, Revision older) {
    uint64_t count = 0;
    std::vector<Read> reads;
    for (auto key = after.begin(); key != after.end();) {
        if (!context.is_read()) return Error{Code::io, "nobody reads the output"};
        reads.clear();
        auto last = key;
        for (; last != after.end() && reads.size() < reads_in_flight; ++last)
            reads.push_back(read_at(client, last->first, older));
        for (Read& read : reads) {
            auto before = value_of(read.get());
            if (!before) return before.error();
            const Difference difference{key->first, key->second, std::move(*before)};
            ++key;
            if (difference.same()) continue;
            print(context, difference);
            ++count;
        }
    }
    return count;
}

Exit run_diff(Context& context) {
    auto from = parse_number(context.word(0));
    auto to = context.arguments.words().size() > 1 ? parse_number(context.word(1)) : Result<uint64_t>(uint64_t{0});
    if (!from || !to) return context.misuse("the revisions are whole numbers");
    if (*to != 0 && *from > *to) return context.misuse("the older revision comes first");
    auto client = context.connect();
    if (!client) return context.fail(client.error());

    After after;
    const auto filter = filter_of(context.arguments.text("prefix"), "prefix");
    auto end = walk_changes(**client, filter, {*from}, {*to}, [&](const ChangeSet& change) -> Status {
        for (const Event& event : change.events) {
            after[event.kv.key] = event.type == EventType::put ? std::optional<Bytes>(event.kv.value) : std::nullopt;
        }
        return {};
    });
    if (!end) return context.fail(end.error());
    uint64_t count = 0;
    if (*from == 0) {  // before everything: each key that is there now was added
        for (const auto& [key, value] : after) {
            if (!value) continue;
            print(context, {key, value, std::nullopt});
            ++count;
        }
    } else {
        auto counted = print_differences(context, **client, after, {*from});
        if (!counted) return context.was_unread() ? Exit::other : context.fail(counted.error());
        count = *counted;
    }
    return count == 0 ? Exit::ok : Exit::negative;
}

}  // namespace

const Command diff_command = {
    .name = "diff",
    .summary = "what differs between two revisions",
    .usage = "A [B] [--prefix TEXT] [--full]",
    .details =
        "A is the older revision, B the newer one (newest if left out). One line per key that differs:\n"
        "  + KEY = VALUE           new in B\n"
        "  - KEY = VALUE           gone in B\n"
        "  ~ KEY = OLD -> NEW      changed\n"
        "Exit 0 if nothing differs, 1 if something does, as diff(1). JSON: one line per key.\n\n"
        "  belfry diff 40 42 --prefix db/",
    .flags = diff_flags,
    .words_min = 1,
    .words_max = 2,
    .run = run_diff,
};

}  // namespace belfry::cli
