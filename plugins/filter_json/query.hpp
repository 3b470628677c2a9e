// What a JSON filter asks for: keys, and conditions on their values that must all hold.
//
//     query := KEYS condition ("and" condition)*          words are parted by spaces
//     KEYS  := a glob over keys (sdk/base/match.hpp); a space in it is written "\ "
//
//     app/** /db/port >= 1024
//     users/* /role = "admin" and /disabled != true
//     limits/** . > 100
#pragma once

#include <vector>

#include "plugins/filter_json/condition.hpp"
#include "sdk/base/match.hpp"

namespace belfry::filter_json {

class Query {
public:
    static constexpr size_t conditions_max = 16;  // past it a query is a mistake or an attack

    // invalid_argument: what is wrong where. too_large: longer than limits::filter_spec_bytes_max, as given or spelled out.
    static Result<Query> parse(BytesView spec);

    // A value that is no JSON document (document.hpp) matches no query. Any thread, overlapping.
    bool matches(BytesView key, BytesView value) const;
    const Glob& keys() const { return keys_; }
    const std::vector<Condition>& conditions() const { return conditions_; }  // each once
    // Conditions sorted, each once.
    const Bytes& canonical() const { return canonical_; }

private:
    Query(Glob keys, std::vector<Condition> conditions);

    Glob keys_;
    std::vector<Condition> conditions_;
    Bytes canonical_;
};

}  // namespace belfry::filter_json
