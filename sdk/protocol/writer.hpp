// Typed values -> msgpack octets appended to a string. Private to sdk/protocol.
#pragma once

#include <algorithm>
#include <array>
#include <msgpack.hpp>
#include <optional>
#include <vector>

#include "sdk/base/types.hpp"

namespace belfry::protocol {

class Writer {
public:
    explicit Writer(Bytes& out) : out_(out), packer_(*this) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void array(size_t size) { packer_.pack_array(static_cast<uint32_t>(size)); }
    // As the packer does it, the shortest form; in one append.
    void number(uint64_t number) {
        std::array<char, number_bytes_max> form;
        out_.append(form.data(), static_cast<size_t>(put_number(form.data(), number) - form.data()));
    }
    void number(Revision revision) { number(revision.value); }
    void flag(bool value) { out_.push_back(static_cast<char>(value ? 0xc3 : 0xc2)); }
    void nil() { out_.push_back(static_cast<char>(0xc0)); }
    void bytes(BytesView octets) {
        packer_.pack_bin(static_cast<uint32_t>(octets.size()));
        out_.append(octets);
    }
    void text(BytesView octets) {
        packer_.pack_str(static_cast<uint32_t>(octets.size()));
        out_.append(octets);
    }
    // [key, value, create, mod, version, lease]
    void key_value(const KeyValueView& kv) {
        array(6);
        key_value_fields(kv);
    }
    // What key_values() will append at most, for one reservation instead of many.
    static size_t key_values_bytes_max(const std::vector<KeyValue>& kvs) {
        size_t bytes = 5;
        for (const KeyValue& kv : kvs) bytes += kv.key.size() + kv.value.size() + 1 + envelope_bytes_max;
        return bytes;
    }
    // Lists are long and made of these: room for the longest form once, then plain stores.
    void key_value_fields(const KeyValueView& kv) {
        const size_t begin = out_.size();
        out_.resize(begin + kv.key.size() + kv.value.size() + envelope_bytes_max);
        char* at = put_bytes(out_.data() + begin, kv.key);
        at = put_bytes(at, kv.value);
        at = put_number(at, kv.create_revision.value);
        at = put_number(at, kv.mod_revision.value);
        at = put_number(at, kv.version);
        at = put_number(at, kv.lease.value);
        out_.resize(static_cast<size_t>(at - out_.data()));
    }
    void key_values(const std::vector<KeyValue>& kvs) {
        if (kvs.size() > 1) out_.reserve(std::max(out_.size() + key_values_bytes_max(kvs), out_.capacity()));
        array(kvs.size());
        for (const KeyValue& kv : kvs) key_value(kv);
    }
    void key_value(const std::optional<KeyValue>& kv) {
        if (kv) return key_value(KeyValueView(*kv));
        nil();
    }

    void write(const char* data, size_t size) { out_.append(data, size); }  // for the packer

private:
    static constexpr size_t number_bytes_max = 1 + 8;
    static constexpr size_t envelope_bytes_max = 2 * (1 + 4) + 4 * number_bytes_max;

    // These store the shortest form and return its end.
    static char* put_big_endian(char* at, uint64_t number, unsigned octets) {
        for (unsigned shift = 8 * octets; shift > 0;) *at++ = static_cast<char>(number >> (shift -= 8));
        return at;
    }
    static char* put_sized(char* at, unsigned char kind, uint64_t number, unsigned octets) {
        *at = static_cast<char>(kind);
        return put_big_endian(at + 1, number, octets);
    }
    static char* put_number(char* at, uint64_t number) {
        if (number < 0x80) return *at = static_cast<char>(number), at + 1;
        if (number <= 0xff) return put_sized(at, 0xcc, number, 1);
        if (number <= 0xffff) return put_sized(at, 0xcd, number, 2);
        if (number <= 0xffffffff) return put_sized(at, 0xce, number, 4);
        return put_sized(at, 0xcf, number, 8);
    }
    static char* put_bytes(char* at, BytesView octets) {
        if (octets.size() <= 0xff) {
            at = put_sized(at, 0xc4, octets.size(), 1);
        } else {
            at = octets.size() <= 0xffff ? put_sized(at, 0xc5, octets.size(), 2) : put_sized(at, 0xc6, octets.size(), 4);
        }
        return std::copy(octets.begin(), octets.end(), at);
    }

    Bytes& out_;
    msgpack::packer<Writer> packer_;
};

}  // namespace belfry::protocol
