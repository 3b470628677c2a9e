// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as used by iSCSI, ext4 and our files. Uses the processor's
// instruction where there is one.
#pragma once

#include <cstdint>

#include "sdk/base/types.hpp"

namespace belfry {

// Continues `crc` (0 to begin) with the octets.
uint32_t crc32c(uint32_t crc, BytesView bytes);

namespace detail {
// The portable form, for processors without the instruction; exposed so that a test can compare the two.
uint32_t crc32c_table(uint32_t crc, BytesView bytes);
}  // namespace detail

}  // namespace belfry
