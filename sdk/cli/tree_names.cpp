#include "sdk/cli/tree_names.hpp"

#include "sdk/cli/tree_types.hpp"

#include <cstdlib>

namespace belfry::cli {
namespace {

bool is_ours(std::string_view part) { return part == tree_marker || part == tree_types_name; }

constexpr size_t name_bytes_max = 255;   // of one file name, on every usual file system
constexpr size_t chunk_bytes_max = 240;  // of an escaped part that must be cut

// Calls visit(part, is_first, is_last) for each part between slashes.
template <class Visit>
void for_each_part(std::string_view path, Visit&& visit) {
    bool first = true;
    while (true) {
        const size_t slash = path.find('/');
        visit(path.substr(0, slash), first, slash == std::string_view::npos);
        if (slash == std::string_view::npos) return;
        path.remove_prefix(slash + 1);
        first = false;
    }
}

bool is_plain(BytesView key) {
    bool plain = true;
    for_each_part(key, [&](std::string_view part, bool first, bool) {
        const bool odd = part.empty() || part == "." || part == ".." || part.size() > name_bytes_max ||
                         part.find('\0') != std::string_view::npos || (first && is_ours(part));
        plain = plain && !odd;
    });
    return plain;
}

std::string escaped_part(std::string_view part, bool first) {
    if (part.empty()) return "%_";
    std::string out;
    const bool dot = part == "." || part == ".." || (first && is_ours(part));
    for (size_t i = 0; i < part.size(); ++i) {
        if (part[i] == '%') {
            out += "%25";
        } else if (part[i] == '\0') {
            out += "%00";
        } else if (dot && i == 0) {
            out += "%2E";
        } else {
            out += part[i];
        }
    }
    std::string cut;
    while (out.size() > name_bytes_max) {
        cut += out.substr(0, chunk_bytes_max) + "%+/";
        out.erase(0, chunk_bytes_max);
    }
    return cut + out;
}

std::optional<Bytes> unescaped_part(std::string_view name) {
    if (name == "%_") return Bytes();
    Bytes out;
    for (size_t i = 0; i < name.size(); ++i) {
        if (name[i] != '%') {
            out += name[i];
            continue;
        }
        if (i + 2 >= name.size()) return std::nullopt;
        const std::string digits(name.substr(i + 1, 2));
        char* end = nullptr;
        const long octet = std::strtol(digits.c_str(), &end, 16);
        if (*end != '\0' || digits[0] == '+' || digits[0] == '-' || digits[0] == ' ') return std::nullopt;
        out += static_cast<char>(octet);
        i += 2;
    }
    return out;
}

}  // namespace

TreeNames::TreeNames(const std::vector<Bytes>& keys, bool escaped) : escaped_(escaped) {
    for (const Bytes& key : keys) {
        for (size_t slash = key.find('/'); slash != Bytes::npos; slash = key.find('/', slash + 1))
            folders_.insert(key.substr(0, slash));
        escaped_ = escaped_ || !is_plain(key);
    }
    for (const Bytes& key : keys) escaped_ = escaped_ || folders_.contains(key);
}

std::string TreeNames::path_of(BytesView key) const {
    if (!escaped_) return std::string(key);
    std::string path;
    for_each_part(
        key, [&](std::string_view part, bool first, bool last) { path += escaped_part(part, first) + (last ? "" : "/"); });
    return folders_.contains(Bytes(key)) ? path + "/%=" : path;
}

std::optional<Bytes> key_of_escaped_path(std::string_view path) {
    Bytes key;
    std::string pending;
    bool begun = false;
    bool good = true;
    for_each_part(path, [&](std::string_view name, bool, bool last) {
        if (last && name == "%=" && pending.empty() && begun) return;
        if (!last && name.ends_with("%+")) {
            pending += name.substr(0, name.size() - 2);
            return;
        }
        const auto part = unescaped_part(pending + std::string(name));
        pending.clear();
        if (!part) return void(good = false);
        key += (begun ? "/" : "") + *part;
        begun = true;
    });
    if (!good || !begun) return std::nullopt;
    return key;
}

}  // namespace belfry::cli
