#include "sdk/cli/plugin_list.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

using protocol::PluginFacts;
using protocol::PluginsReply;

std::string list_of(const std::vector<uint64_t>& members) {
    std::string text = members.size() == 1 ? "member" : "members";
    for (const uint64_t member : members) text += " " + std::to_string(member);
    return text;
}

// Which members say what of one interface of one plugin; an empty word = they do not have it.
using Sayings = std::map<std::string, std::vector<uint64_t>>;

template <class Word>
Sayings sayings(const std::vector<PluginsReply>& members, const std::string& name, const std::string& kind, Word&& word) {
    Sayings said;
    for (const PluginsReply& member : members) {
        const auto found = std::find_if(member.plugins.begin(), member.plugins.end(),
                                        [&](const PluginFacts& each) { return each.name == name && each.kind == kind; });
        said[found == member.plugins.end() ? "" : word(*found)].push_back(member.member);
    }
    return said;
}

// "is 1.0.0 on members 1 2, is 1.1.0 on member 3, is not on member 4"
std::string sentence(const Sayings& said) {
    std::string text;
    for (const auto& [word, members] : said) {
        if (word.empty()) continue;
        text += (text.empty() ? "" : ", ") + word + " on " + list_of(members);
    }
    const auto without = said.find("");
    return without == said.end() ? text : text + ", is not on " + list_of(without->second);
}

}  // namespace

std::vector<std::string> plugin_differences(const std::vector<PluginsReply>& members) {
    std::set<std::pair<std::string, std::string>> interfaces;  // name and kind
    for (const PluginsReply& member : members) {
        for (const PluginFacts& plugin : member.plugins) interfaces.emplace(plugin.name, plugin.kind);
    }
    std::vector<std::string> differences;
    for (const auto& interface : interfaces) {
        const std::string &name = interface.first, &kind = interface.second;
        const auto said = [&](auto&& word) { return sayings(members, name, kind, word); };
        const auto versions = said([](const PluginFacts& each) { return "is " + each.version; });
        const auto files = said([](const PluginFacts& each) {
            return each.sha256.empty() ? "is " + each.origin : "is of sha256 " + each.sha256;
        });
        const auto uses = said([](const PluginFacts& each) { return std::string(each.used ? "is used" : "is not used"); });
        for (const Sayings* each : {&versions, &files, &uses}) {
            if (each->size() < 2) continue;
            differences.push_back(printable(name + " (" + kind + ") " + sentence(*each)));
            break;  // one that says enough
        }
    }
    return differences;
}

std::vector<std::string> plugin_table(const std::vector<PluginsReply>& members) {
    constexpr size_t columns = 5;
    using Row = std::array<std::string, columns>;
    std::vector<Row> rows = {{"PLUGIN", "VERSION", "KIND", "MEMBERS", "FROM"}};
    for (const PluginsReply& member : members) {
        for (const PluginFacts& plugin : member.plugins) {
            const std::string who = std::to_string(member.member) + (plugin.used ? "*" : "");
            const Row row = {printable(plugin.name), printable(plugin.version), printable(plugin.kind), who,
                             printable(plugin.origin)};
            const auto same = std::find_if(rows.begin() + 1, rows.end(), [&](const Row& each) {
                return each[0] == row[0] && each[1] == row[1] && each[2] == row[2] && each[4] == row[4];
            });
            if (same == rows.end()) {
                rows.push_back(row);
            } else {
                (*same)[3] += " " + who;
            }
        }
    }
    std::sort(rows.begin() + 1, rows.end(),
              [](const Row& a, const Row& b) { return std::tie(a[2], a[0], a[1]) < std::tie(b[2], b[0], b[1]); });
    std::array<size_t, columns> widths = {};
    for (const Row& row : rows) {
        for (size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::vector<std::string> lines;
    for (const Row& row : rows) {
        std::string line;
        for (size_t i = 0; i + 1 < columns; ++i) line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
        lines.push_back(line + row[columns - 1]);
    }
    return lines;
}

}  // namespace belfry::cli
