// A pair of CURVE keys, as text (Z85). The secret one belongs in no log, no error and no list of processes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/error.hpp"

namespace belfry {

inline constexpr size_t curve_key_characters = 40;  // 32 octets in Z85

struct CurveKeys {
    std::string public_key;
    std::string secret_key;
    bool empty() const { return public_key.empty(); }
};

// Forty characters of Z85; whether libzmq finds a key in them is its affair.
bool is_curve_key(std::string_view text);

// What `belfry keygen` wrote; `setting` is the name by which the operator knows the path. `denied`: others may read the
// file; the sentence says what to type.
Result<CurveKeys> load_key_file(const std::string& path, const std::string& setting);

// "KEY,KEY": public ones, comma between. `setting` names the place in the sentence about one that is none.
Result<std::vector<std::string>> parse_curve_keys(std::string_view text, const std::string& setting);

}  // namespace belfry
