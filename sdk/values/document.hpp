// belfry::Document: a value that is JSON, TOML or YAML, read into a tree.
//
//     auto document = belfry::Document::read(*client->get("app/shop/db"));        // by the value's content type
//     int size = document->get_int("/db/pool/size", 32);
//     auto hosts = document->get_strings("/db/hosts");
//
// A library of its own (Belfry::values), so that clients without documents need no parser. Any octets may come: errors are
// returned, with line and column where the text is wrong; nothing throws. Bounds: 1 MiB of text, 64 deep, 100,000 nodes
// after YAML's aliases are put in place. An immutable value: share it between threads as you like.
//
// Places are JSON pointers (RFC 6901): "" is the whole document, "/servers/0/host", with "~1" for '/' and "~0" for '~' in a
// name.
//
// What is refused, in each form: names given twice, what is not UTF-8, numbers past what a double holds. A
// whole number past 64 bits is a floating one.
// YAML: version 1.2, one document; "yes" and "on" are texts; merge keys ("<<"), names that are no scalars and tags of other
// than the core types are refused.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/values/node.hpp"

namespace belfry {

inline constexpr size_t document_bytes_max = 1024 * 1024;  // as values of a hub
inline constexpr size_t document_depth_max = 64;           // every walk over a tree is recursive
inline constexpr size_t document_nodes_max = 100'000;      // 10 octets of text for each; an alias costs what it stands for

class Document {
public:
    enum class Form : uint8_t { json, toml, yaml };
    // None for every other content type, "text" among them.
    static std::optional<Form> form_of(BytesView content_type);

    // `invalid_argument`: not what it should be, "line 3, column 7: ..."; `too_large`: past a bound.
    static Result<Document> parse(BytesView text, Form form);
    // By the content type stated here, or else the value's own; `unsupported` if that is no document's.
    static Result<Document> read(const KeyValue& kv, BytesView content_type = {});

    explicit Document(Node root) : root_(std::make_shared<const Node>(std::move(root))) {}
    const Node& root() const { return *root_; }
    // nullptr: nothing is there, or it is no pointer. Lives as long as any copy of the document.
    const Node* find(std::string_view pointer) const;
    bool has(std::string_view pointer) const { return find(pointer) != nullptr; }
    size_t size(std::string_view pointer) const;  // of a list or map; 0 for all else

    // Typed getters with defaults: they never fail; a place that is not there or of another type gives the default.
    std::string get_string(std::string_view pointer, std::string_view fallback) const;
    int64_t get_int(std::string_view pointer, int64_t fallback) const;  // 64 and 64.0, not "64"
    double get_double(std::string_view pointer, double fallback) const;
    bool get_bool(std::string_view pointer, bool fallback) const;
    // A text such as "250ms", "1.5s", "5m", "12h", "30d" (sdk/base/units.hpp).
    std::chrono::milliseconds get_duration(std::string_view pointer, std::chrono::milliseconds fallback) const;
    // A list of which every item is a text (a whole number).
    std::vector<std::string> get_strings(std::string_view pointer, std::vector<std::string> fallback = {}) const;
    std::vector<int64_t> get_ints(std::string_view pointer, std::vector<int64_t> fallback = {}) const;

    // The document in another form, with a line break at its end. `unsupported`, with the place: TOML has no null and no
    // whole document but a table; JSON has no infinite numbers.
    Result<std::string> write(Form form) const { return write(*root_, form); }
    static Result<std::string> write(const Node& node, Form form);

private:
    std::shared_ptr<const Node> root_;
};

}  // namespace belfry
