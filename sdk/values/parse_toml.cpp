#include <toml++/toml.h>

#include <sstream>

#include "sdk/base/toml_depth.hpp"
#include "sdk/values/document.hpp"
#include "sdk/values/tree_builder.hpp"

namespace belfry::values {

namespace {

template <class T>
std::string streamed(const T& moment) {
    std::ostringstream text;
    text << moment;
    return text.str();
}

bool add(const toml::node& node, TreeBuilder& tree) {
    if (const auto* table = node.as_table()) {
        if (!tree.begin_map()) return false;
        for (const auto& [name, inner] : *table) {
            if (!tree.name(std::string(name.str())) || !add(inner, tree)) return false;
        }
        return tree.end();
    }
    if (const auto* list = node.as_array()) {
        if (!tree.begin_list()) return false;
        for (const auto& inner : *list) {
            if (!add(inner, tree)) return false;
        }
        return tree.end();
    }
    if (const auto* text = node.as_string()) return tree.add({text->get()});
    if (const auto* number = node.as_integer()) return tree.add({number->get()});
    if (const auto* number = node.as_floating_point()) return tree.add({number->get()});
    if (const auto* truth = node.as_boolean()) return tree.add({truth->get()});
    if (const auto* date = node.as_date()) return tree.add({streamed(date->get())});
    if (const auto* time = node.as_time()) return tree.add({streamed(time->get())});
    if (const auto* moment = node.as_date_time()) return tree.add({streamed(moment->get())});
    return tree.fail(Code::invalid_argument, "a kind of value that is not known");
}

}  // namespace

Result<Node> parse_toml(std::string_view text) {
    static_assert(limits::toml_depth_max >= 2 * document_depth_max);
    if (too_deep_line(text)) {
        return Error{Code::too_large, "nested deeper than " + std::to_string(document_depth_max)};
    }
    try {
        TreeBuilder tree;
        if (!add(toml::parse(text), tree)) return tree.problem();
        return tree.take();
    } catch (const toml::parse_error& problem) {
        const auto place = problem.source().begin;
        return Error{Code::invalid_argument, "line " + std::to_string(place.line) + ", column " +
                                                 std::to_string(place.column) + ": " + std::string(problem.description())};
    }
}

}  // namespace belfry::values
