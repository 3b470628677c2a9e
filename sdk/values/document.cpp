#include "sdk/values/document.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <exception>

#include "sdk/base/content_type.hpp"
#include "sdk/base/units.hpp"
#include "sdk/base/utf8.hpp"
#include "sdk/values/tree_builder.hpp"

namespace belfry {

namespace {

// The next name of a pointer that begins with '/'; none if it is no pointer.
std::optional<std::string> take_name(std::string_view& pointer) {
    const size_t end = std::min(pointer.find('/', 1), pointer.size());
    std::string name;
    for (size_t at = 1; at < end; ++at) {
        if (pointer[at] != '~') {
            name += pointer[at];
            continue;
        }
        ++at;
        if (at == end || (pointer[at] != '0' && pointer[at] != '1')) return std::nullopt;
        name += pointer[at] == '0' ? '~' : '/';
    }
    pointer.remove_prefix(end);
    return name;
}

const Node* item_of(const Node::List& list, std::string_view name) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool plain = name.size() == 1 || !name.starts_with('0');
    if (error != std::errc() || end != name.data() + name.size() || !plain || index >= list.size()) return nullptr;
    return &list[index];
}

std::optional<int64_t> whole_number_of(const Node& node) {
    if (const auto* number = std::get_if<int64_t>(&node.value)) return *number;
    const auto* number = std::get_if<double>(&node.value);
    if (number == nullptr || std::trunc(*number) != *number || !(std::fabs(*number) < 0x1p63)) return std::nullopt;
    return static_cast<int64_t>(*number);
}

// Every item of the list at the place, or none.
template <class Item, class Take>
std::optional<std::vector<Item>> items_of(const Node* place, Take take) {
    const Node::List* list = place == nullptr ? nullptr : place->list();
    if (list == nullptr) return std::nullopt;
    std::vector<Item> items;
    for (const Node& node : *list) {
        std::optional<Item> item = take(node);
        if (!item) return std::nullopt;
        items.push_back(*std::move(item));
    }
    return items;
}

}  // namespace

std::optional<Document::Form> Document::form_of(BytesView content_type) {
    const Bytes word = canonical_content_type(content_type);
    if (word == "json") return Form::json;
    if (word == "toml") return Form::toml;
    if (word == "yaml") return Form::yaml;
    return std::nullopt;
}

Result<Document> Document::parse(BytesView text, Form form) {
    if (text.size() > document_bytes_max) {
        return Error{Code::too_large, "a document of " + std::to_string(text.size()) + " octets; " +
                                          std::to_string(document_bytes_max) + " are the bound"};
    }
    for (size_t at = 0; at < text.size();) {
        const size_t length = utf8_length(text.substr(at));
        if (length == 0 || text[at] == '\0') {
            return Error{Code::invalid_argument, values::place_of(text, at) + "this is not UTF-8 text"};
        }
        at += length;
    }
    try {
        auto root = form == Form::json   ? values::parse_json(text)
                    : form == Form::toml ? values::parse_toml(text)
                                         : values::parse_yaml(text);
        if (!root) return root.error();
        return Document(*std::move(root));
    } catch (const std::exception& problem) {  // a library's own, of whatever kind
        return Error{Code::invalid_argument, problem.what()};
    }
}

Result<Document> Document::read(const KeyValue& kv, BytesView content_type) {
    const BytesView type = content_type.empty() ? BytesView(kv.content_type) : content_type;
    const auto form = form_of(type);
    if (form) return parse(kv.value, *form);
    if (type.empty()) return Error{Code::unsupported, "the value has no content type; say json, toml or yaml"};
    return Error{Code::unsupported, "a value of type '" + Bytes(type) + "' is no document; json, toml and yaml are"};
}

const Node* Document::find(std::string_view pointer) const {
    const Node* node = root_.get();
    while (!pointer.empty()) {
        if (pointer[0] != '/') return nullptr;
        const auto name = take_name(pointer);
        if (!name) return nullptr;
        node = node->list() != nullptr ? item_of(*node->list(), *name) : node->find(*name);
        if (node == nullptr) return nullptr;
    }
    return node;
}

size_t Document::size(std::string_view pointer) const {
    const Node* node = find(pointer);
    if (node == nullptr) return 0;
    if (node->list() != nullptr) return node->list()->size();
    return node->map() != nullptr ? node->map()->size() : 0;
}

std::string Document::get_string(std::string_view pointer, std::string_view fallback) const {
    const Node* node = find(pointer);
    const std::string* text = node == nullptr ? nullptr : node->text();
    return text == nullptr ? std::string(fallback) : *text;
}

int64_t Document::get_int(std::string_view pointer, int64_t fallback) const {
    const Node* node = find(pointer);
    return node == nullptr ? fallback : whole_number_of(*node).value_or(fallback);
}

double Document::get_double(std::string_view pointer, double fallback) const {
    const Node* node = find(pointer);
    if (node == nullptr) return fallback;
    if (const auto* number = std::get_if<double>(&node->value)) return *number;
    if (const auto* number = std::get_if<int64_t>(&node->value)) return static_cast<double>(*number);
    if (const auto* number = std::get_if<uint64_t>(&node->value)) return static_cast<double>(*number);
    return fallback;
}

bool Document::get_bool(std::string_view pointer, bool fallback) const {
    const Node* node = find(pointer);
    const bool* truth = node == nullptr ? nullptr : std::get_if<bool>(&node->value);
    return truth == nullptr ? fallback : *truth;
}

std::chrono::milliseconds Document::get_duration(std::string_view pointer, std::chrono::milliseconds fallback) const {
    const Node* node = find(pointer);
    const std::string* text = node == nullptr ? nullptr : node->text();
    const auto duration = text == nullptr ? std::nullopt : parse_duration(*text);
    return duration ? std::chrono::duration_cast<std::chrono::milliseconds>(*duration) : fallback;
}

std::vector<std::string> Document::get_strings(std::string_view pointer, std::vector<std::string> fallback) const {
    auto items = items_of<std::string>(find(pointer), [](const Node& node) {
        return node.text() == nullptr ? std::nullopt : std::optional(*node.text());
    });
    return items ? *std::move(items) : std::move(fallback);
}

std::vector<int64_t> Document::get_ints(std::string_view pointer, std::vector<int64_t> fallback) const {
    auto items = items_of<int64_t>(find(pointer), whole_number_of);
    return items ? *std::move(items) : std::move(fallback);
}

}  // namespace belfry
