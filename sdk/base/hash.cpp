#include "sdk/base/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>

namespace belfry {

static_assert(std::endian::native == std::endian::little, "the digest encoding is little-endian");

std::string hex64(uint64_t number) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
    return text.data();
}

uint64_t hash64(BytesView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

namespace {

uint64_t hash_of(const KeyValue& kv) {
    thread_local Bytes encoded;
    const uint64_t numbers[2] = {kv.mod_revision.value, kv.version};
    const uint64_t key_size = kv.key.size();
    encoded.resize(sizeof key_size + kv.key.size() + sizeof numbers + kv.value.size());
    char* out = encoded.data();
    out = static_cast<char*>(std::memcpy(out, &key_size, sizeof key_size)) + sizeof key_size;
    out = static_cast<char*>(std::memcpy(out, kv.key.data(), kv.key.size())) + kv.key.size();
    out = static_cast<char*>(std::memcpy(out, numbers, sizeof numbers)) + sizeof numbers;
    std::memcpy(out, kv.value.data(), kv.value.size());
    return hash64(encoded);
}

}  // namespace

void StateDigest::add(const KeyValue& kv) {
    sum_ += hash_of(kv);
    ++count_;
}

void StateDigest::remove(const KeyValue& kv) {
    sum_ -= hash_of(kv);
    --count_;
}

}  // namespace belfry
