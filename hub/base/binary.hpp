// Octets of our own formats (log entries, records of the state store): little-endian fixed integers, varints and octets
// with their length in front. varint := 7 bits per octet, least significant first, high bit = more follow; at most 10
// octets, and the last one of a longer form is never zero, so that a number has one spelling.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "sdk/base/types.hpp"

namespace belfry::hub {

static_assert(std::endian::native == std::endian::little, "the fixed integers are little-endian");

// Appends to a string of the caller.
class Writer {
public:
    explicit Writer(Bytes& out) : out_(out) {}

    void u8(uint8_t number) { out_.push_back(static_cast<char>(number)); }
    void u32(uint32_t number) { fixed(&number, sizeof number); }
    void u64(uint64_t number) { fixed(&number, sizeof number); }
    void varint(uint64_t number) {
        char octets[10];
        size_t size = 0;
        for (; number >= 0x80; number >>= 7) octets[size++] = static_cast<char>(number | 0x80);
        octets[size++] = static_cast<char>(number);
        out_.append(octets, size);
    }
    void bytes(BytesView octets) {
        varint(octets.size());
        out_.append(octets);
    }
    void raw(BytesView octets) { out_.append(octets); }

private:
    void fixed(const void* number, size_t size) { out_.append(static_cast<const char*>(number), size); }
    Bytes& out_;
};

// Reads any octets. What does not fit gives zero or nothing and makes the reader fail for good: ok() is looked at once, in
// the end, but loops must look at it too. Views point into the input.
class Reader {
public:
    explicit Reader(BytesView in) : in_(in) {}

    bool ok() const { return ok_; }
    bool at_end() const { return offset_ == in_.size(); }
    size_t offset() const { return offset_; }  // of the first octet not understood, after a failure
    size_t remaining() const { return in_.size() - offset_; }
    void fail() { ok_ = false; }

    uint8_t u8() { return fixed<uint8_t>(); }
    uint32_t u32() { return fixed<uint32_t>(); }
    uint64_t u64() { return fixed<uint64_t>(); }
    uint64_t varint() {
        uint64_t number = 0;
        for (size_t i = 0; ok_ && i < 10 && offset_ + i < in_.size(); ++i) {
            const auto octet = static_cast<unsigned char>(in_[offset_ + i]);
            if (i == 9 && octet > 1) break;  // past 64 bits
            number |= static_cast<uint64_t>(octet & 0x7f) << (7 * i);
            if (octet >= 0x80) continue;
            if (octet == 0 && i > 0) break;  // a longer spelling of a smaller number
            offset_ += i + 1;
            return number;
        }
        ok_ = false;
        return 0;
    }
    BytesView bytes() {
        const size_t start = offset_;
        const uint64_t size = varint();
        if (ok_ && size > remaining()) {
            offset_ = start;
            ok_ = false;
        }
        if (!ok_) return {};
        return take(static_cast<size_t>(size));
    }
    BytesView rest() { return ok_ ? take(remaining()) : BytesView(); }

private:
    BytesView take(size_t size) {
        const BytesView view = in_.substr(offset_, size);
        offset_ += size;
        return view;
    }
    template <class Number>
    Number fixed() {
        Number number = 0;
        if (!ok_ || remaining() < sizeof number) {
            ok_ = false;
            return 0;
        }
        std::memcpy(&number, in_.data() + offset_, sizeof number);
        offset_ += sizeof number;
        return number;
    }
    BytesView in_;
    size_t offset_ = 0;
    bool ok_ = true;
};

}  // namespace belfry::hub
