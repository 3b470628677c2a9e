#include "hub/shell/logger.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "sdk/base/utf8.hpp"

namespace belfry::hub::shell {

namespace {

constexpr std::string_view level_names[] = {"debug", "info", "warning", "error"};

std::string timestamp() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    const std::time_t seconds = ms / 1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char text[40];
    const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(ms % 1000));
    return text;
}

// Letters that end a line, move the cursor, or make text look like other text: strangers choose names and keys.
bool is_unseen(uint32_t letter) {
    return letter < 0x20 || (letter >= 0x7f && letter < 0xa0) || letter == 0xad || letter == 0x61c ||
           (letter >= 0x200b && letter <= 0x200f) || (letter >= 0x2028 && letter <= 0x202e) ||
           (letter >= 0x2060 && letter <= 0x206f) || letter == 0xfeff;
}

// REQUIRES: `octets` is one letter in UTF-8.
uint32_t letter_of(std::string_view octets) {
    const auto first = static_cast<unsigned char>(octets[0]);
    uint32_t letter = octets.size() == 1 ? first : first & (0x7fu >> octets.size());
    for (const char octet : octets.substr(1)) letter = letter << 6 | (static_cast<unsigned char>(octet) & 0x3fu);
    return letter;
}

// Quotes for both forms: JSON escapes are readable in text too. An octet that is no UTF-8 is shown by its number.
std::string quoted(std::string_view value) {
    std::string out = "\"";
    while (!value.empty()) {
        const size_t size = utf8_length(value);
        const std::string_view octets = value.substr(0, size == 0 ? 1 : size);
        const uint32_t letter = size == 0 ? static_cast<unsigned char>(value[0]) : letter_of(octets);
        if (letter == '"' || letter == '\\') out += '\\';
        if (size == 0 || is_unseen(letter)) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(letter));
            out += escape;
        } else {
            out += octets;
        }
        value.remove_prefix(octets.size());
    }
    return out + '"';
}

bool is_plain(std::string_view value) {
    return !value.empty() && std::all_of(value.begin(), value.end(), [](char octet) {
        return octet > ' ' && octet < 0x7f && octet != '"' && octet != '\\' && octet != '=';
    });
}

void host_log(void* context, int32_t level, const char* message, const char* detail) {
    if (level < 0 || level > BELFRY_LOG_ERROR) level = BELFRY_LOG_ERROR;
    auto& logger = *static_cast<Logger*>(context);
    if (detail == nullptr) return logger.log(static_cast<LogLevel>(level), message);
    logger.log(static_cast<LogLevel>(level), message, {{"detail", detail}});
}

}  // namespace

void Logger::log(LogLevel level, std::string_view message, std::initializer_list<Field> fields) {
    if (level < level_) return;
    const std::string_view name = level_names[static_cast<size_t>(level)];
    std::string line;
    if (json_) {
        line = "{\"time\":\"" + timestamp() + "\",\"level\":\"" + std::string(name) + "\",\"message\":" + quoted(message);
        for (const auto& [key, value] : fields) line += "," + quoted(key) + ":" + quoted(value);
        line += "}\n";
    } else {
        line = timestamp() + " " + std::string(name) + " " + std::string(message);
        for (const auto& [key, value] : fields) {
            line += " " + std::string(key) + "=" + (is_plain(value) ? value : quoted(value));
        }
        line += "\n";
    }
    const std::lock_guard lock(mutex_);
    std::fwrite(line.data(), 1, line.size(), stderr);
}

const belfry_host_v1& Logger::host() {
    host_ = {sizeof(belfry_host_v1), BELFRY_ABI_MAJOR, BELFRY_ABI_MINOR, this, &host_log};
    return host_;
}

}  // namespace belfry::hub::shell
