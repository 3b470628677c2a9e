#include "sdk/base/curve_keys.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace belfry {
namespace {

constexpr mode_t others = 077;
constexpr std::string_view z85_characters =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

// `name = "value"`, as TOML writes it; no key holds a quotation mark.
std::string value_of(std::string_view line, std::string_view name) {
    const auto skip_spaces = [&] { line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size())); };
    skip_spaces();
    if (!line.starts_with(name)) return {};
    line.remove_prefix(name.size());
    skip_spaces();
    if (!line.starts_with('=')) return {};
    line.remove_prefix(1);
    skip_spaces();
    const size_t end = line.find('"', 1);
    if (!line.starts_with('"') || end == std::string_view::npos) return {};
    return std::string(line.substr(1, end - 1));
}

}  // namespace

bool is_curve_key(std::string_view text) {
    return text.size() == curve_key_characters && text.find_first_not_of(z85_characters) == std::string_view::npos;
}

Result<CurveKeys> load_key_file(const std::string& path, const std::string& setting) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) {
        return Error{Code::io, setting + ": cannot open '" + path + "': " + std::strerror(errno) +
                                   "; make one with: belfry keygen " + path};
    }
    if ((facts.st_mode & others) != 0) {
        return Error{Code::denied, setting + ": others may read '" + path + "'; type: chmod 600 " + path};
    }
    CurveKeys keys;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (std::string key = value_of(line, "public_key"); !key.empty()) keys.public_key = std::move(key);
        if (std::string key = value_of(line, "secret_key"); !key.empty()) keys.secret_key = std::move(key);
    }
    if (is_curve_key(keys.public_key) && is_curve_key(keys.secret_key)) return keys;
    return Error{Code::invalid_argument, setting + ": '" + path + "' does not hold public_key and secret_key of " +
                                             std::to_string(curve_key_characters) +
                                             " characters; make one with: belfry keygen"};
}

Result<std::vector<std::string>> parse_curve_keys(std::string_view text, const std::string& setting) {
    std::vector<std::string> keys;
    while (!text.empty()) {
        const std::string_view key = text.substr(0, text.find(','));
        text.remove_prefix(std::min(key.size() + 1, text.size()));
        if (!is_curve_key(key)) {
            return Error{Code::invalid_argument, setting + ": '" + std::string(key) +
                                                     "' is no public key; belfry keygen prints one, of " +
                                                     std::to_string(curve_key_characters) + " characters"};
        }
        keys.emplace_back(key);
    }
    return keys;
}

}  // namespace belfry
