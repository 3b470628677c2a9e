// Leases and lines for tests of what is made of them.
#pragma once

#include <memory>
#include <stdexcept>

#include "sdk/client/lease.hpp"
#include "sdk/recipes/line.hpp"

namespace belfry::test {

inline std::shared_ptr<Lease> lease_of(const std::shared_ptr<Client>& client,
                                       std::chrono::seconds ttl = std::chrono::seconds(10)) {
    auto lease = Lease::grant(client, {.ttl = ttl});
    if (!lease) throw std::runtime_error(to_string(lease.error()));
    return std::move(*lease);
}

inline size_t in_line(Client& client, const Bytes& line) {
    const auto places = recipes::read_line(client, line, true);
    return places ? places->size() : 0;
}

}  // namespace belfry::test
