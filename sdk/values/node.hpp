// A document as a tree, whatever text it came from. Names keep the order of the text (TOML: sorted, its library has no
// other).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace belfry {

struct Node {
    struct Member;
    using List = std::vector<Node>;
    using Map = std::vector<Member>;  // no name twice
    // TOML's dates and times are texts.
    std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, List, Map>
        value;  // uint64_t: past INT64_MAX

    bool is_null() const { return std::holds_alternative<std::monostate>(value); }
    const std::string* text() const { return std::get_if<std::string>(&value); }
    const List* list() const { return std::get_if<List>(&value); }
    const Map* map() const { return std::get_if<Map>(&value); }
    // nullptr: not a map, or no such name.
    const Node* find(std::string_view name) const;
    friend bool operator==(const Node&, const Node&);
};

struct Node::Member {
    std::string name;
    Node node;
    friend bool operator==(const Member&, const Member&) = default;
};

inline bool operator==(const Node& left, const Node& right) { return left.value == right.value; }

inline const Node* Node::find(std::string_view name) const {
    const Map* members = map();
    if (members == nullptr) return nullptr;
    for (const Member& member : *members) {
        if (member.name == name) return &member.node;
    }
    return nullptr;
}

}  // namespace belfry
