#include "sdk/protocol/sequence.hpp"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "sdk/base/limits.hpp"

namespace belfry::protocol {

Bytes sequential_key(BytesView prefix, Revision revision, uint64_t number) {
    std::array<char, limits::sequence_bytes + 1> digits{};
    std::snprintf(digits.data(), digits.size(), "%020" PRIu64 "-%04u", revision.value,
                  static_cast<unsigned>(number % 10'000));
    return Bytes(prefix) + digits.data();
}

}  // namespace belfry::protocol
