#include "sdk/base/content_type.hpp"
#include "sdk/cli/items.hpp"
#include "sdk/cli/json_input.hpp"
#include "sdk/cli/json_writer.hpp"
#include "sdk/cli/nesting.hpp"
#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

using nlohmann::ordered_json;

bool is_octets(const ordered_json& value) {
    return value.is_object() && value.size() == 1 && value.contains("base64") && value["base64"].is_string();
}

Status read_object(const ordered_json& object, const Bytes& path, const ItemSink& sink, const SkipSink& skip) {
    for (const auto& [name, value] : object.items()) {
        Bytes key = path + name;
        Status status;
        if (value.is_object() && !is_octets(value) && !is_typed(value)) {
            status = read_object(value, key + '/', sink, skip);
        } else if (value.is_null()) {
            skip({printable(key), "null is no value"});
        } else if (value.is_object() || value.is_string()) {
            if (auto bytes = bytes_of(value)) {
                Bytes type = is_typed(value) ? value["content_type"].get<std::string>() : Bytes();
                if (Status good = check_content_type(type); !good) {
                    skip({printable(key), good.error().detail});
                    continue;
                }
                status = sink({std::move(key), std::move(*bytes), std::move(type)});
            } else {
                skip({printable(key), "not base64"});
            }
        } else {
            status = sink({std::move(key), text_of(value)});
        }
        if (!status) return status;
    }
    return {};
}

void write_nest(const Nest& nest, std::string& out, size_t depth) {
    const std::string indent(2 * (depth + 1), ' ');
    bool first = true;
    const auto begin = [&](const Bytes& name) {
        out += first ? "\n" : ",\n";
        first = false;
        out += indent;
        append_json_text(out, name);
        out += ": ";
    };
    out += '{';
    for (const auto& [name, item] : nest.values) {
        begin(name);
        JsonWriter json;
        if (item->content_type.empty()) {
            json.value(item->value);
        } else {
            json.begin_object().field("content_type", item->content_type);
            const bool text = is_utf8(item->value);
            json.field(text ? "text" : "base64", text ? item->value : base64_encode(item->value)).end_object();
        }
        out += json.take();
    }
    for (const auto& [name, inner] : nest.nests) {
        begin(name);
        write_nest(inner, out, depth + 1);
    }
    if (!first) out += "\n" + std::string(2 * depth, ' ');
    out += '}';
}

}  // namespace

Status read_json_items(std::string_view text, const ItemSink& sink, const SkipSink& skip) {
    auto document = parse_json(text);
    if (!document) return document.error();
    if (!document->is_object()) return Error{Code::invalid_argument, "the document must be an object of keys"};
    return read_object(*document, "", sink, skip);
}

Result<std::string> write_json_items(const std::vector<Item>& items) {
    auto root = nest(items);
    if (!root) return root.error();
    std::string out;
    write_nest(*root, out, 0);
    return out + "\n";
}

}  // namespace belfry::cli
