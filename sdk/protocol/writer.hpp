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
    void number(uint64_t number) { numbers({number}); }
    // As the packer does it, each in the shortest form; in one append.
    template <size_t count>
    void numbers(const uint64_t (&numbers)[count]) {
        std::array<char, 9 * count> forms;
        size_t end = 0;
        for (const uint64_t number : numbers) {
            if (number < 0x80) {
                forms[end++] = static_cast<char>(number);
                continue;
            }
            const unsigned octets = number <= 0xff ? 1 : number <= 0xffff ? 2 : number <= 0xffffffff ? 4 : 8;
            forms[end++] = static_cast<char>(0xcc + std::countr_zero(octets));
            for (unsigned left = octets; left > 0; --left) forms[end++] = static_cast<char>(number >> (8 * (left - 1)));
        }
        out_.append(forms.data(), end);
    }
    void number(Revision revision) { number(revision.value); }
    void flag(bool value) { out_.push_back(static_cast<char>(value ? 0xc3 : 0xc2)); }
    void nil() { out_.push_back(static_cast<char>(0xc0)); }
    void bytes(BytesView octets) {
        const size_t size = octets.size();
        const unsigned width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
        std::array<char, 5> head;
        head[0] = static_cast<char>(0xc4 + std::countr_zero(width));
        for (unsigned at = 0; at < width; ++at) head[1 + at] = static_cast<char>(size >> (8 * (width - 1 - at)));
        out_.append(head.data(), 1 + width);
        out_.append(octets);
    }
    void text(BytesView octets) {
        packer_.pack_str(static_cast<uint32_t>(octets.size()));
        out_.append(octets);
    }
    // [key, value, create, mod, version, lease], and the content type if it has one
    static size_t key_value_size(const auto& kv) { return kv.content_type.empty() ? 6 : 7; }
    void key_value(const auto& kv) {
        array(key_value_size(kv));
        key_value_fields(kv);
    }
    // At most, for one reservation instead of many.
    static size_t key_value_bytes_max(const auto& kv) {
        constexpr size_t envelope_bytes_max = 1 + 2 * 5 + 4 * 9 + 2;
        return kv.key.size() + kv.value.size() + kv.content_type.size() + envelope_bytes_max;
    }
    static size_t key_values_bytes_max(const std::vector<KeyValue>& kvs) {
        size_t bytes = 5;
        for (const KeyValue& kv : kvs) bytes += key_value_bytes_max(kv);
        return bytes;
    }
    // Of a KeyValue, or of something with members of the same names.
    void key_value_fields(const auto& kv) {
        bytes(kv.key);
        bytes(kv.value);
        numbers({kv.create_revision.value, kv.mod_revision.value, kv.version, kv.lease.value});
        if (!kv.content_type.empty()) text(kv.content_type);
    }
    void key_values(const std::vector<KeyValue>& kvs) {
        if (kvs.size() > 1) out_.reserve(std::max(out_.size() + key_values_bytes_max(kvs), out_.capacity()));
        array(kvs.size());
        for (const KeyValue& kv : kvs) key_value(kv);
    }
    void optional_key_value(const std::optional<KeyValue>& kv) {
        if (kv) return key_value(*kv);
        nil();
    }

    void write(const char* data, size_t size) { out_.append(data, size); }  // for the packer

private:
    Bytes& out_;
    msgpack::packer<Writer> packer_;
};

}  // namespace belfry::protocol
