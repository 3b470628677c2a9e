#include "hub/settings/keys.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <vector>

#include "hub/settings/cluster.hpp"
#include "sdk/base/units.hpp"

namespace belfry::hub::settings {

namespace {

constexpr uint64_t kib = 1024;
constexpr uint64_t mib = 1024 * kib;
constexpr uint64_t gib = 1024 * mib;
constexpr uint64_t tib = 1024 * gib;
constexpr uint64_t day_ms = 24ull * 3600 * 1000;

std::string quote(std::string_view text) { return "'" + std::string(text) + "'"; }

Result<uint64_t> parse_number(std::string_view text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        return invalid(quote(text) + " is not a whole number from 0 to 18446744073709551615");
    }
    return number;
}

Status in_range(uint64_t number, uint64_t least, uint64_t most) {
    if (number < least || number > most) {
        return invalid(std::to_string(number) + " is out of range; allowed are " + std::to_string(least) + " to " +
                       std::to_string(most));
    }
    return {};
}

Status set_number(uint64_t& field, Result<uint64_t> number, uint64_t least, uint64_t most) {
    if (!number) {
        return std::move(number).error();
    }
    if (Status status = in_range(*number, least, most); !status) {
        return status;
    }
    field = *number;
    return {};
}

Status set_text(std::string& field, std::string_view text) {
    if (text.empty() || text.find('\0') != std::string_view::npos) {
        return invalid("must not be empty nor hold a zero octet");
    }
    field = text;
    return {};
}

Status set_text_or_none(std::string& field, std::string_view text) {
    field.clear();
    return text.empty() ? Status() : set_text(field, text);
}

Status set_members(std::vector<Settings::ClusterMember>& field, std::string_view text) {
    auto members = parse_members(text);
    if (!members) {
        return std::move(members).error();
    }
    field = *std::move(members);
    return {};
}

Status set_cluster_id(uint64_t& field, std::string_view text) {
    uint64_t id = 0;
    if (text.empty()) {
        field = 0;
        return {};
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
    if (error != std::errc() || end != text.data() + text.size() || id == 0) {
        return invalid(quote(text) +
                       " is not a cluster's id: up to 16 hexadecimal digits, as `belfry member list` shows it");
    }
    field = id;
    return {};
}

std::string show_cluster_id(uint64_t id) {
    if (id == 0) {
        return "";
    }
    std::array<char, 17> text{};
    std::to_chars(text.data(), text.data() + text.size(), id, 16);
    return text.data();
}

std::string show_duration(uint64_t ms) { return ms == 0 ? "0" : "\"" + std::to_string(ms) + "ms\""; }

// Another plugin has other settings: the former one's are dropped.
Status set_plugin(PluginChoice& choice, std::string_view text) {
    const std::string former = choice.plugin;
    Status status = set_text(choice.plugin, text);
    if (status && choice.plugin != former) {
        choice.settings.clear();
    }
    return status;
}

Status set_name(std::string& field, std::string_view text) {
    constexpr size_t name_bytes_max = 64;
    const bool plain =
        std::all_of(text.begin(), text.end(), [](unsigned char octet) { return octet > 0x20 && octet < 0x7f; });
    if (text.empty() || text.size() > name_bytes_max || !plain) {
        return invalid(quote(text) + " is not a name: 1 to 64 printable ASCII characters, no space");
    }
    field = text;
    return {};
}

Status set_flag(bool& field, std::string_view text) {
    if (text != "true" && text != "false") {
        return invalid(quote(text) + " is neither true nor false");
    }
    field = text == "true";
    return {};
}

constexpr std::array<std::string_view, 4> level_words{"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 2> format_words{"text", "json"};
constexpr std::array<std::string_view, 2> clients_words{"any", "known"};

template <class Enum, size_t count>
Status set_word(Enum& field, std::string_view text, const std::array<std::string_view, count>& words) {
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end()) {
        std::string sentence = quote(text) + " is not one of";
        for (const std::string_view word : words) {
            sentence += (word == words.front() ? " " : ", ") + std::string(word);
        }
        return invalid(std::move(sentence));
    }
    field = static_cast<Enum>(found - words.begin());
    return {};
}

Status set_client_keys(std::vector<std::string>& field, std::string_view text) {
    auto keys = parse_curve_keys(text, "public keys, comma between");
    if (!keys) return keys.error();
    field = *std::move(keys);
    return {};
}

constexpr std::array key_table{
    Key{"data_dir", Kind::text, [](Settings& s, std::string_view text) { return set_text(s.data_dir, text); },
        [](const Settings& s) { return s.data_dir; }},
    Key{"member.id", Kind::number,
        [](Settings& s, std::string_view text) { return set_number(s.member.id, parse_number(text), 1, INT64_MAX); },
        [](const Settings& s) { return std::to_string(s.member.id); }},
    Key{"member.name", Kind::text, [](Settings& s, std::string_view text) { return set_name(s.member.name, text); },
        [](const Settings& s) { return s.member.name; }},
    Key{"listen.request_endpoint", Kind::text,
        [](Settings& s, std::string_view text) { return set_text(s.listen.request_endpoint, text); },
        [](const Settings& s) { return s.listen.request_endpoint; }},
    Key{"listen.feed_endpoint", Kind::text,
        [](Settings& s, std::string_view text) { return set_text(s.listen.feed_endpoint, text); },
        [](const Settings& s) { return s.listen.feed_endpoint; }},
    Key{"listen.insecure", Kind::flag, [](Settings& s, std::string_view text) { return set_flag(s.listen.insecure, text); },
        [](const Settings& s) { return std::string(s.listen.insecure ? "true" : "false"); }},
    Key{"listen.key_file", Kind::text,
        [](Settings& s, std::string_view text) { return set_text_or_none(s.listen.key_file, text); },
        [](const Settings& s) { return s.listen.key_file; }},
    Key{"listen.clients", Kind::text,
        [](Settings& s, std::string_view text) { return set_word(s.listen.clients, text, clients_words); },
        [](const Settings& s) { return to_string(s.listen.clients); }},
    Key{"listen.client_keys", Kind::text,
        [](Settings& s, std::string_view text) { return set_client_keys(s.listen.client_keys, text); },
        [](const Settings& s) { return show_keys(s.listen.client_keys); }},
    Key{"listen.plugin", Kind::text,
        [](Settings& s, std::string_view text) { return set_plugin(s.listen.transport, text); },
        [](const Settings& s) { return s.listen.transport.plugin; }},
    Key{"cluster.endpoint", Kind::text,
        [](Settings& s, std::string_view text) { return set_text_or_none(s.cluster.endpoint, text); },
        [](const Settings& s) { return s.cluster.endpoint; }},
    Key{"cluster.members", Kind::text,
        [](Settings& s, std::string_view text) { return set_members(s.cluster.members, text); },
        [](const Settings& s) { return show_members(s.cluster.members); }},
    Key{"cluster.join", Kind::flag, [](Settings& s, std::string_view text) { return set_flag(s.cluster.join, text); },
        [](const Settings& s) { return std::string(s.cluster.join ? "true" : "false"); }},
    Key{"cluster.id", Kind::text, [](Settings& s, std::string_view text) { return set_cluster_id(s.cluster.id, text); },
        [](const Settings& s) { return show_cluster_id(s.cluster.id); }},
    Key{"cluster.key_file", Kind::text,
        [](Settings& s, std::string_view text) { return set_text_or_none(s.cluster.key_file, text); },
        [](const Settings& s) { return s.cluster.key_file; }},
    Key{"cluster.election_timeout", Kind::duration,
        [](Settings& s, std::string_view text) {
            return set_number(s.cluster.election_timeout_ms, parse_duration_ms(text), 100, 60'000);
        },
        [](const Settings& s) { return show_duration(s.cluster.election_timeout_ms); }},
    Key{"cluster.heartbeat", Kind::duration,
        [](Settings& s, std::string_view text) {
            return set_number(s.cluster.heartbeat_ms, parse_duration_ms(text), 10, 6'000);
        },
        [](const Settings& s) { return show_duration(s.cluster.heartbeat_ms); }},
    Key{"cluster.snapshot_bytes_per_second", Kind::size,
        [](Settings& s, std::string_view text) {
            return set_number(s.cluster.snapshot_bytes_per_second, parse_size(text), 0, tib);
        },
        [](const Settings& s) { return std::to_string(s.cluster.snapshot_bytes_per_second); }},
    Key{"store.plugin", Kind::text, [](Settings& s, std::string_view text) { return set_plugin(s.store, text); },
        [](const Settings& s) { return s.store.plugin; }},
    Key{"log.plugin", Kind::text, [](Settings& s, std::string_view text) { return set_plugin(s.log, text); },
        [](const Settings& s) { return s.log.plugin; }},
    Key{"auth.plugin", Kind::text, [](Settings& s, std::string_view text) { return set_plugin(s.auth, text); },
        [](const Settings& s) { return s.auth.plugin; }},
    Key{"snapshot_log_bytes", Kind::size,
        [](Settings& s, std::string_view text) { return set_number(s.snapshot_log_bytes, parse_size(text), mib, tib); },
        [](const Settings& s) { return std::to_string(s.snapshot_log_bytes); }},
    Key{"history.keep_revisions", Kind::number,
        [](Settings& s, std::string_view text) {
            return set_number(s.history.keep_revisions, parse_number(text), 0, INT64_MAX);
        },
        [](const Settings& s) { return std::to_string(s.history.keep_revisions); }},
    Key{"history.keep_age", Kind::duration,
        [](Settings& s, std::string_view text) {
            return set_number(s.history.keep_age_ms, parse_duration_ms(text), 0, 36'500 * day_ms);
        },
        [](const Settings& s) { return show_duration(s.history.keep_age_ms); }},
    Key{"limits.inbox_requests", Kind::number,
        [](Settings& s, std::string_view text) {
            return set_number(s.limits.inbox_requests, parse_number(text), 16, 1'000'000);
        },
        [](const Settings& s) { return std::to_string(s.limits.inbox_requests); }},
    Key{"limits.inbox_bytes", Kind::size,
        [](Settings& s, std::string_view text) {
            return set_number(s.limits.inbox_bytes, parse_size(text), 4 * mib, 16 * gib);
        },
        [](const Settings& s) { return std::to_string(s.limits.inbox_bytes); }},
    Key{"output.level", Kind::text,
        [](Settings& s, std::string_view text) { return set_word(s.output.level, text, level_words); },
        [](const Settings& s) { return std::string(level_words[static_cast<size_t>(s.output.level)]); }},
    Key{"output.format", Kind::text,
        [](Settings& s, std::string_view text) { return set_word(s.output.format, text, format_words); },
        [](const Settings& s) { return std::string(format_words[static_cast<size_t>(s.output.format)]); }},
};

// Levenshtein's distance, for "did you mean".
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.size(); ++j) {
            const size_t above = row[j + 1];
            row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1)});
            diagonal = above;
        }
    }
    return row.back();
}

}  // namespace

