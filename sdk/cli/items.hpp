// What import reads and export writes: keys with their values, in some form outside a hub.
//
//   json, toml   nested objects or tables; their names joined by '/' are the key. A text is the value; numbers, booleans
//                and dates become their text, lists and what is inside them their JSON text. Octets that are not UTF-8:
//                {"base64": "..."}; with a content type {"content_type": "json", "text": "..."} (or "base64").
//                Written names contain '/' where nesting cannot express the key (a key that is also
//                another's folder; a last part "base64" or
//                "content_type"; more than depth_max parts): reading joins them the same way, so
//                what was exported is imported exactly.
//   tree         a folder; file = key, path below the folder = key, octets of the file = value. Exact (tree_names.hpp);
//                content types as .belfry-types says (tree_types.hpp), or else guessed by the names' endings.
//   lines        "name = value" as sysctl -a prints; reading only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::cli {

inline constexpr size_t nesting_depth_max = 32;                  // below json_depth_max and what TOML readers allow
inline constexpr size_t document_bytes_max = 256 * 1024 * 1024;  // a JSON, TOML or lines file; it is held in memory

struct Item {
    Bytes key;
    Bytes value;
    Bytes content_type = {};
    bool misnamed = false;  // its file's name says a content type that the value is not
    friend bool operator==(const Item&, const Item&) = default;
};

// Something that was there and is not imported.
struct Skip {
    std::string place;   // a file, a line, a name
    std::string reason;  // one of few, so that they can be counted
    bool lost = true;    // false: left out on purpose (a device, a file not for everybody)
};

using ItemSink = std::function<Status(Item)>;  // an error ends the reading
using SkipSink = std::function<void(Skip)>;

enum class Format { json, toml, tree, lines };
Result<Format> parse_format(std::string_view word);
// From the name alone: ".json", ".toml"; everything else is a tree.
Format format_of_path(std::string_view path);

Status read_json_items(std::string_view text, const ItemSink& sink, const SkipSink& skip);
Status read_toml_items(std::string_view text, const ItemSink& sink, const SkipSink& skip);
// `dots`: '.' in a name becomes '/' and '/' becomes '.', which is sysctl's own rule. Blank lines and those that begin with
// '#' or ';' mean nothing.
Status read_line_items(std::string_view text, bool dots, const ItemSink& sink, const SkipSink& skip);

struct TreeOptions {
    bool world_readable = false;  // only what every user of the machine may read
    size_t file_bytes_max = 0;
};
// Every regular file below `root`, in the order of names. Links below it are not followed.
Status read_tree_items(const std::string& root, const TreeOptions& options, const ItemSink& sink, const SkipSink& skip);

// REQUIRES: distinct keys. Fail if a key is not UTF-8 (`invalid_argument`, with the key).
Result<std::string> write_json_items(const std::vector<Item>& items);
Result<std::string> write_toml_items(const std::vector<Item>& items);
// Of the two by `format`; `too_large`: more than an import reads. REQUIRES: json or toml.
Result<std::string> write_document_items(Format format, const std::vector<Item>& items);
Error document_too_large();  // of an export, with what to do

}  // namespace belfry::cli
