// What to make of an error that a request ended with, for whoever can ask again.
#pragma once

#include "sdk/base/error.hpp"

namespace belfry {

// A later try may have another answer: the hub has no leader now, is busy, or did not answer. Whether the first one was
// done is another question: `uncertain` and `timeout` leave it open.
inline bool may_pass(Code code) {
    return code == Code::unavailable || code == Code::uncertain || code == Code::timeout || code == Code::busy;
}

}  // namespace belfry
