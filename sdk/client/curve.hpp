// Keys for encrypted connections (ZeroMQ's CURVE). Any thread.
#pragma once

#include "sdk/base/curve_keys.hpp"
#include "sdk/base/error.hpp"

namespace belfry {

// `unsupported`: the installed libzmq cannot encrypt.
Result<CurveKeys> make_curve_keys();

}  // namespace belfry
