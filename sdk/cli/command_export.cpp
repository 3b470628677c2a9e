#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sdk/base/content_type.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/items.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/progress.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/tree_names.hpp"
#include "sdk/cli/tree_types.hpp"

namespace belfry::cli {
namespace {

namespace fs = std::filesystem;

constexpr Flag flags[] = {
    {"prefix", FlagKind::text, "FOLDER", "only keys under it, named without it; 'etc' means 'etc/'"},
    {"format", FlagKind::text, "FORMAT", "toml, json or tree; by default the suffix tells, and '-' is json"},
    {"rev", FlagKind::number, "N", "as it was at revision N"},
    {"merge", FlagKind::toggle, "", "a tree: write into a folder that is not empty"},
};

constexpr size_t export_bytes_max = 1024UL * 1024 * 1024;  // of a JSON or TOML export; a tree has no bound

struct Exported {
    uint64_t keys = 0, bytes = 0;
    Revision revision;
};

Status write_file(const std::string& path, BytesView octets) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0) return Error{Code::io, path + ": " + std::strerror(errno)};
    while (!octets.empty()) {
        const ssize_t count = write(file, octets.data(), octets.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const Error error{errno == ENOSPC ? Code::no_space : Code::io, path + ": " + std::strerror(errno)};
            close(file);
            return error;
        }
        octets.remove_prefix(static_cast<size_t>(count));
    }
    if (close(file) != 0) return Error{Code::io, path + ": " + std::strerror(errno)};
    return {};
}

Status prepare_folder(const std::string& root, bool merge) {
    std::error_code problem;
    fs::create_directories(root, problem);
    if (problem) return Error{Code::io, root + ": " + problem.message()};
    const bool empty = fs::is_empty(root, problem);
    if (problem) return Error{Code::io, root + ": " + problem.message()};
    if (!empty && !merge)
        return Error{Code::invalid_argument, root + " is not empty; give another folder, or --merge to write into it"};
    return {};
}

// Two walks over one revision: the names of all keys decide how each is written.
Result<Exported> export_tree(Context& context, Client& client, const std::string& root, const std::string& prefix) {
    if (auto status = prepare_folder(root, context.has("merge")); !status) return status.error();
    const auto filter = filter_of(prefix, "prefix");
    std::vector<Bytes> keys;
    auto at = walk_snapshot(client, filter, {context.arguments.number("rev")}, [&](const KeyValue& kv) -> Status {
        keys.push_back(kv.key.substr(prefix.size()));
        return {};
    });
    if (!at) return at.error();
    const TreeNames names(keys);
    Exported exported;
    exported.revision = *at;
    if (names.escaped()) {
        const std::string text = "names in this folder are escaped; belfry import undoes it\n";
        if (auto status = write_file(root + "/" + std::string(tree_marker), text); !status) return status.error();
    }
    auto types_there = read_tree_types(root);  // of what a folder held before, with --merge
    if (!types_there) return types_there.error();
    TreeTypes types = types_there->value_or(TreeTypes());
    bool says_types = types_there->has_value();
    Progress progress(context, "exporting");
    std::string folder;
    auto walked = walk_snapshot(client, filter, *at, [&](const KeyValue& kv) -> Status {
        const Bytes key = kv.key.substr(prefix.size());
        const std::string path = root + "/" + names.path_of(key);
        says_types = says_types || !kv.content_type.empty() || !content_type_of_path(path).empty();
        types.erase(key);
        if (!kv.content_type.empty()) types[key] = kv.content_type;
        if (const std::string parent = path.substr(0, path.rfind('/')); parent != folder) {
            std::error_code problem;
            fs::create_directories(parent, problem);
            if (problem) return Error{Code::io, parent + ": " + problem.message()};
            folder = parent;
        }
        exported.bytes += kv.value.size();
        progress.show(++exported.keys, keys.size());
        return write_file(path, kv.value);
    });
    if (!walked) return walked.error();
    if (!says_types) return exported;
    const Status written = write_file(root + "/" + std::string(tree_types_name), write_tree_types(types));
    return written ? Result<Exported>(exported) : written.error();
}

Status write_document(Context& context, const std::string& path, const std::string& text) {
    if (path == "-") return context.out << text, Status();
    const std::string temporary = path + ".part";
    if (auto status = write_file(temporary, text); !status) return status;
    if (std::rename(temporary.c_str(), path.c_str()) != 0) return Error{Code::io, path + ": " + std::strerror(errno)};
    return {};
}

Result<Exported> export_document(Context& context, Client& client, const std::string& path, const std::string& prefix,
                                 Format format) {
    std::vector<Item> items;
    Exported exported;
    Progress progress(context, "exporting");
    auto at = walk_snapshot(
        client, filter_of(prefix, "prefix"), {context.arguments.number("rev")}, [&](const KeyValue& kv) -> Status {
            exported.bytes += kv.value.size();
            if (exported.bytes > export_bytes_max)
                return Error{Code::too_large, "more than 1 GiB; export to a folder, or by --prefix in parts"};
            items.push_back({kv.key.substr(prefix.size()), kv.value, kv.content_type});
            progress.show(items.size(), 0);
            return {};
        });
    if (!at) return at.error();
    exported.keys = items.size();
    exported.revision = *at;
    auto text = format == Format::json ? write_json_items(items) : write_toml_items(items);
    if (!text) return text.error();
    if (auto status = write_document(context, path, *text); !status) return status.error();
    return exported;
}

Exit run_export(Context& context) {
    const std::string& path = context.word(0);
    if (path.empty()) return context.misuse("the target is empty");
    Format format = path == "-" ? Format::json : format_of_path(path);
    if (context.has("format")) {
        auto given = parse_format(context.arguments.text("format"));
        if (!given) return context.misuse(given.error().detail);
        format = *given;
    }
    if (format == Format::lines) return context.misuse("lines cannot hold every value; export json, toml or tree");
    if (format == Format::tree && path == "-") return context.misuse("a tree cannot go to standard output");
    std::string prefix = context.arguments.text("prefix");
    if (!prefix.empty() && prefix.back() != '/') prefix += '/';
    auto client = context.connect();
    if (!client) return context.fail(client.error());
    auto exported = format == Format::tree ? export_tree(context, **client, path, prefix)
                                           : export_document(context, **client, path, prefix, format);
    if (!exported) return context.fail(exported.error());
    if (path == "-") return Exit::ok;  // the document was the output
    if (context.settings.json) {
        JsonWriter json;
        json.begin_object().field("keys", exported->keys).field("bytes", exported->bytes);
        context.line(json.field("revision", exported->revision).end_object().take());
    } else {
        context.line("exported " + plural(exported->keys, "key") + " (" + human_bytes(exported->bytes) + ") of revision " +
                     std::to_string(exported->revision.value) + " to " + path);
    }
    return Exit::ok;
}

}  // namespace

const Command export_command = {
    .name = "export",
    .summary = "write keys into a file or folder",
    .usage = "FILE|FOLDER|- [--prefix FOLDER] [--format toml|json|tree] [--rev N]",
    .details =
        "What `belfry import` of the result writes is exactly what was exported, in every format. A tree can hold any key\n"
        "and value; keys that are no file names are escaped, and a file .belfry-tree then says so. JSON and TOML need\n"
        "keys in UTF-8; values that are not UTF-8 become {\"base64\": \"...\"}. Content types are kept:\n"
        "a tree has them in a file .belfry-types.\n\n"
        "  belfry export backup.json\n"
        "  belfry export ./etc-then --prefix etc --rev 42\n"
        "  belfry export - --prefix app --format toml",
    .flags = flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_export,
};

}  // namespace belfry::cli
