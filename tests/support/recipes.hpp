// Lines for tests, and leases of what is made of them.
#pragma once

#include "sdk/recipes/line.hpp"
#include "tests/support/lease_of.hpp"

namespace belfry::test {

inline size_t in_line(Client& client, const Bytes& line) {
    const auto places = recipes::read_line(client, line, true);
    return places ? places->size() : 0;
}

}  // namespace belfry::test
