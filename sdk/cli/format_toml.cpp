#include <toml++/toml.h>

#include <array>
#include <cstdio>
#include <sstream>

#include "sdk/base/content_type.hpp"
#include "sdk/base/toml_depth.hpp"
#include "sdk/cli/items.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/nesting.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

template <class T>
std::string streamed(const T& value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

std::string number_text(double number) {
    // The shortest of the forms that give the same number back.
    for (const int digits : {15, 16, 17}) {
        std::array<char, 40> text{};
        std::snprintf(text.data(), text.size(), "%.*g", digits, number);
        if (std::strtod(text.data(), nullptr) == number || digits == 17) return text.data();
    }
    return "0";
}

std::string scalar_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* number = node.as_floating_point()) return number_text(number->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
    if (const auto* date = node.as_date()) return streamed(date->get());
    if (const auto* time = node.as_time()) return streamed(time->get());
    if (const auto* moment = node.as_date_time()) return streamed(moment->get());
    return "";
}

// A list as JSON: there is no better text for it that every reader knows.
void write_list(const toml::node& node, std::string& out) {
    if (const auto* list = node.as_array()) {
        out += '[';
        for (size_t i = 0; i < list->size(); ++i) {
            if (i > 0) out += ',';
            write_list(*list->get(i), out);
        }
        out += ']';
    } else if (const auto* table = node.as_table()) {
        out += '{';
        bool first = true;
        for (const auto& [name, value] : *table) {
            if (!first) out += ',';
            first = false;
            append_json_text(out, name.str());
            out += ':';
            write_list(value, out);
        }
        out += '}';
    } else if (node.is_integer() || node.is_boolean() || node.is_floating_point()) {
        out += scalar_text(node);
    } else {
        append_json_text(out, scalar_text(node));
    }
}

// Tables that stand for one value: {base64 = "..."}, {content_type = "json", text = "..."} or "base64" instead of "text".
struct OneValue {
    const std::string* content_type = nullptr;
    const std::string* text = nullptr;
    const std::string* base64 = nullptr;
};

std::optional<OneValue> one_value(const toml::node& node) {
    const auto* table = node.as_table();
    if (table == nullptr || table->size() > 2) return std::nullopt;
    const auto text_of = [&](std::string_view name) {
        const auto* text = table->get_as<std::string>(name);
        return text == nullptr ? nullptr : &text->get();
    };
    const OneValue one{text_of("content_type"), text_of("text"), text_of("base64")};
    if (table->size() == 1) return one.base64 != nullptr ? std::optional(one) : std::nullopt;
    return one.content_type != nullptr && (one.text != nullptr || one.base64 != nullptr) ? std::optional(one)
                                                                                         : std::nullopt;
}

Status read_one(Bytes key, const OneValue& one, const ItemSink& sink, const SkipSink& skip) {
    const Bytes type = one.content_type == nullptr ? Bytes() : *one.content_type;
    if (Status good = check_content_type(type); !good) return skip({printable(key), good.error().detail}), Status();
    auto value = one.text != nullptr ? std::optional(*one.text) : base64_decode(*one.base64);
    if (!value) return skip({printable(key), "not base64"}), Status();
    return sink({std::move(key), std::move(*value), type});
}

Status read_table(const toml::table& table, const Bytes& path, const ItemSink& sink, const SkipSink& skip) {
    for (const auto& [name, node] : table) {
        Bytes key = path + std::string(name.str());
        Status status;
        if (const auto one = one_value(node)) {
            status = read_one(std::move(key), *one, sink, skip);
        } else if (const auto* inner = node.as_table()) {
            status = read_table(*inner, key + '/', sink, skip);
        } else if (node.is_array()) {
            std::string list;
            write_list(node, list);
            status = sink({std::move(key), std::move(list)});
        } else {
            status = sink({std::move(key), scalar_text(node)});
        }
        if (!status) return status;
    }
    return {};
}

// Lines stay lines where TOML can hold them.
void append_text(std::string& out, const Bytes& value) {
    const bool odd = std::any_of(value.begin(), value.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    });
    if (odd || value.find('\n') == Bytes::npos) return append_json_text(out, value);
    out += "\"\"\"\n";
    for (const char c : value) {
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    out += "\"\"\"";
}

void append_value(std::string& out, const Item& item) {
    const bool text = is_utf8(item.value);
    if (text && item.content_type.empty()) return append_text(out, item.value);
    out += "{ ";
    if (!item.content_type.empty()) {
        out += "content_type = ";
        append_json_text(out, item.content_type);
        out += ", ";
    }
    out += text ? "text = " : "base64 = ";
    append_text(out, text ? item.value : base64_encode(item.value));
    out += " }";
}

void write_nest(const Nest& nest, const std::string& heading, std::string& out) {
    if (!heading.empty() && (!nest.values.empty() || nest.nests.empty()))
        out += (out.empty() ? "[" : "\n[") + heading + "]\n";
    for (const auto& [name, item] : nest.values) {
        append_json_text(out, name);
        out += " = ";
        append_value(out, *item);
        out += '\n';
    }
    for (const auto& [name, inner] : nest.nests) {
        std::string quoted;
        append_json_text(quoted, name);
        write_nest(inner, heading.empty() ? quoted : heading + "." + quoted, out);
    }
}

}  // namespace

Status read_toml_items(std::string_view text, const ItemSink& sink, const SkipSink& skip) {
    if (Status flat = check_toml_depth(text, "line "); !flat) return flat;
    toml::table table;
    try {
        table = toml::parse(text);
    } catch (const toml::parse_error& problem) {
        return Error{Code::invalid_argument,
                     "line " + std::to_string(problem.source().begin.line) + ": " + std::string(problem.description())};
    }
    return read_table(table, "", sink, skip);
}

Result<std::string> write_toml_items(const std::vector<Item>& items) {
    auto root = nest(items);
    if (!root) return root.error();
    std::string out;
    write_nest(*root, "", out);
    return out;
}

}  // namespace belfry::cli
