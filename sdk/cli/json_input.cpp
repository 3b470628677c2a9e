#include "sdk/cli/json_input.hpp"

#include <set>
#include <string>
#include <vector>

#include "sdk/cli/text.hpp"

namespace belfry::cli {
namespace {

using nlohmann::ordered_json;

// Looks at the document before a tree is built of it: depth and names given twice.
class Checker : public nlohmann::json_sax<ordered_json> {
public:
    bool null() override { return true; }
    bool boolean(bool) override { return true; }
    bool number_integer(number_integer_t) override { return true; }
    bool number_unsigned(number_unsigned_t) override { return true; }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t&) override { return true; }
    bool binary(binary_t&) override { return true; }
    bool start_object(size_t) override { return enter(); }
    bool start_array(size_t) override { return enter(); }
    bool end_object() override { return names_.pop_back(), true; }
    bool end_array() override { return names_.pop_back(), true; }
    bool key(string_t& name) override {
        if (names_.back().insert(name).second) return true;
        problem_ = "the name '" + printable(name, 40) + "' stands twice in one object";
        return false;
    }
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
        problem_ = "not JSON: unexpected input near octet " + std::to_string(position);
        return false;
    }

    const std::string& problem() const { return problem_; }

private:
    bool enter() {
        names_.emplace_back();
        if (names_.size() <= json_depth_max) return true;
        problem_ = "nested deeper than " + std::to_string(json_depth_max);
        return false;
    }

    std::vector<std::set<std::string>> names_;
    std::string problem_;
};

}  // namespace

Result<ordered_json> parse_json(std::string_view text) {
    // nlohmann's parser takes it as the end and would drop what follows.
    if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
        return Error{Code::invalid_argument, "not JSON: a NUL at octet " + std::to_string(nul + 1)};
    }
    Checker checker;
    if (!ordered_json::sax_parse(text.begin(), text.end(), &checker)) {
        return Error{Code::invalid_argument, checker.problem().empty() ? "not JSON" : checker.problem()};
    }
    auto document = ordered_json::parse(text.begin(), text.end(), nullptr, false);
    if (document.is_discarded()) return Error{Code::invalid_argument, "not JSON"};
    return document;
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
