// public_key = "..." and secret_key = "...", as TOML.
#define TOML_EXCEPTIONS 0
#include <sys/stat.h>
#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "hub/settings/settings.hpp"

namespace belfry::hub::settings {

namespace {

constexpr mode_t others = 077;

}  // namespace

Result<CurveKeys> load_key_file(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) {
        return Error{errno == ENOENT ? Code::not_found : Code::io, "cluster.key_file: cannot open '" + path +
                                                                       "': " + std::strerror(errno) +
                                                                       "; make one with: belfry keygen " + path};
    }
    if ((facts.st_mode & others) != 0) {
        return Error{Code::denied, "cluster.key_file: others may read '" + path + "'; type: chmod 600 " + path};
    }
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    const toml::parse_result parsed = toml::parse(text.str());
    const auto key = [&](const char* name) -> std::string {
        return parsed ? parsed.table()[name].value_or(std::string()) : std::string();
    };
    CurveKeys keys{key("public_key"), key("secret_key")};
    if (keys.public_key.size() == curve_key_characters && keys.secret_key.size() == curve_key_characters) return keys;
    return Error{Code::invalid_argument, "cluster.key_file: '" + path + "' does not hold public_key and secret_key of " +
                                             std::to_string(curve_key_characters) +
                                             " characters; make one with: belfry keygen"};
}

Result<CurveKeys> own_keys(const Settings& settings) {
    return settings.cluster.key_file.empty() ? Result<CurveKeys>(CurveKeys{}) : load_key_file(settings.cluster.key_file);
}

}  // namespace belfry::hub::settings
