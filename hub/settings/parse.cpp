// The TOML side: walks the tree in the file's order and hands each leaf's text to its key.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "hub/settings/keys.hpp"
#include "hub/settings/settings.hpp"
#include "sdk/base/toml_depth.hpp"

namespace belfry::hub::settings {

namespace {

// A file of settings is written by a person; past this it is not one.
constexpr size_t file_bytes_max = 1024 * 1024;

class Parser {
public:
    explicit Parser(std::string_view file_name) : file_name_(file_name) {}

    Status table(const toml::table& table, const std::string& prefix);
    Error at(const toml::source_region& source, std::string_view key, Code code, std::string_view sentence) const;
    Settings& settings() { return settings_; }

private:
    Status node(const toml::node& node, const std::string& name, const std::string& word);
    Status leaf(const toml::node& node, const std::string& name);
    Status plugin_settings(const toml::node& node, PluginChoice& choice);
    Status plugin_files(const toml::node& node);

    std::string_view file_name_;
    Settings settings_;
};

std::string_view type_name(const toml::node& node) {
    switch (node.type()) {
        case toml::node_type::table: return "a table";
        case toml::node_type::array: return "an array";
        case toml::node_type::string: return "a string";
        case toml::node_type::integer: return "an integer";
        case toml::node_type::floating_point: return "a number with a point";
        case toml::node_type::boolean: return "true or false";
        default: return "a date or a time";
    }
}

std::string_view expected(Kind kind) {
    switch (kind) {
        case Kind::text: return "a string in quotes";
        case Kind::number: return "an integer";
        case Kind::flag: return "true or false, without quotes";
        case Kind::size: return "an integer, or a string such as \"64 MiB\"";
        case Kind::duration: return "0, or a string such as \"30d\"";
    }
    return "";
}

// The text of a leaf whose type suits the kind; nothing otherwise.
std::optional<std::string> text_of(const toml::node& node, Kind kind) {
    const bool text_fits = kind == Kind::text || kind == Kind::size || kind == Kind::duration;
    const bool number_fits = kind == Kind::number || kind == Kind::size || kind == Kind::duration;
    if (const auto* text = node.as_string(); text != nullptr && text_fits) {
        return text->get();
    }
    if (const auto* number = node.as_integer(); number != nullptr && number_fits) {
        return std::to_string(number->get());
    }
    if (const auto* flag = node.as_boolean(); flag != nullptr && kind == Kind::flag) {
        return flag->get() ? "true" : "false";
    }
    return std::nullopt;
}

// A plugin's own setting: any plain value, as text.
std::optional<std::string> text_of_any(const toml::node& node) {
    for (const Kind kind : {Kind::text, Kind::number, Kind::flag}) {
        if (auto text = text_of(node, kind)) {
            return text;
        }
    }
    return std::nullopt;
}

bool is_section(std::string_view name) {
    const auto all = keys();
    const std::string start = std::string(name) + ".";
    return name == "store.settings" || name == "log.settings" || name == "auth.settings" || name == "listen.settings" ||
           std::any_of(all.begin(), all.end(), [&](const Key& key) { return key.name.starts_with(start); });
}

Error Parser::at(const toml::source_region& source, std::string_view key, Code code, std::string_view sentence) const {
    std::string text(file_name_);
    text += ":" + std::to_string(source.begin.line) + ": ";
    if (!key.empty()) {
        text += std::string(key) + ": ";
    }
    return {code, text + std::string(sentence)};
}

Status Parser::table(const toml::table& table, const std::string& prefix) {
    std::vector<std::pair<const toml::key*, const toml::node*>> children;
    for (const auto& [key, node] : table) {
        children.emplace_back(&key, &node);
    }
    // In the file's order, so that the first error is the first; `plugin` before the settings that belong to it.
    std::stable_sort(children.begin(), children.end(), [](const auto& a, const auto& b) {
        const bool a_plugin = a.first->str() == "plugin";
        const bool b_plugin = b.first->str() == "plugin";
        return a_plugin != b_plugin ? a_plugin : a.first->source().begin < b.first->source().begin;
    });
    for (const auto& [key, child] : children) {
        const std::string word(key->str());
        if (Status status = node(*child, prefix.empty() ? word : prefix + "." + word, word); !status) {
            return status;
        }
    }
    return {};
}

Status Parser::node(const toml::node& node, const std::string& name, const std::string& word) {
    if (word.empty() || word.find('.') != std::string::npos || word.find('\0') != std::string::npos) {
        return at(node.source(), name, Code::invalid_argument,
                  "a key may hold neither a point nor a zero octet, nor be empty");
    }
    if (name == "plugins") {
        return plugin_files(node);
    }
    if (const toml::table* section = node.as_table()) {
        if (find_key(name) == nullptr && is_section(name)) {
            return table(*section, name);
        }
    }
    return leaf(node, name);
}

Status Parser::leaf(const toml::node& node, const std::string& name) {
    std::string_view own_name;
    const Key* key = find_key(name);
    if (key == nullptr && plugin_section(name, &own_name).empty()) {
        const Error error =
            is_section(name) ? Error{Code::invalid_argument, "must be a table: [" + name + "]"} : unknown_key(name);
        return at(node.source(), name, error.code, error.detail);
    }
    const std::optional<std::string> text = key != nullptr ? text_of(node, key->kind) : text_of_any(node);
    if (!text) {
        const std::string_view wanted = key != nullptr ? expected(key->kind) : "a string, an integer, true or false";
        return at(node.source(), name, Code::invalid_argument,
                  "must be " + std::string(wanted) + ", not " + std::string(type_name(node)));
    }
    if (Status status = set_key(settings_, name, *text); !status) {
        return at(node.source(), name, status.error().code, status.error().detail);
    }
    return {};
}

// The table that a plugin's own settings are.
Status Parser::plugin_settings(const toml::node& node, PluginChoice& choice) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return at(node.source(), "plugins.settings", Code::invalid_argument, "must be a table");
    for (const auto& [key, value] : *table) {
        const std::string name = "plugins.settings." + std::string(key.str());
        const std::optional<std::string> text = text_of_any(value);
        if (!text || text->find('\0') != std::string::npos) {
            return at(value.source(), name, Code::invalid_argument,
                      "must be a string, an integer, true or false, not " + std::string(type_name(value)));
        }
        choice.set(key.str(), *text);
    }
    return {};
}

// [[plugins]] path = "...", and perhaps sha256 = "..." and settings = { ... }
Status Parser::plugin_files(const toml::node& node) {
    const toml::array* list = node.as_array();
    if (list == nullptr) {
        return at(node.source(), "plugins", Code::invalid_argument,
                  "must be a list of tables: [[plugins]], then path = \"/path/to/plugin.so\"");
    }
    for (const toml::node& item : *list) {
        const toml::table* fields = item.as_table();
        const toml::node* path = fields != nullptr ? fields->get("path") : nullptr;
        const std::optional<std::string> text = path != nullptr ? text_of(*path, Kind::text) : std::nullopt;
        if (!text) {
            return at(item.source(), "plugins", Code::invalid_argument, "each needs path = \"/path/to/plugin.so\"");
        }
        for (const auto& [key, value] : *fields) {
            if (key.str() != "path" && key.str() != "sha256" && key.str() != "settings") {
                return at(value.source(), "plugins." + std::string(key.str()), Code::invalid_argument,
                          "there is no such key");
            }
        }
        if (Status status = set_key(settings_, "plugins", *text); !status) {
            return at(path->source(), "plugins.path", status.error().code, status.error().detail);
        }
        if (const toml::node* own = fields->get("settings")) {
            if (Status status = plugin_settings(*own, settings_.plugins.back().settings); !status) return status;
        }
        const toml::node* digest = fields->get("sha256");
        if (digest == nullptr) {
            continue;
        }
        if (Status status = set_digest(settings_.plugins.back(), text_of(*digest, Kind::text).value_or("")); !status) {
            return at(digest->source(), "plugins.sha256", status.error().code, status.error().detail);
        }
    }
    return {};
}

}  // namespace

