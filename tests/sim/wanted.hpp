// What a subscriber of a filter is to have, computed without the hub. Besides the kinds that the SDK knows: "even", a
// filter by content (tests/support/filters.hpp).
#pragma once

#include <algorithm>

#include "sdk/base/match.hpp"
#include "sdk/protocol/messages.hpp"
#include "tests/support/filters.hpp"

namespace belfry::sim {

class Wanted {
public:
    explicit Wanted(const protocol::FilterSpec& filter)
        : even_(filter.kind == "even"),
          by_author_(filter.kind == "author"),
          by_label_(filter.kind == "label"),
          mark_(filter.spec.substr(0, filter.spec.find(' '))),
          keys_(keys_of(filter)) {}
    // A filter of change sets: it has no state.
    bool of_changes() const { return by_author_ || by_label_; }
    bool takes(const ChangeSet& change) const {
        if (by_author_) return change.author == mark_;
        return !by_label_ || std::any_of(change.labels.begin(), change.labels.end(), [this](const Bytes& label) {
            return label == mark_ || label.starts_with(mark_ + "=");
        });
    }
    bool operator()(BytesView key, BytesView value) const { return keys_(key) && (!even_ || test::is_even(value)); }

    // A delete of what was not there, which a filter by key alone reports all the same (only tests make such).
    bool by_key_alone(BytesView key) const { return !even_ && keys_(key); }

private:
    static KeyMatcher keys_of(const protocol::FilterSpec& filter) {
        if (filter.kind == "even") return {"prefix", filter.spec};
        if (filter.kind != "author" && filter.kind != "label") return {filter.kind, filter.spec};
        const size_t space = filter.spec.find(' ');  // MARK or MARK KEYS
        return {"glob", space == Bytes::npos ? "**" : filter.spec.substr(space + 1)};
    }
    bool even_;
    bool by_author_, by_label_;
    Bytes mark_;  // the author, the label
    KeyMatcher keys_;
};

}  // namespace belfry::sim
