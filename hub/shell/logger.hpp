// Structured log lines on standard error, quiet by default: one line per event, text ("time level message key=value ...")
// or JSON; a value never makes it two lines, nor moves a terminal's cursor. Thread-safe. Never give it a secret.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "sdk/plugin/plugin.h"

namespace belfry::hub::shell {

enum class LogLevel : int32_t {
    debug = BELFRY_LOG_DEBUG,
    info = BELFRY_LOG_INFO,
    warning = BELFRY_LOG_WARNING,
    error = BELFRY_LOG_ERROR,
};

class Logger {
public:
    using Field = std::pair<std::string_view, std::string>;

    Logger(LogLevel level, bool json) : level_(level), json_(json) {}
    void log(LogLevel level, std::string_view message, std::initializer_list<Field> fields = {});
    void info(std::string_view message, std::initializer_list<Field> fields = {}) { log(LogLevel::info, message, fields); }
    void warning(std::string_view message, std::initializer_list<Field> fields = {}) {
        log(LogLevel::warning, message, fields);
    }
    void error(std::string_view message, std::initializer_list<Field> fields = {}) {
        log(LogLevel::error, message, fields);
    }

    // The table handed to plugins; valid as long as the logger.
    const belfry_host_v1& host();

private:
    std::mutex mutex_;
    LogLevel level_;
    bool json_;
    belfry_host_v1 host_{};
};

}  // namespace belfry::hub::shell