Result<Settings> parse_settings(std::string_view text, std::string_view file_name) {
    Parser parser(file_name);
    if (text.size() > file_bytes_max) {
        return Error{Code::too_large, std::string(file_name) + ": larger than 1 MiB; this is no file of settings"};
    }
    if (Status flat = check_toml_depth(text, std::string(file_name) + ":"); !flat) return std::move(flat).error();
    const toml::parse_result result = toml::parse(text);
    if (!result) {
        return parser.at(result.error().source(), "", Code::invalid_argument, result.error().description());
    }
    if (Status status = parser.table(result.table(), ""); !status) {
        return std::move(status).error();
    }
    if (Status status = check_settings(parser.settings()); !status) {
        return Error{status.error().code, std::string(file_name) + ": " + status.error().detail};
    }
    return std::move(parser.settings());
}

Result<Settings> load_settings(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        const int error = errno;
        return Error{error == ENOENT ? Code::not_found : Code::io, "cannot open " + path + ": " + std::strerror(error)};
    }
    std::string text(file_bytes_max + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad() || (file.fail() && !file.eof())) {
        return Error{Code::io, "cannot read " + path + ": " + std::strerror(errno)};
    }
    text.resize(static_cast<size_t>(file.gcount()));
    return parse_settings(text, path);
}

}  // namespace belfry::hub::settings
