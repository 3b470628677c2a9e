// One demand on a JSON document: a place in it and what must be there.
//
//     condition := POINTER ("=" | "!=" | "<" | "<=" | ">" | ">=") SCALAR  |  POINTER "exists"
//     POINTER   := RFC 6901 as a word ("/db/port"), or in a JSON string if it has spaces; "." is the whole document
//     SCALAR    := a JSON number, string, true, false or null
//
// Every condition wants its place to be there. "=" and "!=" compare values of any type, of different types they differ;
// numbers are compared as numbers (1 = 1.0), exactly. "<" and its like hold between two numbers or two strings (by octets).
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::filter_json {

// Holds every 64-bit integer and every double, so that two numbers of any kind compare as what they are.
using Number = long double;
static_assert(std::numeric_limits<Number>::digits >= 64);
Number number_of(const nlohmann::json& value);  // of a number

enum class Relation { equal, not_equal, less, at_most, more, at_least, exists };

class Condition {
public:
    // `pointer` as RFC 6901 has it; `operand` is a scalar, null for exists. invalid_argument: no pointer, or an order asked
    // of what has none.
    static Result<Condition> make(const std::string& pointer, Relation relation, nlohmann::json operand);

    bool holds(const nlohmann::json& document) const;
    // Equal conditions in one spelling.
    Bytes canonical() const;

    // NULL: the document has no such place.
    const nlohmann::json* find(const nlohmann::json& document) const;
    const std::string& pointer() const { return pointer_; }
    Relation relation() const { return relation_; }
    const nlohmann::json& operand() const { return operand_; }  // null for exists

private:
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
