#include <nlohmann/json.hpp>

#include "sdk/values/tree_builder.hpp"

namespace belfry::values {

namespace {

using nlohmann::json;

// The library's own tree would recurse without a bound and hold names twice.
class JsonHandler : public nlohmann::json_sax<json> {
public:
    TreeBuilder tree;
    size_t wrong_at = 0;  // octet of the text behind the last one read; 0: the tree says what is wrong

    bool null() override { return tree.add({}); }
    bool boolean(bool truth) override { return tree.add({truth}); }
    bool number_integer(number_integer_t number) override { return tree.add({int64_t{number}}); }
    bool number_unsigned(number_unsigned_t number) override {
        if (number > INT64_MAX) return tree.add({uint64_t{number}});
        return tree.add({static_cast<int64_t>(number)});
    }
    bool number_float(number_float_t number, const string_t&) override { return tree.add({double{number}}); }
    bool string(string_t& text) override { return tree.add({std::move(text)}); }
    bool binary(binary_t&) override { return false; }
    bool start_object(size_t) override { return tree.begin_map(); }
    bool start_array(size_t) override { return tree.begin_list(); }
    bool end_object() override { return tree.end(); }
    bool end_array() override { return tree.end(); }
    bool key(string_t& name) override { return tree.name(std::move(name)); }
    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& problem) override {
        wrong_at = std::max<size_t>(position, 1);
        too_large_number = problem.id == 406;
        return false;
    }
    bool too_large_number = false;
};

}  // namespace

Result<Node> parse_json(std::string_view text) {
    JsonHandler handler;
    if (json::sax_parse(text.begin(), text.end(), &handler)) return handler.tree.take();
    if (!handler.tree.ok()) return handler.tree.problem();
    const char* sentence = handler.too_large_number ? "a number that no double holds" : "this is not JSON any more";
    return Error{Code::invalid_argument, place_of(text, std::min(handler.wrong_at - 1, text.size())) + sentence};
}

}  // namespace belfry::values
