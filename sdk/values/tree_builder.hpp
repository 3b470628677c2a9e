// Builds a Node from a parser's events and keeps the bounds of documents. Private to sdk/values.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/values/node.hpp"

namespace belfry::values {

// Each call gives false once something is wrong; then problem() says what, and nothing more is taken.
class TreeBuilder {
public:
    // What a finished tree may weigh. Aliases add what they stand for.
    static constexpr size_t text_bytes_max = 4 * 1024 * 1024;

    bool begin_list() { return open(Node{Node::List()}); }
    bool begin_map() { return open(Node{Node::Map()}); }
    // The list or map begun last is whole; `finished` points to it until the next call.
    bool end(const Node** finished = nullptr);
    bool name(std::string text);  // in a map, before each node
    bool add(Node node);          // a scalar, or a whole tree; `finished` as above
    bool fail(Code code, std::string sentence);

    bool ok() const { return problem_.code == Code::ok; }
    const Error& problem() const { return problem_; }
    size_t depth() const { return open_.size(); }
    // REQUIRES: ok(), and depth() is 0.
    Node take() { return std::move(root_); }

private:
    struct Open {
        Node node;
        std::string name;                       // of the node to come, in a map
        std::unordered_set<std::string> names;  // of a map
    };
    bool open(Node node);
    bool place(Node node, const Node** finished);
    bool weigh(const Node& node, size_t depth);

    std::vector<Open> open_;
    Node root_;
    size_t nodes_ = 0;
    size_t text_bytes_ = 0;
    Error problem_;
};

// Each in its own file, one for each library. The text is UTF-8 and within the bound.
Result<Node> parse_json(std::string_view text);
Result<Node> parse_toml(std::string_view text);
Result<Node> parse_yaml(std::string_view text);

// What YAML's core schema makes of a scalar without quotes.
Node yaml_scalar(const std::string& text);

// "line 3, column 7: ": of the octet at `offset`.
std::string place_of(std::string_view text, size_t offset);

}  // namespace belfry::values
