#include "sdk/cli/json_input.hpp"

#include <set>
#include <string>
#include <vector>

#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

using nlohmann::ordered_json;

// Builds the document, within the depth; looks for names given twice, and keeps the text of numbers that it could not give
// back as they were written.
class Builder : public nlohmann::json_sax<ordered_json> {
public:
    bool null() override { return put(nullptr), true; }
    bool boolean(bool truth) override { return put(truth), true; }
    bool number_integer(number_integer_t number) override { return put(number), true; }
    bool number_unsigned(number_unsigned_t number) override { return put(number), true; }
    bool number_float(number_float_t, const string_t& text) override {
        return put(ordered_json::binary({text.begin(), text.end()})), true;
    }
    bool string(string_t& text) override { return put(std::move(text)), true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(size_t) override { return enter(ordered_json::object()); }
    bool start_array(size_t) override { return enter(ordered_json::array()); }
    bool end_object() override { return leave(); }
    bool end_array() override { return leave(); }
    bool key(string_t& name) override {
        name_ = name;
        if (names_.back().insert(name).second) return true;
        problem_ = "the name '" + printable(name, 40) + "' stands twice in one object";
        return false;
    }
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
        problem_ = "not JSON: unexpected input near octet " + std::to_string(position);
        return false;
    }

    ordered_json take() { return std::move(document_); }
    const std::string& problem() const { return problem_; }

private:
    // Where it stands then, until the object or list around it gets another one.
    ordered_json& put(ordered_json value) {
        if (open_.empty()) return document_ = std::move(value);
        ordered_json& around = *open_.back();
        if (around.is_array()) return around.emplace_back(std::move(value));
        // Its operator[] would look through all names once more.
        auto& members = around.get_ref<ordered_json::object_t&>();
        return members.emplace_back(name_, std::move(value)).second;
    }
    bool enter(ordered_json empty) {
        open_.push_back(&put(std::move(empty)));
        names_.emplace_back();
        if (names_.size() <= json_depth_max) return true;
        problem_ = "nested deeper than " + std::to_string(json_depth_max);
        return false;
    }
    bool leave() {
        open_.pop_back();
        names_.pop_back();
        return true;
    }

    ordered_json document_;
    std::vector<ordered_json*> open_;           // from the document to what is being filled
    std::vector<std::set<std::string>> names_;  // of each
    std::string name_;                          // of the next value
    std::string problem_;
};

}  // namespace

Result<ordered_json> parse_json(std::string_view text) {
    // nlohmann's parser takes it as the end and would drop what follows.
    if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
        return Error{Code::invalid_argument, "not JSON: a NUL at octet " + std::to_string(nul + 1)};
    }
    Builder builder;
    if (!ordered_json::sax_parse(text.begin(), text.end(), &builder)) {
        return Error{Code::invalid_argument, builder.problem().empty() ? "not JSON" : builder.problem()};
    }
    return builder.take();
}

std::string text_of(const ordered_json& value) {
    if (value.is_binary()) {
        const auto& octets = value.get_binary();
        return {octets.begin(), octets.end()};
    }
    if (!value.is_structured()) return value.dump();
    std::string text;
    for (const auto& [name, inner] : value.items()) {
        if (!text.empty()) text += ',';
        if (value.is_object()) text += ordered_json(name).dump() + ':';
        text += text_of(inner);
    }
    return value.is_object() ? '{' + text + '}' : '[' + text + ']';
}

bool is_typed(const ordered_json& value) {
    const auto is_text = [&](const char* name) { return value.contains(name) && value[name].is_string(); };
    return value.is_object() && value.size() == 2 && is_text("content_type") && (is_text("text") || is_text("base64"));
}

std::optional<Bytes> bytes_of(const ordered_json& value) {
    if (value.is_string()) return value.get_ref<const std::string&>();
    if (is_typed(value) && value.contains("text")) return value["text"].get_ref<const std::string&>();
    if (is_typed(value)) return base64_decode(value["base64"].get_ref<const std::string&>());
    if (!value.is_object() || value.size() != 1 || !value.contains("base64") || !value["base64"].is_string())
        return std::nullopt;
    return base64_decode(value["base64"].get_ref<const std::string&>());
}

}  // namespace belfry::cli
