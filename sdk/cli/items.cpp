#include "sdk/cli/items.hpp"

#include <algorithm>

#include "sdk/cli/text.hpp"

namespace belfry::cli {

Result<Format> parse_format(std::string_view word) {
    if (word == "json") return Format::json;
    if (word == "toml") return Format::toml;
    if (word == "tree") return Format::tree;
    if (word == "lines") return Format::lines;
    return Error{Code::invalid_argument, "--format: '" + printable(word, 40) + "' is none of json, toml, tree, lines"};
}

Format format_of_path(std::string_view path) {
    if (path.ends_with(".json")) return Format::json;
    if (path.ends_with(".toml")) return Format::toml;
    return Format::tree;
}

Status read_line_items(std::string_view text, bool dots, const ItemSink& sink, const SkipSink& skip) {
    size_t number = 0;
    while (!text.empty()) {
        ++number;
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line[0] == '#' || line[0] == ';') continue;
        const size_t equals = line.find('=');
        if (equals == std::string_view::npos) {
            skip({"line " + std::to_string(number), "no '=' in the line"});
            continue;
        }
        Bytes key(trimmed(line.substr(0, equals)));
        if (dots) {
            for (char& c : key) c = c == '.' ? '/' : c == '/' ? '.' : c;
        }
        if (auto status = sink({std::move(key), Bytes(trimmed(line.substr(equals + 1)))}); !status) return status;
    }
    return {};
}

Result<std::string> write_document_items(Format format, const std::vector<Item>& items) {
    auto text = format == Format::json ? write_json_items(items) : write_toml_items(items);
    if (text && text->size() > document_bytes_max) return document_too_large();
    return text;
}

Error document_too_large() {
    return {Code::too_large, "more than " + human_bytes(document_bytes_max) +
                                 " as one document, which no import reads; export to a folder, or by --prefix in parts"};
}

}  // namespace belfry::cli
