// What the tests of both kinds of sockets subscribe to.
#pragma once

#include "sdk/base/types.hpp"

namespace belfry::transports::zmq {

inline const Bytes channel = "E12345678";
inline const Bytes token = "T123456789abcdef0";

}  // namespace belfry::transports::zmq
