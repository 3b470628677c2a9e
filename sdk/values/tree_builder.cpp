#include "sdk/values/tree_builder.hpp"

#include <algorithm>

#include "sdk/values/document.hpp"

namespace belfry::values {

bool TreeBuilder::fail(Code code, std::string sentence) {
    if (ok()) problem_ = {code, std::move(sentence)};
    return false;
}

// A scalar's weight; lists and maps count as they are filled, or, if they come whole, with all that is in them.
bool TreeBuilder::weigh(const Node& node, size_t depth) {
    if (++nodes_ > document_nodes_max) {
        return fail(Code::too_large, "more than " + std::to_string(document_nodes_max) + " nodes, aliases put in place");
    }
    if (const std::string* text = node.text()) text_bytes_ += text->size();
    if (text_bytes_ > text_bytes_max) return fail(Code::too_large, "more than 4 MiB of text, aliases put in place");
    if ((node.list() != nullptr || node.map() != nullptr) && ++depth > document_depth_max) {
        return fail(Code::too_large, "nested deeper than " + std::to_string(document_depth_max));
    }
    if (const Node::List* list = node.list()) {
        return std::all_of(list->begin(), list->end(), [&](const Node& item) { return weigh(item, depth); });
    }
    const Node::Map* map = node.map();
    if (map == nullptr) return true;
    return std::all_of(map->begin(), map->end(), [&](const Node::Member& member) {
        text_bytes_ += member.name.size();
        return weigh(member.node, depth);
    });
}

bool TreeBuilder::open(Node node) {
    if (!ok() || !weigh(node, open_.size())) return false;
    open_.push_back({std::move(node), {}, {}});
    return true;
}

bool TreeBuilder::place(Node node, const Node** finished) {
    Node* at = &root_;
    if (open_.empty()) {
        root_ = std::move(node);
    } else if (auto* list = std::get_if<Node::List>(&open_.back().node.value)) {
        at = &list->emplace_back(std::move(node));
    } else {
        auto& map = std::get<Node::Map>(open_.back().node.value);
        at = &map.emplace_back(Node::Member{std::move(open_.back().name), std::move(node)}).node;
    }
    if (finished != nullptr) *finished = at;
    return true;
}

bool TreeBuilder::end(const Node** finished) {
    if (!ok()) return false;
    Node node = std::move(open_.back().node);
    open_.pop_back();
    return place(std::move(node), finished);
}

bool TreeBuilder::name(std::string text) {
    if (!ok()) return false;
    text_bytes_ += text.size();
    if (!open_.back().names.insert(text).second) {
        return fail(Code::invalid_argument, "a name stands twice in one map");
    }
    open_.back().name = std::move(text);
    return true;
}

bool TreeBuilder::add(Node node) {
    if (!ok() || !weigh(node, open_.size())) return false;
    return place(std::move(node), nullptr);
}

std::string place_of(std::string_view text, size_t offset) {
    const std::string_view before = text.substr(0, offset);
    const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t start = before.rfind('\n');
    const size_t column = 1 + before.size() - (start == std::string_view::npos ? 0 : start + 1);
    return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

}  // namespace belfry::values
