// Typed values -> msgpack octets appended to a string. Private to sdk/protocol.
#pragma once

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
    void number(uint64_t number) {
        if (number < 0x80) {
            out_.push_back(static_cast<char>(number));
        } else {
            packer_.pack_uint64(number);
        }
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
    void key_value_fields(const KeyValue& kv) {
        bytes(kv.key);
        bytes(kv.value);
        number(kv.create_revision);
        number(kv.mod_revision);
        number(kv.version);
        number(kv.lease.value);
    }
    void key_values(const std::vector<KeyValue>& kvs) {
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
