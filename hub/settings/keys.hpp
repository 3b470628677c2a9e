// The keys of belfry.toml, one row each: name, type, how to set and show it. The file and the flags both go through here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "hub/settings/settings.hpp"

namespace belfry::hub::settings {

enum class Kind {
    text,      // a string
    number,    // an integer
    flag,      // true or false
    size,      // octets: an integer, or a string such as "64 MiB"
    duration,  // 0, or a string such as "30d", "12h", "90s", "250ms"
};

struct Key {
    std::string_view name;  // dotted, as in the file: "listen.insecure"
    Kind kind;
    Status (*set)(Settings&, std::string_view text);  // checks type and range; the sentence does not name the key
    std::string (*get)(const Settings&);
};

// In the order of the sample file.
std::span<const Key> keys();
// NULL if there is none.
const Key* find_key(std::string_view name);
// Also takes "store.settings.NAME", "log.settings.NAME", "auth.settings.NAME", "listen.settings.NAME" and "plugins". An
// unknown key is refused with the nearest one named.
Status set_key(Settings& settings, std::string_view name, std::string_view text);
// The digest that a plugin's file must have: 64 hexadecimal digits.
Status set_digest(PluginFile& file, std::string_view text);
// "store" for "store.settings.map_bytes"; empty for everything else. The plugin's own name goes to *name.
std::string_view plugin_section(std::string_view key, std::string_view* name);
// Says that there is no such key, and which one may have been meant.
Error unknown_key(std::string_view name);
inline Error invalid(std::string sentence) { return {Code::invalid_argument, std::move(sentence)}; }

std::string to_string(Settings::Listen::Clients clients);
// "KEY,KEY".
std::string show_keys(const std::vector<std::string>& keys);

// "64 MiB", "64MiB", "4096". Units: B, KiB, MiB, GiB, TiB.
Result<uint64_t> parse_size(std::string_view text);
// "30d", "12h", "90s", "250ms", "0".
Result<uint64_t> parse_duration_ms(std::string_view text);

}  // namespace belfry::hub::settings
