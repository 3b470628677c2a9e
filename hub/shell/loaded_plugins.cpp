#include "hub/shell/loaded_plugins.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "hub/shell/builtins.hpp"

namespace belfry::hub::shell {

namespace {

namespace fs = std::filesystem;

bool is_bare_word(const std::string& name) {
    const auto of_a_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && std::all_of(name.begin(), name.end(), of_a_name);
}

// Settings choose plugins by name: two of one name would leave it to chance which of them serves.
Status check_new(const std::vector<plugin::Plugin>& plugins, const plugin::Plugin& loaded) {
    for (const auto& other : plugins) {
        if (std::string_view(other.descriptor->name) != loaded.descriptor->name) continue;
        return Error{Code::conflict, loaded.origin + ": there is a plugin named '" + loaded.descriptor->name +
                                         "' already (" + other.origin +
                                         "); remove this [[plugins]] table, or give the plugin another name"};
    }
    return {};
}

}  // namespace

Result<std::string> installed_plugin(const std::string& name) {
    std::error_code failed;
    const fs::path executable = fs::read_symlink("/proc/self/exe", failed);
    std::string tried;
    if (!failed && is_bare_word(name)) {
        const fs::path above = executable.parent_path().parent_path();
        for (const char* folder : {BELFRY_LIBRARY_FOLDER, "lib"}) {
            const std::string path = (above / folder / "belfry/plugins" / (name + ".so")).string();
            if (fs::is_regular_file(path, failed)) return path;
            if (tried.find(path) == std::string::npos) tried += (tried.empty() ? "" : " nor ") + path;
        }
    }
    return Error{Code::not_found, tried.empty() ? "'" + name + "' is no name of a plugin" : "there is no " + tried};
}

Status load_by_name(std::vector<plugin::Plugin>& plugins, uint32_t kind, const std::string& name, const char* setting,
                    const belfry_host_v1& host) {
    std::string known;
    for (const auto& plugin : plugins) {
        if (plugin.find(kind) == nullptr) continue;
        if (plugin.descriptor->name == name) return {};
        known += (known.empty() ? "" : ", ") + std::string(plugin.descriptor->name);
    }
    const auto path = installed_plugin(name);
    if (!path) {
        return Error{Code::not_found, std::string(setting) + " = \"" + name + "\": no such " + plugin::kind_name(kind) +
                                          " is built in or loaded (there are: " + known + "); " + path.error().detail +
                                          "; install it there, or name its file in [[plugins]]"};
    }
    auto loaded = plugin::load_plugin(*path, host);
    if (!loaded) return loaded.error();
    if (loaded->descriptor->name != name) {
        return Error{Code::incompatible, *path + ": calls itself '" + loaded->descriptor->name + "', not '" + name +
                                             "' as " + setting + " and its file do; install the right file"};
    }
    if (loaded->find(kind) == nullptr)
        return Error{Code::incompatible, *path + ": is no " + plugin::kind_name(kind) + "; " + setting + " asks for one"};
    plugins.push_back(std::move(*loaded));
    return {};
}

Result<std::vector<plugin::Plugin>> load_plugins(const settings::Settings& settings, const belfry_host_v1& host) {
    auto plugins = builtin_plugins(host);
    if (!plugins) return plugins;
    for (const auto& file : settings.plugins) {
        auto loaded = plugin::load_plugin(file.path, host, file.sha256);
        if (!loaded) return loaded.error();
        if (auto fresh = check_new(*plugins, *loaded); !fresh) return fresh.error();
        loaded->settings = file.settings.settings;
        if (!loaded->settings.empty() && loaded->validators().empty()) {
            return Error{Code::invalid_argument, file.path +
                                                     ": only a validator has settings in its [[plugins]] table; a " +
                                                     "store's belong into [store.settings], a log's into [log.settings]"};
        }
        plugins->push_back(std::move(*loaded));
    }
    Status found = load_by_name(*plugins, BELFRY_KIND_STATE_STORE, settings.store.plugin, "store.plugin", host);
    if (found) found = load_by_name(*plugins, BELFRY_KIND_LOG_STORE, settings.log.plugin, "log.plugin", host);
    return found ? std::move(plugins) : found.error();
}

}  // namespace belfry::hub::shell
