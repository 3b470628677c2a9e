// A pair of CURVE keys, as text (Z85). The secret one belongs in no log, no error and no list of processes.
#pragma once

#include <cstddef>
#include <string>

namespace belfry {

inline constexpr size_t curve_key_characters = 40;  // 32 octets in Z85

struct CurveKeys {
    std::string public_key;
    std::string secret_key;
    bool empty() const { return public_key.empty(); }
};

}  // namespace belfry
