// What of cryptography Belfry uses itself, from libsodium: password hashes, keyed marks, random octets, comparison in
// constant time. Any thread. (Encryption of connections is CURVE, libzmq's.)
#pragma once

#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/base/types.hpp"

namespace belfry::auth {

inline constexpr size_t password_bytes_min = 8;
inline constexpr size_t mark_bytes = 16;
inline constexpr size_t key_bytes = 32;  // of mark()

// Argon2id in its usual text form, with salt and costs in it ("$argon2id$v=19$m=65536,t=2,p=1$..."). Takes 64 MiB and some
// 50 to 100 ms. `invalid_argument`: too short or too long; `io`: no memory.
Result<std::string> hash_password(BytesView password);
// Takes as long as hash_password(). False for whatever is wrong. REQUIRES: `hash` was accepted by
// check_record() (sdk/protocol/auth_records.hpp): its costs are bounded.
bool password_matches(BytesView hash, BytesView password);

// BLAKE2b with a key: only who has the key can make the mark of a message. REQUIRES: key.size() == key_bytes.
Bytes mark(BytesView key, BytesView message);
// How long it takes tells nothing about what differs.
bool equal(BytesView one, BytesView other);

Bytes random_bytes(size_t size);
std::string hex(BytesView octets);
// Overwrites; for passwords that are not needed any more.
void wipe(std::string& secret);

}  // namespace belfry::auth
