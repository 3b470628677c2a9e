// What is written is read back as the same tree.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <random>

#include "sdk/values/document.hpp"

using namespace belfry;
using Form = Document::Form;

namespace {

constexpr Form forms[] = {Form::json, Form::toml, Form::yaml};

// TOML sorts names.
Node sorted(Node node) {
    if (auto* list = std::get_if<Node::List>(&node.value)) {
        for (Node& item : *list) item = sorted(std::move(item));
    }
    if (auto* map = std::get_if<Node::Map>(&node.value)) {
        for (Node::Member& member : *map) member.node = sorted(std::move(member.node));
        std::sort(map->begin(), map->end(), [](const auto& left, const auto& right) { return left.name < right.name; });
    }
    return node;
}

class Trees {
public:
    explicit Trees(unsigned seed) : random_(seed) {}
    Node map(size_t depth) {
        Node::Map members;
        for (size_t i = below(5); i > 0; --i) {
            const std::string name = text();
            const bool known =
                std::any_of(members.begin(), members.end(), [&](const auto& one) { return one.name == name; });
            if (!known) members.push_back({name, any(depth + 1)});
        }
        return {members};
    }

private:
    size_t below(size_t bound) { return random_() % bound; }
    std::string text() {
        constexpr std::string_view odd[] = {"",     "yes",  "null", "5",    "1.5",      "a b",        "- x",  "#",  "a: b",
                                            "a\nb", "\"\\", "'",    "\t",   "\x01\x7f", "\xc3\xa4",   "{",    "[]", "~",
                                            "a.b",  "=",    "x/y",  ".inf", "0x1",      "2001-01-01", "\r\n", "*a", "&a",
                                            "!t",   "%",    "@",    "`",    "true",     "- ",         ": ",   " x", "x "};
        return below(2) ? std::string(odd[below(std::size(odd))])
                        : std::string(1 + below(8), static_cast<char>('a' + below(26)));
    }
    Node any(size_t depth) {
        switch (below(depth > 5 ? 5 : 8)) {
            case 0: return {below(2) == 0};
            case 1: return {static_cast<int64_t>(random_()) - (int64_t{1} << 31)};
            case 2: return {static_cast<double>(random_()) / 1024 * (below(2) ? 1e300 : 1e-300)};
            case 3:
            case 4: return {text()};
            case 5: return map(depth);
            default: break;
        }
        Node::List items;
        const bool tables = below(2) == 0;
        for (size_t i = below(4); i > 0; --i) items.push_back(tables ? map(depth + 1) : any(depth + 1));
        return {items};
    }
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("write: 2,000 random trees come back as they were, in each form", "[values]") {
    Trees trees(7);
    for (int i = 0; i < 2000; ++i) {
        const Node tree = trees.map(0);
        for (const Form form : forms) {
            const auto text = Document::write(tree, form);
            REQUIRE(text);
            INFO(*text);
            const auto back = Document::parse(*text, form);
            INFO((back ? "" : back.error().detail));
            REQUIRE(back);
            if (form == Form::toml) {
                REQUIRE(sorted(back->root()) == sorted(tree));
            } else {
                REQUIRE(back->root() == tree);
            }
        }
    }
}

TEST_CASE("write: as a person would", "[values]") {
    const auto document = Document::parse(
        R"({"name":"app","db":{"port":1,"ratio":2.0,"tags":["a","no"],"empty":{},"none":[]},
            "servers":[{"a":1},{"b":{"c":2}}]})",
        Form::json);
    CHECK(*document->write(Form::yaml) ==
          "name: app\ndb:\n  port: 1\n  ratio: 2.0\n  tags:\n    - a\n    - \"no\"\n  empty: {}\n  none: []\n"
          "servers:\n  - a: 1\n  - b:\n      c: 2\n");
    CHECK(*document->write(Form::toml) ==
          "name = \"app\"\n\n[db]\nport = 1\nratio = 2.0\ntags = [\"a\", \"no\"]\nnone = []\n\n[db.empty]\n\n"
          "[[servers]]\na = 1\n\n[[servers]]\n\n[servers.b]\nc = 2\n");
    CHECK(*Document::parse("a = [1]\n", Form::toml)->write(Form::json) == "{\n  \"a\": [\n    1\n  ]\n}\n");
}

TEST_CASE("write: what a form does not have is refused with its place", "[values]") {
    const auto with_null = Document::parse(R"({"a": {"b": [1, null]}})", Form::json);
    CHECK(with_null->write(Form::toml).error().detail == "at /a/b/1: null, which TOML does not have");
    CHECK(Document::parse("[1]", Form::json)->write(Form::toml).error().code == Code::unsupported);
    CHECK(Document::parse("{\"a\": 18446744073709551615}", Form::json)
              ->write(Form::toml)
              .error()
              .detail.starts_with("at /a: "));
    CHECK(Document::parse("a: [.inf]", Form::yaml)->write(Form::json).error().detail.starts_with("at /a/0: "));
    const std::string controls(200, '\x08');  // six octets each, escaped
    CHECK(Document::write(Node{Node::Map{{controls, {}}}}, Form::yaml).error().code == Code::unsupported);
    CHECK(*Document::parse("a: [.inf, -.inf, .nan]", Form::yaml)->write(Form::toml) == "a = [inf, -inf, nan]\n");
}
