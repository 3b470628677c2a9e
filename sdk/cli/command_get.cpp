#include "sdk/base/content_type.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/render.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/values/document.hpp"

namespace belfry::cli {
namespace {

constexpr Flag get_flags[] = {
    {"prefix", FlagKind::toggle, "", "every key that begins with KEY; '' = all"},
    {"range-end", FlagKind::text, "END", "every key from KEY up to, not including, END"},
    {"rev", FlagKind::number, "N", "as it was at revision N"},
    {"detail", FlagKind::toggle, "", "revisions, version and size with each key", 'd'},
    {"keys-only", FlagKind::toggle, "", "keys without values"},
    {"count", FlagKind::toggle, "", "only how many there are"},
    {"limit", FlagKind::number, "N", "at most N keys (0: all)"},
    {"sort", FlagKind::text, "BY", "key, create, mod, version or value"},
    {"desc", FlagKind::toggle, "", "the greatest first"},
    {"raw", FlagKind::toggle, "", "the value's octets and nothing else, no line break added"},
    {"format", FlagKind::text, "FORM", "one key, a document: written as json, toml or yaml, whatever it is; raw as --raw"},
    {"path", FlagKind::text, "POINTER", "only this part of the document, a JSON pointer: /db/port"},
    {"type", FlagKind::text, "TYPE", "with the two: what the value is, if it does not say so itself"},
    {"local", FlagKind::toggle, "", "this member's state, without asking the others: faster, perhaps older"},
};

// Keys of one page of an unlimited, sorted-by-key read: pages keep both sides' memory small.
constexpr uint64_t page_keys = 2000;

Result<protocol::SortTarget> sort_target(std::string_view word) {
    constexpr std::string_view words[] = {"key", "create", "mod", "version", "value"};
    for (size_t i = 0; i < std::size(words); ++i) {
        if (word.empty() || word == words[i]) return static_cast<protocol::SortTarget>(word.empty() ? 0 : i);
    }
    return Error{Code::invalid_argument,
                 "--sort: '" + printable(word, 40) + "' is none of key, create, mod, version, value"};
}

KeyRange range_of(const Context& context) {
    const std::string& key = context.word(0);
    if (context.has("prefix")) return key.empty() ? KeyRange::all() : KeyRange::prefix(key);
    return {key, context.arguments.text("range-end")};
}

void print_key(Context& context, const KeyValue& kv) {
    if (context.has("keys-only")) return context.line(printable(kv.key));
    if (context.has("raw")) {
        context.out << kv.value;
        return;
    }
    if (context.has("detail")) {
        context.out << detail_text(kv) << '\n';
        return;
    }
    context.out << printable(kv.key) << '\t' << printable(kv.value) << '\n';
}

// One key alone: its value, ready for a pipe; made harmless if it goes to a terminal.
void print_value(Context& context, const KeyValue& kv) {
    if (context.arguments.text("format") == "raw") return void(context.out << kv.value);
    if (context.has("raw") || context.has("keys-only")) return print_key(context, kv);
    if (context.has("detail")) {
        context.out << detail_text(kv);
        return;
    }
    context.out << (context.out_terminal ? terminal_safe(kv.value) : kv.value);
    if (kv.value.empty() || kv.value.back() != '\n') context.out << '\n';
}

// Prints keys as their pages come.
class Printer {
public:
    explicit Printer(Context& context, bool single) : context_(context), single_(single) {}

    void page(const RangeResult& result) {
        if (printed_ == 0 && pages_++ == 0) begin(result);
        for (const KeyValue& kv : result.kvs) {
            ++printed_;
            if (context_.settings.json) {
                write_json(json_, kv, !context_.has("keys-only"));
            } else if (single_) {
                print_value(context_, kv);
            } else {
                print_key(context_, kv);
            }
        }
        flush();
    }

    void end(bool more) {
        if (!context_.settings.json) return;
        json_.end_array().field("more", more).end_object();
        flush();
        context_.out << '\n';
    }

    uint64_t printed() const { return printed_; }

private:
    void begin(const RangeResult& result) {
        if (!context_.settings.json) return;
        json_.begin_object().field("revision", result.revision).field("count", result.count).name("kvs").begin_array();
    }
    void flush() { context_.out << json_.take_part(); }

