// Typed values -> msgpack octets appended to a string. Private to sdk/protocol.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
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
        if (number < 0x80) return out_.push_back(static_cast<char>(number));
        const unsigned octets = number <= 0xff ? 1 : number <= 0xffff ? 2 : number <= 0xffffffff ? 4 : 8;
        std::array<char, 9> form;
        form[0] = static_cast<char>(0xcc + std::countr_zero(octets));
        for (unsigned at = 0; at < octets; ++at) form[1 + at] = static_cast<char>(number >> (8 * (octets - 1 - at)));
        out_.append(form.data(), 1 + octets);
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
    void key_value(const KeyValue& kv) {
        array(6);
        key_value_fields(kv);
    }
    // What key_values() will append at most, for one reservation instead of many.
    static size_t key_values_bytes_max(const std::vector<KeyValue>& kvs) {
        constexpr size_t envelope_bytes_max = 1 + 2 * 5 + 4 * 9;
        size_t bytes = 5;
        for (const KeyValue& kv : kvs) bytes += kv.key.size() + kv.value.size() + envelope_bytes_max;
        return bytes;
    }
    void key_value_fields(const KeyValue& kv) {
        bytes(kv.key);
        bytes(kv.value);
        number(kv.create_revision);
        number(kv.mod_revision);
        number(kv.version);
        number(kv.lease.value);
    }
    void key_values(const std::vector<KeyValue>& kvs) {
        if (kvs.size() > 1) out_.reserve(std::max(out_.size() + key_values_bytes_max(kvs), out_.capacity()));
        array(kvs.size());
        for (const KeyValue& kv : kvs) key_value(kv);
    }
    void key_value(const std::optional<KeyValue>& kv) {
        if (kv) return key_value(*kv);
        nil();
    }

    void write(const char* data, size_t size) { out_.append(data, size); }  // for the packer

private:
    Bytes& out_;
    msgpack::packer<Writer> packer_;
};

}  // namespace belfry::protocol
