#include "hub/plugin/file_digest.hpp"

#include <sodium.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace belfry::hub::plugin {

Result<std::string> file_digest(const std::string& path) {
    constexpr size_t part_bytes = 64 * 1024;
    std::ifstream file(path, std::ios::binary);
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    std::array<char, part_bytes> part;
    while (file) {
        file.read(part.data(), part.size());
        crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                                  static_cast<unsigned long long>(file.gcount()));
    }
    if (!file.eof()) return Error{Code::io, path + ": cannot be read: " + std::strerror(errno)};
    std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
    crypto_hash_sha256_final(&state, digest.data());
    std::array<char, 2 * crypto_hash_sha256_BYTES + 1> text;
    return std::string(sodium_bin2hex(text.data(), text.size(), digest.data(), digest.size()));
}

}  // namespace belfry::hub::plugin
