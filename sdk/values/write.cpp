// A tree as text of each form. What is written is read back as the same tree, but that TOML sorts its names.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "sdk/values/document.hpp"
#include "sdk/values/tree_builder.hpp"

namespace belfry {

namespace {

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
            out += escape.data();
        } else {
            out += c;
        }
    }
    out += '"';
}

// The shortest text that gives the number back, and is not taken for a whole one.
std::string number_text(double number) {
    std::array<char, 40> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    std::string all(text.data(), end);
    return all.find_first_of(".e") == std::string::npos ? all + ".0" : all;
}

bool is_word(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

class Writer {
public:
    explicit Writer(Document::Form form) : form_(form) {}

    Result<std::string> write(const Node& root) {
        const bool toml = form_ == Document::Form::toml;
        if (toml && root.map() == nullptr) refuse("the whole document is no table, as TOML's must be");
        if (form_ == Document::Form::json) json(root, 0);
        if (toml && root.map() != nullptr) toml_table(*root.map(), {});
        if (form_ == Document::Form::yaml) yaml(root, 0);
        if (error_.code != Code::ok) return error_;
        if (!toml && !out_.ends_with('\n')) out_ += '\n';
        return std::move(out_);
    }

private:
    void refuse(const std::string& sentence) {
        if (error_.code == Code::ok) error_ = {Code::unsupported, (place_.empty() ? "" : "at " + place_ + ": ") + sentence};
    }
    // Walks into a member and out again, for the place in errors.
    template <class Walk>
    void at(std::string_view name, Walk walk) {
        const size_t before = place_.size();
        (place_ += '/') += name;
        walk();
        place_.resize(before);
    }

    void scalar(const Node& node) {
        using Form = Document::Form;
        if (node.is_null()) {
            if (form_ == Form::toml) return refuse("null, which TOML does not have");
            out_ += "null";
        } else if (const auto* truth = std::get_if<bool>(&node.value)) {
            out_ += *truth ? "true" : "false";
        } else if (const auto* number = std::get_if<int64_t>(&node.value)) {
            out_ += std::to_string(*number);
        } else if (const auto* large = std::get_if<uint64_t>(&node.value)) {
            if (form_ == Form::toml) return refuse("a whole number that TOML does not have; it ends at 2^63 - 1");
            out_ += std::to_string(*large);
        } else if (const auto* real = std::get_if<double>(&node.value)) {
            if (std::isfinite(*real)) {
                out_ += number_text(*real);
            } else if (form_ == Form::json) {
                refuse("a number that is not finite, which JSON does not have");
            } else {
                const std::string word = std::isnan(*real) ? "nan" : *real < 0 ? "-inf" : "inf";
                out_ += form_ == Form::toml ? word : word[0] == '-' ? "-.inf" : "." + word;
            }
        } else if (const std::string* text = node.text()) {
            form_ == Form::yaml ? yaml_text(*text) : append_quoted(out_, *text);
        }
    }

    // ---- JSON ----
    void json(const Node& node, size_t depth) {
        if (const Node::List* list = node.list()) return json_items(*list, depth);
        if (const Node::Map* map = node.map()) return json_members(*map, depth);
        scalar(node);
    }
    void line(size_t depth) { (out_ += '\n').append(2 * depth, ' '); }
    void json_items(const Node::List& list, size_t depth) {
        if (list.empty()) return void(out_ += "[]");
        out_ += '[';
        for (size_t i = 0; i < list.size(); ++i) {
            if (i > 0) out_ += ',';
            line(depth + 1);
            at(std::to_string(i), [&] { json(list[i], depth + 1); });
        }
        line(depth);
        out_ += ']';
    }
    void json_members(const Node::Map& map, size_t depth) {
        if (map.empty()) return void(out_ += "{}");
        out_ += '{';
        for (const Node::Member& member : map) {
            if (&member != &map.front()) out_ += ',';
            line(depth + 1);
            append_quoted(out_, member.name);
            out_ += ": ";
            at(member.name, [&] { json(member.node, depth + 1); });
        }
        line(depth);
        out_ += '}';
    }

    // ---- TOML ----
    static bool is_tables(const Node& node) {
        const Node::List* list = node.list();
        return list != nullptr && !list->empty() &&
               std::all_of(list->begin(), list->end(), [](const Node& item) { return item.map() != nullptr; });
    }
    static std::string toml_name(std::string_view name) {
        std::string text;
        is_word(name) ? void(text = name) : append_quoted(text, name);
        return text;
    }
    // First what stands in the table itself, then the tables in it, each under a heading.
    void toml_table(const Node::Map& map, const std::string& heading) {
        for (const Node::Member& member : map) {
            if (member.node.map() != nullptr || is_tables(member.node)) continue;
            out_ += toml_name(member.name) + " = ";
            at(member.name, [&] { toml_inline(member.node); });
            out_ += '\n';
        }
        for (const Node::Member& member : map) {
            const std::string inner = (heading.empty() ? "" : heading + ".") + toml_name(member.name);
            at(member.name, [&] {
                if (const Node::Map* table = member.node.map()) toml_heading("[" + inner + "]", *table, inner);
                if (!is_tables(member.node)) return;
                const Node::List& list = *member.node.list();
                for (size_t i = 0; i < list.size(); ++i) {
                    at(std::to_string(i), [&] { toml_heading("[[" + inner + "]]", *list[i].map(), inner); });
                }
            });
        }
    }
    void toml_heading(const std::string& line_text, const Node::Map& table, const std::string& heading) {
        if (!out_.empty()) out_ += '\n';
        out_ += line_text + "\n";
        toml_table(table, heading);
    }
    void toml_inline(const Node& node) {
        if (const Node::List* list = node.list()) {
            out_ += '[';
            for (size_t i = 0; i < list->size(); ++i) {
                if (i > 0) out_ += ", ";
                at(std::to_string(i), [&] { toml_inline((*list)[i]); });
            }
            out_ += ']';
        } else if (const Node::Map* map = node.map()) {
            out_ += '{';
            for (const Node::Member& member : *map) {
                out_ += (&member == &map->front() ? " " : ", ") + toml_name(member.name) + " = ";
                at(member.name, [&] { toml_inline(member.node); });
            }
            out_ += map->empty() ? "}" : " }";
        } else {
            scalar(node);
        }
    }

    // ---- YAML ----
    // Without quotes only what every reader, also one of YAML 1.1, takes for a text.
    void yaml_text(const std::string& text) {
        constexpr std::string_view taken[] = {"yes", "no", "on", "off", "y", "n", "true", "false", "null"};
        std::string lower = text;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        const bool letter = !lower.empty() && lower[0] >= 'a' && lower[0] <= 'z';
        const bool plain =
            letter && is_word(lower) && std::find(std::begin(taken), std::end(taken), lower) == std::end(taken);
        plain ? void(out_ += text) : append_quoted(out_, text);
    }
    static bool is_block(const Node& node) {
        return (node.list() != nullptr && !node.list()->empty()) || (node.map() != nullptr && !node.map()->empty());
    }
    // Behind "- " or at the start of a line; every further line is indented by 2 * depth.
    void yaml(const Node& node, size_t depth) {
        if (!is_block(node)) {
            node.list() != nullptr ? void(out_ += "[]") : node.map() != nullptr ? void(out_ += "{}") : scalar(node);
            out_ += '\n';
            return;
        }
        if (const Node::List* list = node.list()) {
            for (size_t i = 0; i < list->size(); ++i) {
                if (i > 0) out_.append(2 * depth, ' ');
                out_ += "- ";
                at(std::to_string(i), [&] { yaml((*list)[i], depth + 1); });
            }
            return;
        }
        for (const Node::Member& member : *node.map()) {
            if (&member != &node.map()->front()) out_.append(2 * depth, ' ');
            const size_t name_begins = out_.size();
            yaml_text(member.name);
            // Readers look for the colon in the 1,024 octets from the start of the name on, quotes and escapes included.
            if (out_.size() - name_begins > 1000) refuse("a name that is longer than YAML's may be, as it is written");
            out_ += ':';
            is_block(member.node) ? void((out_ += '\n').append(2 * depth + 2, ' ')) : void(out_ += ' ');
            at(member.name, [&] { yaml(member.node, depth + 1); });
        }
    }

    const Document::Form form_;
    std::string out_;
    std::string place_;
    Error error_;
};

}  // namespace

Result<std::string> Document::write(const Node& node, Form form) { return Writer(form).write(node); }

}  // namespace belfry
