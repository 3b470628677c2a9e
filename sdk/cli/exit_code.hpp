// What `belfry` answers to the shell. Scripts depend on these numbers (docs/cli.md): never reuse one.
#pragma once

#include "sdk/base/error.hpp"

namespace belfry::cli {

enum class Exit : int {
    ok = 0,
    negative = 1,     // it worked, and the answer is no: not found, compare failed, different
    usage = 2,        // the command line is wrong
    unavailable = 3,  // nobody answered or a bound was met; certainly not done, trying again is safe
    uncertain = 4,    // sent, but no answer came: perhaps done; look before trying again
    refused = 5,      // the hub or this command refused it: invalid, too large, denied, unsupported
    compacted = 6,    // the revision asked for is gone
    other = 7,        // everything else: i/o, corrupt data, no space
};

Exit exit_of(Code code);

}  // namespace belfry::cli
