// `belfry plugin new`: a project of a new plugin, made of our own examples.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/base/error.hpp"

namespace belfry::cli {

// A file of the source tree that is part of this program.
struct ScaffoldFile {
    std::string_view path;
    std::string_view octets;
};
extern const ScaffoldFile scaffold_files[];
extern const size_t scaffold_file_count;

// "filter", "state_store", ...
std::vector<std::string_view> scaffold_kinds();

// The project's files, by name. `invalid_argument` for a kind or a name that cannot be; the sentence says what can.
Result<std::vector<std::pair<std::string, std::string>>> make_scaffold(std::string_view kind, std::string_view name);

// Writes them into `directory`, which is made if it is not there and must be empty (`conflict`).
Status write_scaffold(const std::string& directory, const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace belfry::cli
