#include "sdk/base/content_type.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sdk/base/limits.hpp"

namespace belfry {

namespace {

constexpr std::pair<BytesView, BytesView> spellings[] = {
    {"application/json", "json"},   {"text/json", "json"},        {"application/toml", "toml"},
    {"text/toml", "toml"},          {"application/yaml", "yaml"}, {"text/yaml", "yaml"},
    {"application/x-yaml", "yaml"}, {"text/x-yaml", "yaml"},      {"yml", "yaml"},
    {"text/plain", "text"},
};
constexpr std::pair<BytesView, BytesView> endings[] = {
    {".json", "json"}, {".toml", "toml"}, {".yaml", "yaml"}, {".yml", "yaml"}};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Bytes lowered(BytesView text) {
    Bytes all(text);
    std::transform(all.begin(), all.end(), all.begin(), lower);
    return all;
}

}  // namespace

Status check_content_type(BytesView content_type) {
    if (content_type.size() > limits::content_type_bytes_max) {
        return Error{Code::too_large, "content type has " + std::to_string(content_type.size()) + " octets; at most " +
                                          std::to_string(limits::content_type_bytes_max) + " allowed"};
    }
    const bool visible = std::all_of(content_type.begin(), content_type.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (visible && !content_type.starts_with(' ') && !content_type.ends_with(' ')) return {};
    return Error{Code::invalid_argument, "content type: write a word such as json, or a media type such as image/png"};
}

Bytes canonical_content_type(BytesView content_type) {
    BytesView essence = content_type.substr(0, content_type.find(';'));
    while (essence.ends_with(' ')) essence.remove_suffix(1);
    const Bytes word = lowered(essence);
    for (const auto& [spelling, canonical] : spellings) {
        if (word == spelling || word == canonical) return Bytes(canonical);
    }
    return Bytes(content_type);
}

BytesView content_type_of_path(BytesView path) {
    const Bytes name = lowered(path.substr(path.size() - std::min<size_t>(path.size(), 8)));
    for (const auto& [ending, content_type] : endings) {
        if (name.ends_with(ending)) return content_type;
    }
    return {};
}

}  // namespace belfry