    Context& context_;
    bool single_;
    JsonWriter json_;
    uint64_t printed_ = 0;
    uint64_t pages_ = 0;
};

Exit print_count(Context& context, Client& client, protocol::RangeRequest request) {
    request.count_only = true;
    auto result = client.range(request);
    if (!result) return context.fail(result.error());
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("revision", result->revision).field("count", result->count).end_object();
        context.line(json.take());
    } else {
        context.line(std::to_string(result->count));
    }
    return Exit::ok;
}

Exit print_range(Context& context, Client& client, protocol::RangeRequest request) {
    const uint64_t limit = context.arguments.number("limit");
    const bool paged =
        request.sort_target == protocol::SortTarget::key && request.sort_order == protocol::SortOrder::ascending;
    const bool single = request.range.is_one();
    Printer printer(context, single);
    while (true) {
        const uint64_t left = limit == 0 ? 0 : limit - printer.printed();
        if (!paged) {
            request.limit = limit;
        } else {
            request.limit = left == 0 ? page_keys : std::min(page_keys, left);
        }
        auto result = client.range(request);
        if (!result) return context.fail(result.error());
        printer.page(*result);
        if (result->more && !context.is_read()) return Exit::other;
        const bool enough = limit != 0 && printer.printed() >= limit;
        if (result->more && !enough && paged && !result->kvs.empty()) {
            // The next page continues after the last key, in the same revision.
            request.range.begin = result->kvs.back().key + '\0';
            request.at = result->revision;
            continue;
        }
        printer.end(result->more);
        if (result->more && !enough) {
            return context.fail(
                {Code::too_large, "more keys match than one sorted answer holds; narrow the range or give --limit"});
        }
        if (printer.printed() > 0 || !single) return Exit::ok;
        if (!context.settings.json) context.note("no such key '" + printable(context.word(0)) + "'");
        return Exit::negative;
    }
}

// ---- a document, or a part of one ----

Exit print_text(Context& context, std::string text) {
    if (context.out_terminal) text = terminal_safe(text);
    context.out << text;
    if (text.empty() || text.back() != '\n') context.out << '\n';
    return Exit::ok;
}

// A text alone is shown as it is; all else in the document's own form where that can hold it.
std::string part_text(const Node& node, Document::Form form) {
    if (const std::string* text = node.text()) return *text;
    auto text = Document::write(node, form);
    if (!text) text = Document::write(node, Document::Form::json);
    return text ? *std::move(text) : "(infinite)";
}

Exit print_document(Context& context, Client& client, const protocol::RangeRequest& request) {
    const auto result = client.range(request);
    if (!result) return context.fail(result.error());
    const std::string key = printable(context.word(0));
    if (result->kvs.empty()) return context.note("no such key '" + key + "'"), Exit::negative;
    const KeyValue& kv = result->kvs[0];
    Bytes type = context.arguments.text("type", kv.content_type);
    if (type.empty()) type = content_type_of_path(kv.key);
    if (type.empty()) {
        return context.fail({Code::unsupported, "'" + key + "' has no content type; say it: --type json, toml or yaml"});
    }
    const auto document = Document::read(kv, type);
    if (!document) return context.fail({document.error().code, "'" + key + "': " + document.error().detail});
    const std::string& pointer = context.arguments.text("path");
    const Node* node = document->find(pointer);
    if (node == nullptr) return context.note("'" + key + "' has nothing at '" + printable(pointer) + "'"), Exit::negative;
    if (!context.has("format")) return print_text(context, part_text(*node, *Document::form_of(type)));
    const auto text = Document::write(*node, *Document::form_of(context.arguments.text("format")));
    return text ? print_text(context, *text) : context.fail(text.error());
}

Status check_document_flags(const Context& context) {
    const auto wrong = [](const char* sentence) { return Error{Code::invalid_argument, sentence}; };
    if (context.has("prefix") || context.has("range-end")) return wrong("--format and --path read one key");
    if (context.settings.json || context.has("detail") || context.has("keys-only") || context.has("raw")) {
        return wrong("--format and --path print the document; -o json, --raw, --detail and --keys-only do not fit");
    }
    const std::string& pointer = context.arguments.text("path");
    if (!pointer.empty() && pointer[0] != '/') return wrong("--path: a JSON pointer begins with '/': /db/port");
    if (!context.has("format") || Document::form_of(context.arguments.text("format"))) return {};
    return wrong("--format: write json, toml, yaml or raw");
}

Exit run_get(Context& context) {
    if (context.word(0).empty() && !context.has("prefix"))
        return context.misuse("a key is never empty; for all keys: get '' --prefix");
    if (context.has("prefix") && context.has("range-end"))
        return context.misuse("--prefix and --range-end exclude one another");
    auto target = sort_target(context.arguments.text("sort"));
    if (!target) return context.misuse(target.error().detail);
    if (context.has("path") || (context.has("format") && context.arguments.text("format") != "raw")) {
        if (Status good = check_document_flags(context); !good) return context.misuse(good.error().detail);
    }
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    protocol::RangeRequest request;
    request.range = range_of(context);
    request.at = {context.arguments.number("rev")};
    request.sort_target = *target;
    if (context.has("desc")) request.sort_order = protocol::SortOrder::descending;
    request.keys_only = context.has("keys-only");
    request.local = context.has("local");
    const bool raw = context.arguments.text("format") == "raw";
    if (context.has("path") || (context.has("format") && !raw)) return print_document(context, **client, request);
    if (context.has("count")) return print_count(context, **client, std::move(request));
    return print_range(context, **client, std::move(request));
}

}  // namespace

const Command get_command = {
    .name = "get",
    .summary = "read a key, or many",
    .usage = "KEY [--prefix | --range-end END] [--rev N] [--detail] [--raw] [--format FORM] [--path POINTER]",
    .details =
        "One key: prints its value and a line break if it does not end with one (--raw: the octets alone). On a terminal,\n"
        "control characters are shown as \\xHH. Many keys: a line KEY<tab>VALUE each, where \\n \\t \\\\ and \\xHH stand "
        "for\n"
        "what a line cannot hold. Exit 1 if one key was asked for and it does not exist.\n\n"
        "  belfry get db/pool/size\n"
        "  belfry get db/ --prefix --keys-only\n"
        "  belfry get tls/key --raw > server.key\n"
        "  belfry get app/db.toml --format json        # the same document in another form\n"
        "  belfry get app/db.toml --path /pool/size\n"
        "  belfry get db/pool/size --rev 42            # what it was then\n"
        "  belfry get '' --prefix --sort mod --desc --limit 10 -d",
    .flags = get_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_get,
};

}  // namespace belfry::cli
