#include "sdk/cli/json_writer.hpp"

#include <array>
#include <cmath>
#include <cstdio>

#include "sdk/cli/text.hpp"

namespace belfry::cli {

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
                    std::array<char, 8> escape{};
                    std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
                    out += escape.data();
                } else {
                    out += c;
                }
        }
    }
    out += '"';
}

void JsonWriter::comma() {
    if (!first_ && !named_) out_ += ',';
    first_ = false;
    named_ = false;
}

JsonWriter& JsonWriter::raw(std::string_view token) {
    comma();
    out_ += token;
    return *this;
}

JsonWriter& JsonWriter::begin_object() {
    raw("{");
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::end_object() {
    out_ += '}';
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::begin_array() {
    raw("[");
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::end_array() {
    out_ += ']';
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::name(std::string_view name) {
    comma();
    append_json_text(out_, name);
    out_ += ':';
    named_ = true;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view bytes) {
    if (!is_utf8(bytes)) {
        begin_object().name("base64").value(std::string_view(base64_encode(bytes)));
        return end_object();
    }
    comma();
    append_json_text(out_, bytes);
    return *this;
}

JsonWriter& JsonWriter::value(double number) {
    if (!std::isfinite(number)) return raw("null");
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.6g", number);
    return raw(text.data());
}

}  // namespace belfry::cli
