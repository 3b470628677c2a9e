// What tests of queues and job boards have in common.
#pragma once

#include "sdk/recipes/queue.hpp"
#include "tests/support/lease_of.hpp"

namespace belfry::test {

// Or the error, so that a comparison shows it.
inline std::vector<Bytes> values(const Result<std::vector<QueueItem>>& items) {
    if (!items) return {to_string(items.error())};
    std::vector<Bytes> all;
    for (const QueueItem& item : *items) all.push_back(item.value);
    return all;
}
inline std::vector<Bytes> list(std::initializer_list<Bytes> some) { return some; }

inline std::vector<KeyValue> below(Client& client, const Bytes& prefix) {
    protocol::RangeRequest all;
    all.range = KeyRange::prefix(prefix);
    const auto found = client.range(all);
    return found ? found->kvs : std::vector<KeyValue>();
}

}  // namespace belfry::test
