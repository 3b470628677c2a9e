// "schema": values are JSON and fit a JSON Schema (draft 7, by valijson). The spec is the schema.
//
// Refused in a schema: references to other documents (nothing is ever fetched), and `pattern`, `patternProperties` and
// `format`, because the library matches them by std::regex, which takes exponential time for some values and overruns the
// stack for long ones (the validator "rules" has patterns that do not); also `uniqueItems`, which is quadratic.
#pragma once

#include <memory>

#include "sdk/plugin/validator.hpp"

namespace belfry::validate_schema {

class Schema {
public:
    static constexpr const char* kind = "schema";
    static Result<std::unique_ptr<Schema>> compile(BytesView spec);
    ~Schema();

    Status check(const plugin::ValueChange& change) const;
    bool may_block() const { return true; }  // references and choices may multiply, and a value may have 1 MiB

private:
    struct Impl;
    explicit Schema(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace belfry::validate_schema
