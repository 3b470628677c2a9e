// What a change set is marked with, beside its author and comment, for those who look for it or wait for it: "canary",
// "rollout=42". The hub keeps labels and goes by none of them; filters of the kind `label` do.
//
//     label := word | name=value     each of letters, digits and . _ - / : @ +; 64 octets at most in all
//
// A change set has at most 16: in order of their octets, each once. A name may have several values.
#pragma once

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry {

// `invalid_argument`, naming it, or `too_large`.
Status check_label(BytesView label);
// All of one change set, in their order.
Status check_labels(const Labels& labels);
// In order, each once.
Labels canonical_labels(Labels labels);
// On the wire, about.
size_t labels_bytes(const Labels& labels);

}  // namespace belfry
