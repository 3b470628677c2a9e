#include "sdk/client/curve.hpp"

#include <zmq.h>

#include <array>

namespace belfry {

Result<CurveKeyPair> make_curve_keys() {
    std::array<char, 41> public_key{}, secret_key{};
    if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
        return Error{Code::unsupported, "the installed libzmq cannot encrypt (it was built without CURVE)"};
    }
    return CurveKeyPair{public_key.data(), secret_key.data()};
}

}  // namespace belfry
