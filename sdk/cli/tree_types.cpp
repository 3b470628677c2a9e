#include "sdk/cli/tree_types.hpp"

#include <unistd.h>

#include "sdk/base/content_type.hpp"
#include "sdk/cli/items.hpp"
#include "sdk/cli/text.hpp"
#include "sdk/cli/values.hpp"

namespace belfry::cli {

Result<std::optional<TreeTypes>> read_tree_types(const std::string& root) {
    const std::string path = root + "/" + std::string(tree_types_name);
    if (access(path.c_str(), F_OK) != 0) return std::optional<TreeTypes>();
    const auto text = read_file(path, document_bytes_max);
    if (!text) return text.error();
    TreeTypes types;
    size_t number = 0;
    for (const std::string& line : split(*text, '\n')) {
        ++number;
        const size_t tab = std::min(line.find('\t'), line.size());
        const std::string type = line.substr(0, tab);
        auto key = unescape(std::string_view(line).substr(std::min(tab + 1, line.size())));
        if (tab == line.size() || type.empty() || !check_content_type(type) || !key) {
            return Error{Code::invalid_argument, path + ": line " + std::to_string(number) + " is not TYPE<tab>KEY"};
        }
        types[*std::move(key)] = type;
    }
    return std::optional(std::move(types));
}

std::string write_tree_types(const TreeTypes& types) {
    std::string text;
    for (const auto& [key, type] : types) text += type + "\t" + printable(key) + "\n";
    return text;
}

}  // namespace belfry::cli
