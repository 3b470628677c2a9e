// Who a directory belongs to: a persistent store keeps the file PLUGIN in its directory, one line "<plugin name> <format>".
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "sdk/base/error.hpp"

namespace belfry::plugin {

inline constexpr const char* identity_file = "PLUGIN";

namespace detail {

inline Error identity_error(const std::string& path, const char* what) {
    return {errno == ENOSPC || errno == EDQUOT ? Code::no_space : Code::io,
            path + ": cannot " + what + ": " + std::strerror(errno)};
}

// True if the file is empty and nothing but plugin housekeeping lies beside it: a power cut during the very first start.
inline bool identity_never_written(const std::string& directory) {
    std::error_code failed;
    if (std::filesystem::file_size(directory + "/" + identity_file, failed) != 0 || failed) return false;
    for (const auto& item : std::filesystem::directory_iterator(directory, failed)) {
        const std::string name = item.path().filename().string();
        if (name != identity_file && name != identity_file + std::string(".new") && name != "LOCK") return false;
    }
    return !failed;
}

}  // namespace detail

// Ok if the directory is nobody's yet or holds data of this plugin in a format up to `format`. Else `incompatible`. Takes
// away an empty PLUGIN file in an otherwise empty directory.
inline Status check_identity(const std::string& directory, const std::string& plugin, uint32_t format) {
    const std::string path = directory + "/" + identity_file;
    std::error_code failed;
    if (detail::identity_never_written(directory)) std::filesystem::remove(path, failed);
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

// Durable when it returns: the file and its name.
inline Status write_identity(const std::string& directory, const std::string& plugin, uint32_t format) {
    const std::string path = directory + "/" + identity_file;
    const std::string fresh = path + ".new";
    const std::string line = plugin + ' ' + std::to_string(format) + '\n';
    const auto sync_and_close = [](int fd, bool good) {
        good = good && ::fsync(fd) == 0;
        const int number = errno;
        ::close(fd);
        errno = number;
        return good;
    };
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file < 0) return detail::identity_error(fresh, "be created");
    errno = ENOSPC;  // what a write cut short means
    if (!sync_and_close(file, ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size())))
        return detail::identity_error(fresh, "be written");
    if (std::rename(fresh.c_str(), path.c_str()) != 0) return detail::identity_error(fresh, "be renamed");
    const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || !sync_and_close(folder, true)) return detail::identity_error(directory, "be synced");
    return {};
}

}  // namespace belfry::plugin
