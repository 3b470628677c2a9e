// Labels as log entries and change records have them: varint n, bytes*n; written only where there are some.
#pragma once

#include "hub/base/binary.hpp"
#include "sdk/base/limits.hpp"

namespace belfry::hub {

inline void write_labels(Writer& out, const Labels& labels) {
    out.varint(labels.size());
    for (const Bytes& label : labels) out.bytes(label);
}

// None, or more than there may be, is not understood.
inline Labels read_labels(Reader& in) {
    const uint64_t count = in.varint();
    if (count == 0 || count > belfry::limits::labels_max) in.fail();
    Labels labels;
    for (uint64_t i = 0; i < count && in.ok(); ++i) labels.emplace_back(in.bytes());
    return labels;
}

}  // namespace belfry::hub
