#include "sdk/client/curve.hpp"

#include <zmq.h>

#include <array>

namespace belfry {

Result<CurveKeys> make_curve_keys() {
    std::array<char, curve_key_characters + 1> public_key{}, secret_key{};
    if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
        return Error{Code::unsupported, "the installed libzmq cannot encrypt (it was built without CURVE)"};
    }
    return CurveKeys{public_key.data(), secret_key.data()};
}

}  // namespace belfry
