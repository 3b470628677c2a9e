#include "sdk/discovery/check.hpp"

#include <algorithm>

#include "sdk/discovery/check_impl.hpp"

namespace belfry {
namespace {

using namespace std::chrono_literals;

constexpr size_t words_max = 256;
constexpr size_t words_bytes_max = 64 * 1024;  // well below what Linux hands on

Error wrong(std::string sentence) { return {Code::invalid_argument, "check: " + std::move(sentence)}; }

Status validate(const TcpCheck& check) {
    if (check.host.empty() || check.host.size() > limits::address_bytes_max) return wrong("tcp: a host is wanted");
    if (check.host.find('\0') != std::string::npos) return wrong("tcp: a host has no NUL");
    if (check.port == 0) return wrong("tcp: a port from 1 to 65535 is wanted");
    return {};
}

Status validate(const HttpCheck& check) {
    const auto url = checks::parse_url(check.url);
    if (!url) return wrong(url.error().detail);
    return validate(TcpCheck{url->host, url->port});
}

Status validate(const CommandCheck& check) {
    if (check.words.empty() || check.words.front().empty()) return wrong("command: a program is wanted");
    size_t octets = 0;
    for (const std::string& word : check.words) {
        if (word.find('\0') != std::string::npos) return wrong("command: a word has a NUL");
        octets += word.size() + 1;
    }
    if (check.words.size() > words_max || octets > words_bytes_max) return wrong("command: too many or too long words");
    return {};
}

Status validate(const DampingOptions& damping) {
    const auto is_good = [](unsigned count) { return count >= 1 && count <= limits::findings_in_a_row_max; };
    if (is_good(damping.failures_before_critical) && is_good(damping.successes_before_passing)) return {};
    return wrong("failures_before_critical, successes_before_passing: 1 to " +
                 std::to_string(limits::findings_in_a_row_max));
}

}  // namespace

Status validate_check(const Check& check) {
    if (check.interval < limits::check_interval_min || check.interval > limits::check_time_max) {
        return wrong("interval: 100 ms to 24 hours");
    }
    if (check.timeout < 1ms || check.timeout > check.interval) return wrong("timeout: 1 ms to the interval");
    if (Status good = validate(check.damping); !good) return good;
    return std::visit([](const auto& what) { return validate(what); }, check.what);
}

Finding run_check(const Check& check, int stop) {
    const checks::Deadline deadline(check.timeout, stop);
    Finding finding{};
    if (const auto* tcp = std::get_if<TcpCheck>(&check.what)) finding = checks::run_tcp(*tcp, deadline);
    if (const auto* http = std::get_if<HttpCheck>(&check.what)) finding = checks::run_http(*http, deadline);
    if (const auto* command = std::get_if<CommandCheck>(&check.what)) finding = checks::run_command(*command, deadline);
    finding.note = note_of(finding.note);
    return finding;
}

}  // namespace belfry
