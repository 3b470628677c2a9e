#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "sdk/base/limits.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/importer.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/progress.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/values.hpp"

namespace belfry::cli {
namespace {

constexpr Flag import_flags[] = {
    {"prefix", FlagKind::text, "FOLDER", "put this before every key; 'etc' means 'etc/'"},
    {"format", FlagKind::text, "FORMAT", "toml, json, tree or lines; by default the suffix tells, and a folder is a tree"},
    {"stdin-kv", FlagKind::toggle, "", "read lines NAME = VALUE from standard input, such as `sysctl -a` prints"},
    {"dots", FlagKind::toggle, "", "in lines: dots of a name become slashes (and slashes dots)"},
    {"batch", FlagKind::number, "N", "keys per change set (default 256, at most 1024)"},
    {"changed-only", FlagKind::toggle, "", "leave keys alone that already have the value"},
    {"delete-missing", FlagKind::toggle, "", "afterwards delete the keys under --prefix that were not in the input"},
    {"world-readable", FlagKind::toggle, "", "only files and folders that every user of the machine may read"},
    {"dry-run", FlagKind::toggle, "", "say what would be done, do nothing"},
    {"strict", FlagKind::toggle, "", "exit 5 if anything that should have been imported was skipped"},
    {"comment", FlagKind::text, "TEXT", "why; kept in the history (default 'import')"},
    {"verbose", FlagKind::toggle, "", "name everything that was skipped", 'v'},
};

constexpr uint64_t batch_default = 256;
constexpr size_t skips_named_max = 10;  // without --verbose

// What is under the prefix already: values only if they will be compared.
struct Found {
    Bytes value;
    Bytes content_type;
};
using Present = std::unordered_map<Bytes, Found>;

class Import {
public:
    Import(Context& context, std::shared_ptr<Client> client, std::string prefix)
        : context_(context),
          client_(std::move(client)),
          prefix_(std::move(prefix)),
          importer_(client_, context.arguments.number("batch", batch_default), context.arguments.text("comment", "import")),
          progress_(context, "importing") {}

    Status run(const std::string& source, Format format) {
        Status status = run_until_failure(source, format);
        // What is under way may well be written: the first error is told, and the figures of all.
        if (!status) (void)importer_.settle();
        return status;
    }

    Exit report() const {
        const ImportFigures& figures = importer_.figures();
        if (context_.settings.json) {
            print_json(figures);
        } else {
            print_text(figures);
        }
        return lost_ > 0 && context_.has("strict") ? Exit::refused : Exit::ok;
    }

private:
    Status run_until_failure(const std::string& source, Format format) {
        if (context_.has("changed-only") || context_.has("delete-missing")) {
            if (auto status = look_at_present(); !status) return status;
        }
        if (auto status = read(source, format); !status) return status;
        if (auto status = importer_.finish(); !status) return status;
        if (!context_.has("delete-missing")) return {};
        if (lost_ > 0) {
            return Error{Code::invalid_argument,
                         "nothing was deleted, because " + human_count(lost_) + " of the input could not be imported"};
        }
        return delete_missing();
    }

    Status look_at_present() {
        const bool values = context_.has("changed-only");
        auto at = walk_snapshot(*client_, filter_of(prefix_, "prefix"), {}, [&](const KeyValue& kv) -> Status {
            present_.emplace(kv.key, values ? Found{kv.value, kv.content_type} : Found());
            return {};
        });
        return at ? Status() : Status(at.error());
    }

    Status read(const std::string& source, Format format) {
        const ItemSink sink = [this](Item item) { return take(std::move(item)); };
        const SkipSink skipped = [this](Skip skip) { note_skip(std::move(skip)); };
        if (format == Format::tree) {
            return read_tree_items(source, {context_.has("world-readable"), limits::value_bytes_max}, sink, skipped);
        }
        auto text = source == "-" ? read_stream(context_.in, document_bytes_max, "standard input")
                                  : read_file(source, document_bytes_max);
        if (!text) return text.error();
        Status status;
        if (format == Format::json) status = read_json_items(*text, sink, skipped);
        if (format == Format::toml) status = read_toml_items(*text, sink, skipped);
        if (format == Format::lines) status = read_line_items(*text, context_.has("dots"), sink, skipped);
        if (!status && status.error().code == Code::invalid_argument) {
            return Error{Code::invalid_argument, source + ": " + status.error().detail};
        }
        return status;
    }

