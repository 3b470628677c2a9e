#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "sdk/base/content_type.hpp"
#include "sdk/cli/commands.hpp"
#include "sdk/cli/items.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/new_file.hpp"
#include "sdk/cli/progress.hpp"
#include "sdk/cli/reading.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/tree_names.hpp"
#include "sdk/cli/tree_types.hpp"

namespace belfry::cli {
namespace {

namespace fs = std::filesystem;

constexpr Flag export_flags[] = {
    {"prefix", FlagKind::text, "FOLDER", "only keys under it, named without it; 'etc' means 'etc/'"},
    {"format", FlagKind::text, "FORMAT", "toml, json or tree; by default the suffix tells, and '-' is json"},
    {"rev", FlagKind::number, "N", "as it was at revision N"},
    {"force", FlagKind::toggle, "", "a file: replace it if it exists"},
    {"merge", FlagKind::toggle, "", "a tree: write into a folder that is not empty"},
};

struct Exported {
    uint64_t keys = 0, bytes = 0;
    Revision revision;
};

// Of a tree: into a folder that is ours, so in place. 0600, as all that is exported: values may be secrets.
Status write_file(const std::string& path, BytesView octets) {
    // O_NONBLOCK: a pipe that stands there is seen, not waited for.
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (file < 0) return Error{Code::io, path + ": " + std::strerror(errno)};
    const auto failed = [&] {
        const Error error{errno == ENOSPC || errno == EDQUOT ? Code::no_space : Code::io,
                          path + ": " + std::strerror(errno)};
        close(file);
        return error;
    };
    struct stat facts {};
    if (fstat(file, &facts) != 0) return failed();
    if (!S_ISREG(facts.st_mode)) return close(file), Error{Code::invalid_argument, path + " is no regular file"};
    if (fchmod(file, 0600) != 0 || ftruncate(file, 0) != 0) return failed();
    while (!octets.empty()) {
        const ssize_t count = write(file, octets.data(), octets.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return failed();
        octets.remove_prefix(static_cast<size_t>(count));
    }
    if (close(file) != 0) return Error{Code::io, path + ": " + std::strerror(errno)};
    return {};
}

// Each part of `path` that is not there yet, for its owner alone.
Status make_folders(const std::string& path) {
    for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string part = path.substr(0, end);
        if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return Error{Code::io, part + ": " + std::strerror(errno)};
        if (end == std::string::npos) return {};
    }
}

struct Folder {
    bool empty = true;
    bool escaped = false;  // by an export before this one
};

Result<Folder> prepare_folder(const std::string& root, bool merge) {
    if (auto made = make_folders(root); !made) return made.error();
    std::error_code problem;
    Folder folder;
    auto entries = fs::directory_iterator(root, problem);
    folder.empty = !problem && entries == fs::directory_iterator();
    if (!problem) folder.escaped = fs::exists(root + "/" + std::string(tree_marker), problem);
    if (problem) return Error{Code::io, root + ": " + problem.message()};
    if (!folder.empty && !merge)
        return Error{Code::invalid_argument, root + " is not empty; give another folder, or --merge to write into it"};
    return folder;
}

// Two walks over one revision: the names of all keys decide how each is written.
Result<Exported> export_tree(Context& context, Client& client, const std::string& root, const std::string& prefix) {
    const auto folder_there = prepare_folder(root, context.has("merge"));
    if (!folder_there) return folder_there.error();
    const auto filter = filter_of(prefix, "prefix");
    std::vector<Bytes> keys;
    auto at = walk_snapshot(client, filter, {context.arguments.number("rev")}, [&](const KeyValue& kv) -> Status {
        keys.push_back(kv.key.substr(prefix.size()));
        return {};
    });
    if (!at) return at.error();
    // The marker is about all that the folder holds: what is escaped there already decides for these names too.
    const TreeNames names(keys, folder_there->escaped);
    if (names.escaped() && !folder_there->escaped && !folder_there->empty) {
        return Error{Code::invalid_argument, "some keys are no file names, and those in " + root +
                                                 " are not escaped: the two cannot be one tree; give another folder"};
    }
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
            if (auto made = make_folders(parent); !made) return made;
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

Result<Exported> export_document(Context& context, Client& client, const std::string& path, const std::string& prefix,
                                 Format format) {
    NewFile file(path, context.has("force"));
    const bool printed = path == "-";
    if (!printed) {  // before the walk: a target that is not to be had is no news for its end
        if (auto created = file.create(); !created) return created.error();
    }
    std::vector<Item> items;
    Exported exported;
    Progress progress(context, "exporting");
    auto at = walk_snapshot(client, filter_of(prefix, "prefix"), {context.arguments.number("rev")},
                            [&](const KeyValue& kv) -> Status {
                                exported.bytes += kv.value.size();
                                if (exported.bytes > document_bytes_max) return document_too_large();
                                items.push_back({kv.key.substr(prefix.size()), kv.value, kv.content_type});
                                progress.show(items.size(), 0);
                                return {};
                            });
    if (!at) return at.error();
    exported.keys = items.size();
    exported.revision = *at;
    auto text = write_document_items(format, items);
    if (!text) return text.error();
    if (printed) return context.out << *text, exported;
    if (auto written = file.write(*text); !written) return written.error();
    if (auto synced = file.sync(); !synced) return synced.error();
    if (auto published = file.publish(); !published) return published.error();
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
    .usage = "FILE|FOLDER|- [--prefix FOLDER] [--format toml|json|tree] [--rev N] [--force | --merge]",
    .details =
        "What `belfry import` of the result writes is exactly what was exported, in every format. A tree can hold any key\n"
        "and value; keys that are no file names are escaped, and a file .belfry-tree then says so. JSON and TOML need\n"
        "keys in UTF-8; values that are not UTF-8 become {\"base64\": \"...\"}. Content types are kept:\n"
        "a tree has them in a file .belfry-types. What is written is readable by you alone (0600, folders 0700); a file "
        "that\n"
        "exists is replaced with --force only.\n\n"
        "  belfry export backup.json\n"
        "  belfry export ./etc-then --prefix etc --rev 42\n"
        "  belfry export - --prefix app --format toml",
    .flags = export_flags,
    .words_min = 1,
    .words_max = 1,
    .run = run_export,
};

}  // namespace belfry::cli
