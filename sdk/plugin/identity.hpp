// Who a directory belongs to: a persistent store keeps the file PLUGIN in its directory, one line "<plugin name> <format>".
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "sdk/base/error.hpp"

namespace belfry::plugin {

inline constexpr const char* identity_file = "PLUGIN";

// Ok if the directory is nobody's yet or holds data of this plugin in a format up to `format`. Else `incompatible`.
inline Status check_identity(const std::string& directory, const std::string& plugin, uint32_t format) {
    const std::string path = directory + "/" + identity_file;
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) return {};
    std::ifstream file(path);
    std::string name;
    uint32_t found = 0;
    if (!(file >> name >> found)) return Error{Code::corrupt, path + ": is not of the form '<plugin name> <format>'"};
    if (name != plugin) {
        return Error{Code::incompatible, directory + ": holds data of plugin '" + name + "', not of '" + plugin +
                                             "'; choose that plugin or another directory"};
    }
    if (found > format) {
        return Error{Code::incompatible, directory + ": holds data in format " + std::to_string(found) +
                                             "; this release of '" + plugin + "' knows formats up to " +
                                             std::to_string(format)};
    }
    return {};
}

inline Status write_identity(const std::string& directory, const std::string& plugin, uint32_t format) {
    const std::string path = directory + "/" + identity_file;
    const std::string fresh = path + ".new";
    std::ofstream file(fresh, std::ios::trunc);
    file << plugin << ' ' << format << '\n';
    file.close();
    if (!file || std::rename(fresh.c_str(), path.c_str()) != 0) return Error{Code::io, path + ": cannot be written"};
    return {};
}

}  // namespace belfry::plugin
