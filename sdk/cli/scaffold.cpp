#include "sdk/cli/scaffold.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sdk/cli/text.hpp"
#include "sdk/plugin/descriptor.hpp"

namespace belfry::cli {
namespace {

struct Template {
    std::string_view kind;     // the word of the command line
    std::string_view title;    // for people
    std::string_view prefix;   // of the names of such plugins
    std::string_view example;  // the plugin that is copied
    std::string_view source;
    std::string_view settings;  // belfry.toml, before [[plugins]]
    std::string_view use;       // the README's last paragraph
};

constexpr std::string_view store_use =
    "Data belong to the plugin that wrote them: start with an empty data directory, or let a member that had another one\n"
    "join again (`belfry member replace`).";

constexpr Template templates[] = {
    {"filter", "filter", "filter_", "filter_suffix", "examples/filter_plugin/filter_suffix.cpp", "",
     "Then ask for it by its kind: `belfry watch SPEC --kind @WORD@`."},
    {"state_store", "state store", "storage_", "storage_journal", "examples/storage_plugin/storage_journal.cpp",
     "[store]\nplugin = \"@NAME@\"\n\n", store_use},
    {"log_store", "log store", "log_", "log_journal", "examples/log_plugin/log_journal.cpp",
     "[log]\nplugin = \"@NAME@\"\n\n", store_use},
    {"transport", "transport", "transport_", "transport_local", "examples/transport_plugin/transport_local.cpp",
     "[listen]\nplugin = \"@NAME@\"\nrequest_endpoint = \"ipc:///run/belfry/clients\"\n\n",
     "Its clients are yours to write; the frames they exchange with the hub are those of Belfry's docs/protocol.md."},
    {"validator", "validator", "validate_", "validate_lines", "examples/validator_plugin/validate_lines.cpp", "",
     "Load it on every member; then a policy names it by its kind, with a file that holds the spec:\n"
     "`belfry policy set 'app/**' --rule @WORD@=FILE`."},
};

std::string list_of_kinds() {
    std::string list;
    for (const Template& each : templates) list += (list.empty() ? "" : ", ") + std::string(each.kind);
    return list;
}

// A name is part of a C function, a file, a setting and a log line.
Status check_name(const Template& chosen, std::string_view name) {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    const bool good = name.size() > chosen.prefix.size() && name.size() <= plugin::name_bytes_max &&
                      name.starts_with(chosen.prefix) && std::all_of(name.begin(), name.end(), fits);
    if (good) return {};
    return Error{Code::invalid_argument, "'" + printable(name, 80) + "' cannot be the name of a " +
                                             std::string(chosen.title) + ": take " + std::string(chosen.prefix) +
                                             "SOMETHING, of lower case letters, digits and '_', at most " +
                                             std::to_string(plugin::name_bytes_max)};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

std::string octets_of(std::string_view path) {
    const ScaffoldFile* const end = scaffold_files + scaffold_file_count;
    const auto* found = std::find_if(scaffold_files, end, [&](const ScaffoldFile& file) { return file.path == path; });
    return found == end ? "" : std::string(found->octets);
}

// The example under its new name, and its one word (a filter's kind, a transport's scheme) with it.
std::string source_of(const Template& chosen, std::string_view name) {
    const auto quoted = [&](std::string_view whole) {
        return "\"" + std::string(whole.substr(chosen.prefix.size())) + "\"";
    };
    std::string text = replaced(octets_of(chosen.source), chosen.example, name);
    return replaced(std::move(text), quoted(chosen.example), quoted(name));
}

std::string filled(const Template& chosen, std::string text, std::string_view name) {
    text = replaced(std::move(text), "@SETTINGS@", chosen.settings);
    text = replaced(std::move(text), "@USE@", chosen.use);
    text = replaced(std::move(text), "@KIND@", chosen.title);
    text = replaced(std::move(text), "@WORD@", name.substr(chosen.prefix.size()));
    return replaced(std::move(text), "@NAME@", name);
}

Error write_error(const std::string& path, const char* what) {
    return {errno == ENOSPC || errno == EDQUOT ? Code::no_space : Code::io,
            path + ": cannot " + what + ": " + std::strerror(errno)};
}

}  // namespace

std::vector<std::string_view> scaffold_kinds() {
    std::vector<std::string_view> kinds;
    for (const Template& each : templates) kinds.push_back(each.kind);
    return kinds;
}

Result<std::vector<std::pair<std::string, std::string>>> make_scaffold(std::string_view kind, std::string_view name) {
    const auto* chosen =
        std::find_if(std::begin(templates), std::end(templates), [&](const Template& each) { return each.kind == kind; });
    if (chosen == std::end(templates)) {
        return Error{Code::invalid_argument,
                     "there is no kind of plugin '" + printable(kind, 40) + "'; there are " + list_of_kinds()};
    }
    if (Status status = check_name(*chosen, name); !status) return status.error();
    std::vector<std::pair<std::string, std::string>> files;
    for (const std::string_view file : {"CMakeLists.txt", "README.md"}) {
        const std::string path = "sdk/cli/scaffold/" + std::string(file) + ".in";
        files.emplace_back(file, filled(*chosen, octets_of(path), name));
    }
    files.emplace_back(std::string(name) + ".cpp", source_of(*chosen, name));
    return files;
}

Status write_scaffold(const std::string& directory, const std::vector<std::pair<std::string, std::string>>& files) {
    std::error_code failed;
    const bool exists = std::filesystem::exists(directory, failed);
    if (exists && !std::filesystem::is_directory(directory, failed))
        return Error{Code::conflict, directory + ": is no directory; choose another name"};
    if (exists && !std::filesystem::is_empty(directory, failed))
        return Error{Code::conflict, directory + ": is not empty; choose another directory, nothing was written"};
    std::filesystem::create_directories(directory, failed);
    if (failed) return Error{Code::io, directory + ": cannot be made: " + failed.message()};
    for (const auto& [name, octets] : files) {
        const std::string path = directory + "/" + name;
        std::ofstream file(path, std::ios::binary);
        file << octets;
        file.close();
        if (!file) return write_error(path, "be written");
    }
    return {};
}

}  // namespace belfry::cli
