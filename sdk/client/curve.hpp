// Keys for encrypted connections (ZeroMQ's CURVE). Any thread.
#pragma once

#include <string>

#include "sdk/base/error.hpp"

namespace belfry {

// Z85, 40 characters each.
struct CurveKeyPair {
    std::string public_key;
    std::string secret_key;
};
// `unsupported`: the installed libzmq cannot encrypt.
Result<CurveKeyPair> make_curve_keys();

}  // namespace belfry
