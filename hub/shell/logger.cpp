#include "hub/shell/logger.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>

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

// Quotes for both forms: JSON escapes are readable in text too.
std::string quoted(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
        } else {
            out += c;
        }
    }
    return out + '"';
}

bool is_plain(std::string_view value) {
    return !value.empty() && value.find_first_of(" \"\\=\n\t") == std::string_view::npos;
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
