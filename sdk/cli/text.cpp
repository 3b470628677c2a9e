#include "sdk/cli/text.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "sdk/base/units.hpp"

namespace belfry::cli {
namespace {

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_control(BytesView sequence) {
    const auto first = static_cast<unsigned char>(sequence[0]);
    if (sequence.size() == 1) return first < 0x20 || first == 0x7F;
    // U+0080..U+009F: some terminals obey them.
    return sequence.size() == 2 && first == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

void append_hex(std::string& out, BytesView octets) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : octets) {
        const auto octet = static_cast<unsigned char>(c);
        out += "\\x";
        out += digits[octet >> 4];
        out += digits[octet & 15];
    }
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Appends one sequence; returns how many octets it took.
size_t append_printable(std::string& out, BytesView rest) {
    const size_t length = utf8_length(rest);
    if (length == 0) return append_hex(out, rest.substr(0, 1)), 1;
    switch (rest[0]) {
        case '\n': return out += "\\n", 1;
        case '\r': return out += "\\r", 1;
        case '\t': return out += "\\t", 1;
        case '\\': return out += "\\\\", 1;
        default: break;
    }
    if (is_control(rest.substr(0, length))) return append_hex(out, rest.substr(0, length)), length;
    out += rest.substr(0, length);
    return length;
}

std::string format_time(uint64_t time_ms, bool utc) {
    const auto seconds = static_cast<time_t>(time_ms / 1000);
    tm parts{};
    if (utc) {
        gmtime_r(&seconds, &parts);
    } else {
        localtime_r(&seconds, &parts);
    }
    std::array<char, 64> text{};
    const size_t size = strftime(text.data(), text.size(), utc ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03u", static_cast<unsigned>(time_ms % 1000));
    return std::string(text.data(), size) + fraction.data() + (utc ? "Z" : "");
}

}  // namespace

std::string printable(BytesView bytes, size_t octets_max) {
    std::string out;
    out.reserve(std::min(bytes.size(), octets_max) + 16);
    BytesView rest = bytes;
    while (!rest.empty()) {
        if (bytes.size() - rest.size() >= octets_max) {
            return out + "... (" + std::to_string(bytes.size()) + " bytes)";
        }
        rest.remove_prefix(append_printable(out, rest));
    }
    return out;
}

Result<Bytes> unescape(std::string_view text) {
    Bytes out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        const char what = i + 1 < text.size() ? text[i + 1] : '\0';
        ++i;
        if (what == 'n') {
            out += '\n';
        } else if (what == 'r') {
            out += '\r';
        } else if (what == 't') {
            out += '\t';
        } else if (what == '\\' || what == '"') {
            out += what;
        } else if (what == 'x' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
            out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else {
            return Error{Code::invalid_argument,
                         "unknown escape at " + std::to_string(i) + "; known: \\n \\r \\t \\\\ \\\" \\xHH"};
        }
    }
    return out;
}

std::string terminal_safe(BytesView bytes) {
    std::string out;
    while (!bytes.empty()) {
        const size_t length = utf8_length(bytes);
        const bool plain = length > 0 && (bytes[0] == '\n' || bytes[0] == '\t' || !is_control(bytes.substr(0, length)));
        if (plain) {
            out += bytes.substr(0, length);
        } else {
            append_hex(out, bytes.substr(0, std::max<size_t>(length, 1)));
        }
        bytes.remove_prefix(std::max<size_t>(length, 1));
    }
    return out;
}

std::string base64_encode(BytesView bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t group = 0;
        const size_t have = std::min<size_t>(3, bytes.size() - i);
        for (size_t j = 0; j < 3; ++j) group = group << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        for (size_t j = 0; j < 4; ++j) out += j <= have ? base64_alphabet[group >> (18 - 6 * j) & 63] : '=';
    }
    return out;
}

std::optional<Bytes> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    Bytes out;
    for (size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        size_t padding = 0;
        uint32_t group = 0;
        for (size_t j = 0; j < 4; ++j) {
            const char c = text[i + j];
            if (c == '=' && last && j >= 2) {
                ++padding;
                group <<= 6;
                continue;
            }
            const size_t place = base64_alphabet.find(c);
            if (padding > 0 || place == std::string_view::npos) return std::nullopt;
            group = group << 6 | static_cast<uint32_t>(place);
        }
        for (size_t j = 0; j + padding < 3; ++j) out += static_cast<char>(group >> (16 - 8 * j) & 0xFF);
    }
    return out;
}

std::string local_time(uint64_t time_ms) { return format_time(time_ms, false); }
std::string utc_time(uint64_t time_ms) { return format_time(time_ms, true); }

std::string human_bytes(uint64_t bytes) {
    if (bytes < 1024) return std::to_string(bytes) + " B";
    constexpr std::array units = {"KiB", "MiB", "GiB", "TiB"};
    double scaled = static_cast<double>(bytes) / 1024;
    size_t unit = 0;
    while (scaled >= 1024 && unit + 1 < units.size()) {
        scaled /= 1024;
        ++unit;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f %s", scaled, units[unit]);
    return text.data();
}

std::string human_count(uint64_t number) {
    std::string out = std::to_string(number);
    for (size_t place = out.size(); place > 3; place -= 3) out.insert(place - 3, ",");
    return out;
}

std::string plural(uint64_t number, std::string_view noun) {
    return human_count(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

Result<uint64_t> parse_number(std::string_view text) {
    uint64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size()) {
        return Error{Code::invalid_argument, "'" + printable(text, 40) + "' is not a whole number"};
    }
    return number;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    constexpr auto duration_max = std::chrono::hours(24 * 365);  // more is a slip of the finger
    const bool bare = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    const auto duration = belfry::parse_duration(bare ? std::string(text) + "s" : std::string(text));
    if (duration && *duration <= duration_max) return std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
    return Error{Code::invalid_argument, "'" + printable(text, 40) + "' is not a duration such as 250ms, 5s, 2m or 1h"};
}

std::string_view trimmed(std::string_view text) {
    const size_t from = text.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const size_t place = std::min(text.find(separator), text.size());
        if (place > 0) parts.emplace_back(text.substr(0, place));
        text.remove_prefix(std::min(place + 1, text.size()));
    }
    return parts;
}

}  // namespace belfry::cli