std::span<const Key> keys() { return key_table; }

const Key* find_key(std::string_view name) {
    const auto found = std::find_if(key_table.begin(), key_table.end(), [&](const Key& key) { return key.name == name; });
    return found == key_table.end() ? nullptr : &*found;
}

std::string_view plugin_section(std::string_view key, std::string_view* name) {
    constexpr std::string_view middle = ".settings.";
    for (const std::string_view section : {"listen", "store", "log", "auth"}) {
        if (key.starts_with(section) && key.substr(section.size()).starts_with(middle) &&
            key.size() > section.size() + middle.size()) {
            *name = key.substr(section.size() + middle.size());
            return section;
        }
    }
    return {};
}

std::string to_string(Settings::Listen::Clients clients) {
    return std::string(clients_words[static_cast<size_t>(clients)]);
}

std::string show_keys(const std::vector<std::string>& keys) {
    std::string text;
    for (const std::string& key : keys) text += (text.empty() ? "" : ",") + key;
    return text;
}

Error unknown_key(std::string_view name) {
    constexpr size_t typo_max = 4;
    const Key* nearest = nullptr;
    size_t least = typo_max + 1;
    for (const Key& key : key_table) {
        const size_t leaf = key.name.rfind('.') + 1;  // 0 when there is no dot
        const size_t whole_distance = distance(name.substr(0, 64), key.name);
        const size_t far = name == key.name.substr(leaf) ? 1 : whole_distance;
        if (far < least) {
            least = far;
            nearest = &key;
        }
    }
    std::string sentence = "there is no such key";
    if (nearest != nullptr) {
        sentence += "; did you mean " + std::string(nearest->name) + "?";
    }
    return invalid(std::move(sentence));
}