    Status take(Item item) {
        item.key.insert(0, prefix_);
        const std::string place = printable(item.key, value_place_max);
        if (item.key.empty()) return note_skip({"(empty name)", "the key is empty"}), Status();
        if (item.key.size() > limits::key_bytes_max)
            return note_skip({place, "the key is longer than 480 bytes"}), Status();
        if (item.value.size() > limits::value_bytes_max) return note_skip({place, "larger than 1.0 MiB"}), Status();
        if (!seen_.insert(item.key).second)
            return note_skip({place, "name given twice (its first value stands)"}), Status();
        progress_.show(seen_.size(), 0);
        if (item.misnamed) note_misnamed(place);
        const auto present = present_.find(item.key);
        const bool same = present != present_.end() && present->second.value == item.value &&
                          present->second.content_type == item.content_type;
        if (context_.has("changed-only") && same) {
            ++unchanged_;
            return {};
        }
        ++planned_;
        if (context_.has("dry-run")) {
            if (context_.has("verbose")) plan("put", puts_planned_, item.key);
            return {};
        }
        return importer_.put(std::move(item));
    }

    Status delete_missing() {
        std::vector<Bytes> missing;
        for (const auto& [key, value] : present_) {
            if (!seen_.contains(key)) missing.push_back(key);
        }
        std::sort(missing.begin(), missing.end());
        for (Bytes& key : missing) {
            if (context_.has("dry-run")) {
                if (context_.has("verbose")) plan("del", deletes_planned_, key);
                ++planned_deletes_;
            } else if (auto status = importer_.erase(std::move(key)); !status) {
                return status;
            }
        }
        return importer_.finish();
    }

    // Of a dry run: said at once, or kept for the one document.
    void plan(const char* what, std::vector<Bytes>& planned, const Bytes& key) {
        if (context_.settings.json) return planned.push_back(key);
        context_.line(what + (" " + printable(key, value_place_max)));
    }

    // It is imported, but without the content type that its name promises.
    void note_misnamed(const std::string& place) {
        if (++misnamed_ <= skips_named_max || context_.has("verbose")) {
            context_.note(place + ": not what its name's ending says; imported without a content type");
        }
    }

    void note_skip(Skip skip) {
        ++skipped_[skip.reason];
        ++skips_;
        if (skip.lost) ++lost_;
        // What is lost is named even without --verbose, up to a few; the rest is counted.
        if (context_.has("verbose") || (skip.lost && lost_ <= skips_named_max)) {
            context_.note("skipped " + printable(skip.place) + ": " + skip.reason);
        }
    }

    void print_json(const ImportFigures& figures) const {
        JsonWriter json;
        json.begin_object().field("written", figures.written).field("bytes", figures.bytes);
        json.field("change_sets", figures.change_sets).field("deleted", figures.deleted).field("unchanged", unchanged_);
        json.field("revision", figures.revision);
        if (context_.has("dry-run")) json.field("would_write", planned_).field("would_delete", planned_deletes_);
        if (context_.has("dry-run") && context_.has("verbose")) {
            json.name("puts").begin_array();
            for (const Bytes& key : puts_planned_) json.value(key);
            json.end_array().name("deletes").begin_array();
            for (const Bytes& key : deletes_planned_) json.value(key);
            json.end_array();
        }
        json.name("skipped").begin_object();
        for (const auto& [reason, count] : skipped_) json.field(reason, count);
        context_.line(json.end_object().end_object().take());
    }

