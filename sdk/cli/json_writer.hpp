// Writes one JSON document, front to back, on one line. Commas are its business; balance is the caller's.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "sdk/base/types.hpp"

namespace belfry::cli {

class JsonWriter {
public:
    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& name(std::string_view name);  // of the next value

    // Text; octets that are not UTF-8 become {"base64": "..."}.
    JsonWriter& value(std::string_view bytes);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(std::same_as<bool> auto truth) { return raw(truth ? "true" : "false"); }
    JsonWriter& value(std::unsigned_integral auto number) requires(!std::same_as<decltype(number), bool>) {
        return raw(std::to_string(number));
    }
    JsonWriter& value(double number);
    JsonWriter& value(Revision revision) { return value(revision.value); }

    template <class T>
    JsonWriter& field(std::string_view field_name, const T& field_value) {
        return name(field_name).value(field_value);
    }

    std::string take() { return take_part(); }
    // What was written since the last call; the document goes on.
    std::string take_part() { return std::exchange(out_, {}); }

private:
    JsonWriter& raw(std::string_view token);
    void comma();

    std::string out_;
    bool first_ = true;  // nothing written yet since the last opening bracket
    bool named_ = false;
};

// The text between quotes, quotes included. REQUIRES: `text` is UTF-8.
void append_json_text(std::string& out, std::string_view text);

}  // namespace belfry::cli
