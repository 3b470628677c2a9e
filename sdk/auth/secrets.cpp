#include "sdk/auth/secrets.hpp"

#include <sodium.h>

namespace belfry::auth {

namespace {

void be_ready() {
    static const bool ready = sodium_init() >= 0;
    (void)ready;
}

const unsigned char* octets(BytesView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace

Result<std::string> hash_password(BytesView password) {
    if (password.size() < password_bytes_min || password.size() > limits::password_bytes_max) {
        return Error{Code::invalid_argument, "a password has " + std::to_string(password_bytes_min) + " to " +
                                                 std::to_string(limits::password_bytes_max) + " octets"};
    }
    be_ready();
    char hash[crypto_pwhash_STRBYTES];
    const int failed = crypto_pwhash_str_alg(hash, password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                             crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
    if (failed != 0) return Error{Code::io, "no memory for hashing a password (64 MiB)"};
    return std::string(hash);
}

bool password_matches(BytesView hash, BytesView password) {
    be_ready();
    const std::string text(hash);  // the function wants a zero at the end
    return crypto_pwhash_str_verify(text.c_str(), password.data(), password.size()) == 0;
}

Bytes mark(BytesView key, BytesView message) {
    Bytes made(mark_bytes, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(made.data()), made.size(), octets(message), message.size(),
                       octets(key), key.size());
    return made;
}

bool equal(BytesView one, BytesView other) {
    return one.size() == other.size() && sodium_memcmp(one.data(), other.data(), one.size()) == 0;
}

Bytes random_bytes(size_t size) {
    be_ready();
    Bytes made(size, '\0');
    randombytes_buf(made.data(), made.size());
    return made;
}

std::string hex(BytesView bytes) {
    std::string text(2 * bytes.size() + 1, '\0');
    sodium_bin2hex(text.data(), text.size(), octets(bytes), bytes.size());
    text.pop_back();
    return text;
}

void wipe(std::string& secret) {
    sodium_memzero(secret.data(), secret.size());
    secret.clear();
}

}  // namespace belfry::auth