    void print_text(const ImportFigures& figures) const {
        if (context_.has("dry-run")) {
            std::string text = "would write " + plural(planned_, "key");
            if (context_.has("delete-missing")) text += " and delete " + plural(planned_deletes_, "key");
            context_.line(text);
        } else {
            std::string text = "imported " + plural(figures.written, "key") + " (" + human_bytes(figures.bytes) + ") in " +
                               plural(figures.change_sets, "change set");
            if (figures.revision.value != 0) text += ", revision " + std::to_string(figures.revision.value);
            if (figures.deleted > 0) text += "; deleted " + plural(figures.deleted, "key");
            if (unchanged_ > 0) text += "; " + plural(unchanged_, "key") + " had the value already";
            context_.line(text);
        }
        if (misnamed_ > skips_named_max) context_.note(plural(misnamed_, "value") + " not what their names' endings say");
        if (skips_ == 0) return;
        std::string text = "skipped " + human_count(skips_) + ":";
        for (const auto& [reason, count] : skipped_)
            text += (text.back() == ':' ? " " : ", ") + human_count(count) + " " + reason;
        context_.note(text);
    }

    static constexpr size_t value_place_max = 600;

    Context& context_;
    std::shared_ptr<Client> client_;
    const std::string prefix_;
    Importer importer_;
    Progress progress_;
    Present present_;
    std::unordered_set<Bytes> seen_;
    std::vector<Bytes> puts_planned_, deletes_planned_;
    std::map<std::string, uint64_t> skipped_;
    uint64_t skips_ = 0, lost_ = 0, planned_ = 0, planned_deletes_ = 0, unchanged_ = 0, misnamed_ = 0;
};

Exit run_import(Context& context) {
    const bool lines = context.has("stdin-kv");
    if (lines != context.arguments.words().empty()) {
        return context.misuse(lines ? "--stdin-kv reads standard input; no other source fits"
                                    : "a file or folder is missing");
    }
    const std::string source = lines ? "-" : context.word(0);
    Format format = lines ? Format::lines : format_of_path(source);
    if (context.has("format")) {
        auto given = parse_format(context.arguments.text("format"));
        if (!given) return context.misuse(given.error().detail);
        format = *given;
    }
    if (source == "-" && !lines && !context.has("format"))
        return context.misuse("standard input needs --format json, toml or lines");
    if (source == "-" && format == Format::tree) return context.misuse("a tree cannot come from standard input");
    const uint64_t batch = context.arguments.number("batch", batch_default);
    if (batch == 0 || batch > limits::txn_ops_max)
        return context.misuse("--batch: 1 to " + std::to_string(limits::txn_ops_max));
    std::string prefix = context.arguments.text("prefix");
    if (prefix.empty() && context.has("delete-missing")) return context.misuse("--delete-missing needs a --prefix");
    if (!prefix.empty() && prefix.back() != '/') prefix += '/';

    auto client = context.connect();
    if (!client) return context.fail(client.error());
    Import import(context, *client, std::move(prefix));
    const Status status = import.run(source, format);
    const Exit exit = import.report();
    return status ? exit : context.fail(status.error());
}

}  // namespace

const Command import_command = {
    .name = "import",
    .summary = "write a whole file or folder of configuration",
    .usage = "FILE|FOLDER|- [--prefix FOLDER] [--format F] [--delete-missing] [FLAGS] | --stdin-kv",
    .details =
        "A folder: each regular file is a key, named by its path (links are not followed). JSON, TOML: nested names "
        "joined\n"
        "by '/'; text as it is, other values as their text, {\"base64\": \"...\"} as octets. Files that end in .json,\n"
        ".toml, .yaml or .yml and are such documents get that content type (an export says the types itself, in the file\n"
        ".belfry-types; in JSON and TOML {\"content_type\": \"json\", \"text\": \"...\"}). What cannot be imported is\n"
        "skipped, counted and named on standard error.\n\n"
        "  belfry import /etc --prefix etc --world-readable\n"
        "  belfry import app.toml --prefix app --delete-missing --dry-run -v\n"
        "  sysctl -a | belfry import --stdin-kv --dots --prefix sysctl",
    .flags = import_flags,
    .words_max = 1,
    .run = run_import,
};

}  // namespace belfry::cli
