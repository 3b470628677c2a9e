#include "plugins/validate_schema/schema.hpp"

// Else valijson ends the process at a schema that it does not understand.
#define VALIJSON_USE_EXCEPTIONS 1

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "plugins/validate_schema/schema_check.hpp"

namespace belfry::validate_schema {

namespace {

using nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

constexpr int value_depth_max = 64;  // walked by recursion
constexpr size_t spec_bytes_max = 256 * 1024;
constexpr size_t reasons_max = 3;

Error invalid(std::string detail) { return {Code::invalid_argument, std::move(detail)}; }

// `what` opens the sentence.
Result<json> parse_json(BytesView text, int depth_max, const std::string& what) {
    // nlohmann's parser takes it as the end and would not look at what follows.
    if (const size_t nul = text.find('\0'); nul != BytesView::npos) {
        return invalid(what + " is no JSON at octet " + std::to_string(nul + 1));
    }
    bool deep = false;
    const auto bound = [&](int depth, json::parse_event_t, json&) {
        deep = deep || depth > depth_max;
        return !deep;
    };
    try {
        json parsed = json::parse(text.begin(), text.end(), bound);
        if (deep) return invalid(what + " is nested deeper than " + std::to_string(depth_max));
        return parsed;
    } catch (const json::parse_error& error) {
        return invalid(what + " is no JSON at octet " + std::to_string(error.byte));
    } catch (const json::out_of_range&) {
        return invalid(what + " has a number too large for a double");
    }
}

std::string place_of(const std::vector<std::string>& context) {
    std::string place;
    for (const std::string& step : context) {
        if (step == "<root>") continue;
        const bool bracketed = step.size() >= 2 && step.front() == '[' && step.back() == ']';
        place += "/" + (bracketed ? step.substr(1, step.size() - 2) : step);
    }
    return place.empty() ? "the value" : place;
}

}  // namespace

struct Schema::Impl {
    valijson::Schema schema;
};

Schema::Schema(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Schema::~Schema() = default;

Result<std::unique_ptr<Schema>> Schema::compile(BytesView spec) {
    if (spec.size() > spec_bytes_max) return invalid("schema: it is longer than 256 KiB");
    const auto parsed = parse_json(spec, schema_depth_max, "schema: it");
    if (!parsed) return parsed.error();
    if (!parsed->is_object()) return invalid("schema: a JSON object is expected");
    if (Status fine = check_schema(*parsed); !fine) return fine.error();
    auto impl = std::make_unique<Impl>();
    try {
        valijson::SchemaParser parser;
        parser.populateSchema(Adapter(*parsed), impl->schema);
    } catch (const std::exception& error) {
        return invalid(std::string("schema: ") + error.what());
    }
    return std::unique_ptr<Schema>(new Schema(std::move(impl)));
}

Status Schema::check(const plugin::ValueChange& change) const {
    if (!change.value) return {};
    const auto value = parse_json(*change.value, value_depth_max, "the value");
    if (!value) return value.error();
    valijson::ValidationResults results;
    valijson::Validator validator;
    if (validator.validate(impl_->schema, Adapter(*value), &results)) return {};
    // The deepest places come first in the list and say most; what contains them only repeats it.
    std::string reasons;
    valijson::ValidationResults::Error one;
    for (size_t count = 0; count < reasons_max && results.popError(one); ++count) {
        reasons += (reasons.empty() ? "" : "; ") + place_of(one.context) + ": " + one.description;
    }
    return invalid(reasons.empty() ? "the value does not fit the schema" : reasons);
}

}  // namespace belfry::validate_schema
