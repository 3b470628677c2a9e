#include "plugins/validate_schema/schema_check.hpp"

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

namespace belfry::validate_schema {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> refused_words = {"pattern", "patternProperties", "format", "uniqueItems"};
constexpr std::array<std::string_view, 4> no_schema_words = {"enum", "const", "default", "examples"};
constexpr std::array<std::string_view, 4> name_words = {"properties", "definitions", "$defs", "dependencies"};
constexpr std::array<std::string_view, 3> list_words = {"allOf", "anyOf", "oneOf"};
constexpr std::array<std::string_view, 4> same_place_words = {"not", "if", "then", "else"};

template <size_t size>
bool is_one_of(const std::array<std::string_view, size>& words, std::string_view word) {
    for (const std::string_view one : words) {
        if (one == word) return true;
    }
    return false;
}

constexpr size_t place_bytes_max = 200;  // the end says most, and the reason must fit behind it

Error invalid(const std::string& place, const std::string& why) {
    const bool cut = place.size() > place_bytes_max;
    const std::string shown = cut ? "..." + place.substr(place.size() - place_bytes_max) : place.empty() ? "#" : place;
    return {Code::invalid_argument, "schema: " + shown + ": " + why};
}

class SchemaCheck {
public:
    explicit SchemaCheck(const json& root) : root_(root) {}

    // Every word of the schema at `place`; of what a reference leads to as well, wherever that stands.
    Status walk(const json& schema, const std::string& place, bool names) {
        if (!names && !walked_.insert(&schema).second) return {};
        const Level level(level_);
        if (level_ > way_max)
            return invalid(place, "more than " + std::to_string(way_max) + " levels deep through references");
        if (schema.is_array()) {
            for (size_t i = 0; i < schema.size(); ++i) {
                if (Status fine = walk(schema[i], place + "/" + std::to_string(i), false); !fine) return fine;
            }
        }
        if (!schema.is_object()) return {};
        for (const auto& [word, value] : schema.items()) {
            const std::string here = place + "/" + word;
            if (!names && is_one_of(no_schema_words, word)) continue;
            if (!names && is_one_of(refused_words, word)) {
                return invalid(
                    here, "'" + word + "' is not taken, its check can take very long; the validator 'rules' has patterns");
            }
            if (!names && word == "$ref") {
                if (Status fine = follow(value, here); !fine) return fine;
                continue;
            }
            if (Status fine = walk(value, here, !names && is_one_of(name_words, word)); !fine) return fine;
        }
        return names ? Status() : same_place(schema, place, 0);
    }

private:
    struct Level {
        explicit Level(size_t& level) : now(level) { ++now; }
        ~Level() { --now; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;
        size_t& now;
    };

    Status follow(const json& reference, const std::string& place) {
        const auto target = resolve(reference, place);
        if (!target) return target.error();
        return walk(**target, place, false);
    }

    Result<const json*> resolve(const json& reference, const std::string& place) const {
        const std::string text = reference.is_string() ? reference.get<std::string>() : std::string();
        if (text != "#" && !text.starts_with("#/")) {
            return invalid(place, "only references into the schema itself are taken: \"#\" or \"#/...\"");
        }
        if (text.find('%') != std::string::npos) return invalid(place, "a reference with '%' is not taken");
        try {
            return &root_.at(json::json_pointer(text.substr(1)));
        } catch (const json::exception&) {
            return invalid(place, "the reference leads nowhere");
        }
    }

    // What applies to the same place of a value must come to an end.
    Status same_place(const json& schema, const std::string& place, size_t length) {
        if (!schema.is_object()) return {};
        if (length > chain_max) {
            return invalid(place, "references or choices lead back here, or through more than " +
                                      std::to_string(chain_max) + " others, without going deeper into the value");
        }
        if (const auto known = clear_.find(&schema); known != clear_.end() && known->second >= length) return {};
        for (const auto& [word, value] : schema.items()) {
            Status fine;
            if (word == "$ref") {
                const auto target = resolve(value, place);
                fine = target ? same_place(**target, place, length + 1) : Status(target.error());
            } else if (is_one_of(same_place_words, word)) {
                fine = same_place(value, place, length + 1);
            } else if (is_one_of(list_words, word) || word == "dependencies") {
                for (const json& one : value) {
                    if (fine) fine = same_place(one, place, length + 1);
                }
            }
            if (!fine) return fine;
        }
        clear_[&schema] = length;
        return {};
    }

    const json& root_;
    std::set<const json*> walked_;
    std::map<const json*, size_t> clear_;  // found to end when entered at this length
    size_t level_ = 0;
};

}  // namespace

Status check_schema(const json& schema) { return SchemaCheck(schema).walk(schema, "", false); }

}  // namespace belfry::validate_schema
