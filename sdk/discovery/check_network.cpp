// Checks over plain sockets, and what waits for them.
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "sdk/discovery/check_impl.hpp"

namespace belfry::checks {
namespace {

constexpr size_t head_bytes_max = 4096;  // of an answer, to its first line's end
constexpr std::string_view scheme = "http://";

std::string reason(const char* what, int number) { return std::string(what) + ": " + std::strerror(number); }

Result<File> connect_address(const addrinfo& address, const Deadline& deadline) {
    File file(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (file.number() < 0) return Error{Code::io, reason("socket", errno)};
    if (::connect(file.number(), address.ai_addr, address.ai_addrlen) == 0) return file;
    if (errno != EINPROGRESS) return Error{Code::unavailable, reason("connect", errno)};
    if (!deadline.wait(file.number(), POLLOUT)) return Error{Code::timeout, "connect: no answer in time"};
    int refused = 0;
    socklen_t octets = sizeof refused;
    ::getsockopt(file.number(), SOL_SOCKET, SO_ERROR, &refused, &octets);
    if (refused != 0) return Error{Code::unavailable, reason("connect", refused)};
    return file;
}

Status send_all(int file, std::string_view text, const Deadline& deadline) {
    while (!text.empty()) {
        const ssize_t sent = ::send(file, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent > 0) text.remove_prefix(static_cast<size_t>(sent));
        if (sent >= 0) continue;
        if (errno != EAGAIN && errno != EINTR) return Error{Code::unavailable, reason("send", errno)};
        if (!deadline.wait(file, POLLOUT)) return Error{Code::timeout, "send: no room in time"};
    }
    return {};
}

// Without its end.
Result<std::string> receive_line(int file, const Deadline& deadline) {
    std::string head;
    std::array<char, 512> piece{};
    while (head.find('\n') == std::string::npos) {
        if (head.size() > head_bytes_max) return Error{Code::invalid_argument, "the first line of the answer does not end"};
        if (!deadline.wait(file, POLLIN)) return Error{Code::timeout, "no answer in time"};
        const ssize_t received = ::recv(file, piece.data(), piece.size(), 0);
        if (received == 0) return Error{Code::unavailable, "the connection was closed without an answer"};
        if (received < 0 && errno != EAGAIN && errno != EINTR) return Error{Code::unavailable, reason("receive", errno)};
        if (received > 0) head.append(piece.data(), static_cast<size_t>(received));
    }
    head.resize(head.find('\n'));
    if (head.ends_with('\r')) head.pop_back();
    return head;
}

// "HTTP/1.1 200 OK"; 0: something else.
int status_of(std::string_view line) {
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return 0;
    int status = 0;
    const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status);
    const bool is_number = error == std::errc() && end == line.data() + 12 && (line.size() == 12 || line[12] == ' ');
    return is_number && status >= 100 ? status : 0;
}

}  // namespace

File::~File() {
    if (number_ >= 0) ::close(number_);
}

bool Deadline::wait(int file, short events) const {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
        if (left <= 0) return false;  // also where the file is ready: a command may print for ever
        std::array<pollfd, 2> files = {pollfd{file, events, 0}, pollfd{stop_, POLLIN, 0}};
        const int ready = ::poll(files.data(), files.size(), static_cast<int>(left));
        if (files[1].revents != 0) return false;
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

Result<File> connect_to(const std::string& host, uint16_t port, const Deadline& deadline) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
    if (failed != 0) return Error{Code::unavailable, "name: " + std::string(::gai_strerror(failed))};
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    Result<File> connected = Error{Code::unavailable, "name: no address"};
    for (const addrinfo* one = found; one != nullptr && !connected; one = one->ai_next) {
        connected = connect_address(*one, deadline);
    }
    return connected;
}

Result<Url> parse_url(std::string_view text) {
    const auto wrong = [&](const char* sentence) {
        return Error{Code::invalid_argument, "'" + note_of(text.substr(0, 160)) + "': " + sentence};
    };
    const auto is_bad = [](unsigned char octet) { return octet <= ' ' || octet >= 0x7f; };
    if (text.starts_with("https://")) return wrong("no TLS here; check by a command (curl) instead");
    if (!text.starts_with(scheme)) return wrong("write http://HOST[:PORT][/PATH]");
    if (std::any_of(text.begin(), text.end(), is_bad)) return wrong("a URL has visible ASCII only");
    text.remove_prefix(scheme.size());
    Url url;
    const size_t slash = text.find_first_of("/?#");
    if (slash != std::string_view::npos && text[slash] != '/') return wrong("write a path before ? and #");
    url.authority = text.substr(0, slash);
    url.path = slash == std::string_view::npos ? "/" : text.substr(slash, text.find('#') - slash);
    std::string_view rest = url.authority;
    if (rest.find('@') != std::string_view::npos) return wrong("no user in a URL: everybody would see it");
    const bool in_brackets = rest.starts_with('[');
    const size_t host_end = in_brackets ? rest.find(']') : rest.find(':');
    if (in_brackets && host_end == std::string_view::npos) return wrong("']' is missing");
    url.host = in_brackets ? rest.substr(1, host_end - 1) : rest.substr(0, host_end);
    rest.remove_prefix(std::min(rest.size(), host_end + (in_brackets ? 1 : 0)));
    if (url.host.empty()) return wrong("a host is missing");
    if (rest.empty()) return url;
    const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), url.port);
    if (rest[0] != ':' || error != std::errc() || end != rest.data() + rest.size() || url.port == 0) {
        return wrong("a port is a number from 1 to 65535");
    }
    return url;
}

Finding run_tcp(const TcpCheck& check, const Deadline& deadline) {
    const auto connected = connect_to(check.host, check.port, deadline);
    if (!connected) return critical(connected.error().detail);
    return {Health::passing, "connected"};
}

Finding run_http(const HttpCheck& check, const Deadline& deadline) {
    const auto url = parse_url(check.url);
    if (!url) return critical(url.error().detail);
    const auto connected = connect_to(url->host, url->port, deadline);
    if (!connected) return critical(connected.error().detail);
    const int file = connected->number();
    const Status sent = send_all(file,
                                 "GET " + url->path + " HTTP/1.1\r\nHost: " + url->authority +
                                     "\r\nUser-Agent: belfry\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                                 deadline);
    if (!sent) return critical(sent.error().detail);
    const auto line = receive_line(file, deadline);
    if (!line) return critical(line.error().detail);
    const int status = status_of(*line);
    if (status == 0) return critical("the answer is not HTTP");
    const Health health = status / 100 == 2 ? Health::passing : status == 429 ? Health::warning : Health::critical;
    return {health, "HTTP " + std::to_string(status)};
}

}  // namespace belfry::checks
