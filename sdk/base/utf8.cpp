#include "sdk/base/utf8.hpp"

namespace belfry {

size_t utf8_length(BytesView bytes) {
    const auto octet = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const auto follows = [&](size_t i) { return i < bytes.size() && (octet(i) & 0xC0) == 0x80; };
    if (bytes.empty()) return 0;
    const unsigned char first = octet(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        if (!follows(1) || !follows(2)) return 0;
        if (first == 0xE0 && octet(1) < 0xA0) return 0;
        if (first == 0xED && octet(1) > 0x9F) return 0;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        if (!follows(1) || !follows(2) || !follows(3)) return 0;
        if (first == 0xF0 && octet(1) < 0x90) return 0;
        if (first == 0xF4 && octet(1) > 0x8F) return 0;
        return 4;
    }
    return 0;
}

bool is_utf8(BytesView bytes) {
    while (!bytes.empty()) {
        const size_t length = utf8_length(bytes);
        if (length == 0) return false;
        bytes.remove_prefix(length);
    }
    return true;
}

PlainCharacter plain_character(BytesView bytes) {
    const size_t length = utf8_length(bytes);
    const auto octet = static_cast<unsigned char>(bytes[0]);
    const bool control = length == 1 && (octet < 0x20 || octet == 0x7f);
    const bool old_control = length == 2 && octet == 0xc2 && static_cast<unsigned char>(bytes[1]) < 0xa0;
    if (length == 0 || control || old_control) return {"?", length == 0 ? 1 : length};
    return {bytes.substr(0, length), length};
}

}  // namespace belfry
