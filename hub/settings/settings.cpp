#include "hub/settings/settings.hpp"

#include <algorithm>

#include "hub/settings/cluster.hpp"
#include "hub/settings/keys.hpp"

namespace belfry::hub::settings {

namespace {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char octet : text) {
        if (octet == '"' || octet == '\\') {
            out += '\\';
        }
        out += octet;
    }
    return out + '"';
}

void print_plugin_settings(std::string& out, const std::string& section, const PluginChoice& choice) {
    for (const auto& [name, value] : choice.settings) {
        out += section + ".settings." + name + " = " + quoted(value) + "\n";
    }
}

}  // namespace

const std::string* PluginChoice::find(std::string_view name) const {
    const auto found = std::find_if(settings.begin(), settings.end(), [&](const auto& pair) { return pair.first == name; });
    return found == settings.end() ? nullptr : &found->second;
}

void PluginChoice::set(std::string_view name, std::string value) {
    for (auto& pair : settings) {
        if (pair.first == name) {
            pair.second = std::move(value);
            return;
        }
    }
    settings.emplace_back(name, std::move(value));
}

Status apply_flag(Settings& settings, std::string_view flag) {
    const size_t equals = flag.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        return Error{Code::invalid_argument,
                     "flag '" + std::string(flag) + "': write KEY=VALUE, such as store.plugin=storage_memory"};
    }
    const std::string_view name = flag.substr(0, equals);
    Settings changed = settings;
    if (Status status = set_key(changed, name, flag.substr(equals + 1)); !status) {
        return Error{status.error().code, "flag '" + std::string(name) + "': " + status.error().detail};
    }
    settings = std::move(changed);
    return {};
}

Status check_settings(const Settings& settings) {
    const Settings::Listen& listen = settings.listen;
    const bool any_port = listen.request_endpoint.ends_with(":*") || listen.request_endpoint.ends_with(":0");
    if (listen.request_endpoint == listen.feed_endpoint && !any_port) {
        return Error{Code::invalid_argument, "listen.request_endpoint and listen.feed_endpoint are both " +
                                                 listen.feed_endpoint + "; give each its own port"};
    }
    if (listen.key_file.empty() && (listen.clients != Settings::Listen::Clients::any || !listen.client_keys.empty())) {
        return Error{
            Code::invalid_argument,
            "listen.clients and listen.client_keys say whose keys are let in; set listen.key_file, or no key is asked "
            "for"};
    }
    for (const char* name : {"request_endpoint", "feed_endpoint", "insecure", "key_file", "clients", "client_keys"}) {
        if (listen.transport.find(name) != nullptr) {
            return Error{Code::invalid_argument,
                         std::string("listen.settings.") + name + ": write it as listen." + name + " instead"};
        }
    }
    return check_cluster(settings);
}

std::vector<std::pair<std::string, std::string>> transport_settings(const Settings& settings) {
    auto list = settings.listen.transport.settings;
    list.emplace_back("request_endpoint", settings.listen.request_endpoint);
    list.emplace_back("feed_endpoint", settings.listen.feed_endpoint);
    list.emplace_back("insecure", settings.listen.insecure ? "true" : "false");
    if (settings.listen.key_file.empty()) return list;  // a transport without keys knows none of these
    list.emplace_back("key_file", settings.listen.key_file);
    list.emplace_back("clients", to_string(settings.listen.clients));
    list.emplace_back("client_keys", show_keys(settings.listen.client_keys));
    return list;
}

std::string to_string(const Settings& settings) {
    std::string out;
    for (const Key& key : keys()) {
        const std::string value = key.get(settings);
        out += std::string(key.name) + " = " + (key.kind == Kind::text ? quoted(value) : value) + "\n";
    }
    print_plugin_settings(out, "listen", settings.listen.transport);
    print_plugin_settings(out, "store", settings.store);
    print_plugin_settings(out, "log", settings.log);
    print_plugin_settings(out, "auth", settings.auth);
    for (const PluginFile& file : settings.plugins) {
        out += "plugins = " + quoted(file.path) + "\n";
        if (!file.sha256.empty()) out += "plugins.sha256 = " + quoted(file.sha256) + "\n";
        for (const auto& [name, value] : file.settings.settings) {
            out += "plugins.settings." + name + " = " + quoted(value) + "\n";
        }
    }
    return out;
}

std::vector<std::string> key_names() {
    std::vector<std::string> names;
    for (const Key& key : keys()) {
        names.emplace_back(key.name);
    }
    return names;
}

}  // namespace belfry::hub::settings