Status set_key(Settings& settings, std::string_view name, std::string_view text) {
    if (const Key* key = find_key(name)) {
        return key->set(settings, text);
    }
    std::string_view own_name;
    const std::string_view section = plugin_section(name, &own_name);
    if (!section.empty()) {
        if (text.find('\0') != std::string_view::npos) {
            return invalid("must not hold a zero octet");
        }
        PluginChoice& choice = section == "store"  ? settings.store
                               : section == "log"  ? settings.log
                               : section == "auth" ? settings.auth
                                                   : settings.listen.transport;
        choice.set(own_name, std::string(text));
        return {};
    }
    if (name == "plugins") {
        PluginFile file;
        if (Status status = set_text(file.path, text); !status) {
            return status;
        }
        settings.plugins.push_back(std::move(file));
        return {};
    }
    return unknown_key(name);
}

Status set_digest(PluginFile& file, std::string_view text) {
    constexpr size_t digest_digits = 64;
    std::string digits(text);
    const auto is_digit = [](char& digit) {
        if (digit >= 'A' && digit <= 'F') {
            digit = static_cast<char>(digit - 'A' + 'a');
        }
        return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
    };
    if (digits.size() != digest_digits || !std::all_of(digits.begin(), digits.end(), is_digit)) {
        return invalid("must be the 64 hexadecimal digits, in quotes, that sha256sum prints");
    }
    file.sha256 = std::move(digits);
    return {};
}

Result<uint64_t> parse_size(std::string_view text) {
    if (auto bare = parse_number(text)) return bare;
    if (const auto size = belfry::parse_size(text)) return *size;
    return invalid(quote(text) + " is not a size such as 4096 or \"64 MiB\" (units: B, KiB, MiB, GiB, TiB)");
}

Result<uint64_t> parse_duration_ms(std::string_view text) {
    using std::chrono::milliseconds;
    if (text == "0") return uint64_t{0};
    const auto duration = parse_duration(text);
    const auto whole_ms = duration ? std::chrono::floor<milliseconds>(*duration) : milliseconds();
    if (duration && *duration == whole_ms) return static_cast<uint64_t>(whole_ms.count());
    return invalid(quote(text) + " is not a duration such as \"30d\", \"12h\", \"5m\", \"90s\", \"250ms\" or 0");
}

}  // namespace belfry::hub::settings
