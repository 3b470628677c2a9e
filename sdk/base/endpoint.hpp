// "tcp://HOST:PORT" in its parts. Whether HOST and PORT are any good the caller decides: some take "*" or port 0.
#pragma once

#include <optional>
#include <string_view>

namespace belfry {

struct TcpEndpoint {
    std::string_view host;  // never empty; an IPv6 address with its brackets
    std::string_view port;
};
// Views into `endpoint`. Nothing if it is not of this form.
inline std::optional<TcpEndpoint> parse_tcp_endpoint(std::string_view endpoint) {
    constexpr std::string_view scheme = "tcp://";
    const size_t colon = endpoint.rfind(':');
    if (!endpoint.starts_with(scheme) || colon == std::string_view::npos || colon <= scheme.size()) return std::nullopt;
    return TcpEndpoint{endpoint.substr(scheme.size(), colon - scheme.size()), endpoint.substr(colon + 1)};
}

// Only this machine can reach it.
inline bool is_loopback(std::string_view host) {
    return host.starts_with("127.") || host == "localhost" || host == "[::1]";
}

}  // namespace belfry
