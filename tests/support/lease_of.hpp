// A lease for a test, which needs no more than that there is one.
#pragma once

#include <stdexcept>

#include "sdk/client/lease.hpp"

namespace belfry::test {

inline std::shared_ptr<Lease> lease_of(const std::shared_ptr<Client>& client,
                                       std::chrono::seconds ttl = std::chrono::seconds(10)) {
    auto lease = Lease::grant(client, {.ttl = ttl});
    if (!lease) throw std::runtime_error(to_string(lease.error()));
    return std::move(*lease);
}

}  // namespace belfry::test
