// One demand on a JSON document: a place in it and what must be there.
//
//     condition := POINTER ("=" | "!=" | "<" | "<=" | ">" | ">=") SCALAR  |  POINTER "exists"
//     POINTER   := RFC 6901 as a word ("/db/port"), or in a JSON string if it has spaces; "." is the whole document
//     SCALAR    := a JSON number, string, true, false or null
//
// Every condition wants its place to be there. "=" and "!=" compare values of any type, of different types they differ;
// numbers are compared as numbers (1 = 1.0), exactly. "<" and its like hold between two numbers or two strings (by octets).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::filter_json {

enum class Relation { equal, not_equal, less, at_most, more, at_least, exists };

class Condition {
public:
    // `pointer` as RFC 6901 has it; `operand` is a scalar, null for exists. invalid_argument: no pointer, or an order asked
    // of what has none.
    static Result<Condition> make(const std::string& pointer, Relation relation, nlohmann::json operand);

    bool holds(const nlohmann::json& document) const;
    // Equal conditions in one spelling.
    Bytes canonical() const;

private:
    const nlohmann::json* find(const nlohmann::json& document) const;

    std::string pointer_;
    std::vector<std::string> steps_;
    Relation relation_ = Relation::exists;
    nlohmann::json operand_;
};

// For a sentence: in quotes, printable, and cut when long.
std::string shown(BytesView octets);

// The relation that is written so, or none.
const Relation* relation_of(BytesView word);

}  // namespace belfry::filter_json
