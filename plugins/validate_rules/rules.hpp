// "rules": what a value of one piece must be. The spec is a JSON object; every member is optional, at least one is there:
//
//     type       "integer" (64 bits), "number", "boolean" (true, false), "string" (UTF-8), "duration" ("250ms", "10s",
//     "5m", "2h") min, max   of an integer or number; of a duration, as one: "1s" one_of     [text, ...]: one of these,
//     exactly pattern    a regular expression (RE2) that the whole value matches bytes_max  of the value erase      false:
//     the key may be written anew but not erased
//
// A value is taken as it is: a line break at its end belongs to it.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sdk/plugin/validator.hpp"

namespace belfry::validate_rules {

class Rules {
public:
    static constexpr const char* kind = "rules";
    // `invalid_argument` with the member that is wrong.
    static Result<std::unique_ptr<Rules>> compile(BytesView spec);

    Status check(const plugin::ValueChange& change) const;
    bool may_block() const { return false; }  // all of it is linear in the value

private:
    enum class Type { any, integer, number, boolean, string, duration };
    friend struct Parser;

    Status check_type(BytesView value) const;
    Status check_bounds(double number, const char* unit) const;

    Type type_ = Type::any;
    std::optional<double> min_, max_;  // of a duration, in milliseconds
    std::vector<std::string> one_of_;
    std::unique_ptr<RE2> pattern_;
    std::optional<uint64_t> bytes_max_;
    bool erase_ = true;
};

}  // namespace belfry::validate_rules
