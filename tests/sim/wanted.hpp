// What a subscriber of a filter is to have, computed without the hub. Besides the kinds that the SDK knows: "even", a
// filter by content (tests/support/filters.hpp).
#pragma once

#include <optional>

#include "sdk/base/match.hpp"
#include "sdk/protocol/messages.hpp"
#include "tests/support/filters.hpp"

namespace belfry::sim {

class Wanted {
public:
    explicit Wanted(const protocol::FilterSpec& filter)
        : even_(filter.kind == "even"),
          author_(filter.kind == "author" ? std::optional(filter.spec) : std::nullopt),
          keys_(even_ ? "prefix" : filter.kind, filter.spec) {}
    // A filter of change sets: it has no state.
    bool of_changes() const { return author_.has_value(); }
    bool takes(BytesView author) const { return !author_ || *author_ == author; }
    bool operator()(BytesView key, BytesView value) const { return keys_(key) && (!even_ || test::is_even(value)); }

    // A delete of what was not there, which a filter by key alone reports all the same (only tests make such).
    bool by_key_alone(BytesView key) const { return !even_ && keys_(key); }

private:
    bool even_;
    std::optional<Bytes> author_;
    KeyMatcher keys_;
};

}  // namespace belfry::sim
