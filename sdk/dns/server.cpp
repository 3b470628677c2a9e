#include "sdk/dns/server.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "sdk/base/random.hpp"
#include "sdk/dns/datagram.hpp"

namespace belfry::dns {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int backlog = 64;
constexpr int datagrams_per_round = 64;  // then the others have a turn
constexpr int look_again_ms = 10;        // for what is not known yet
constexpr auto no_descriptor_pause = std::chrono::seconds(1);
constexpr size_t unsent_octets_max = 256 * 1024;  // of a connection; past it nothing more is read from it
constexpr size_t unread_octets_max = 2 + message_octets_max;

class Descriptor {
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept { return std::swap(number_, other.number_), *this; }
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int number() const { return number_; }

private:
    int number_;
};

Result<Peer> parse_address(const std::string& text) {
    const size_t colon = text.rfind(':');
    const Error wrong{Code::invalid_argument, "'" + text + "' is no ADDRESS:PORT, such as 127.0.0.1:8600 or [::1]:8600"};
    if (colon == std::string::npos || colon == 0) return wrong;
    std::string host = text.substr(0, colon);
    const std::string port = text.substr(colon + 1);
    if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
        std::stoul(port) > UINT16_MAX)
        return wrong;
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return wrong;
    Peer peer;
    std::memcpy(&peer.address, found->ai_addr, found->ai_addrlen);
    peer.size = found->ai_addrlen;
    ::freeaddrinfo(found);
    return peer;
}

Error system_error(const std::string& what) { return {Code::io, what + ": " + std::strerror(errno)}; }

Result<Descriptor> bind_to(const Peer& peer, int kind, const std::string& text) {
    Descriptor socket(::socket(peer.address.ss_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.number() < 0) return system_error("no socket");
    const int yes = 1;  // of UDP it would let two servers have one address
    if (kind == SOCK_STREAM) ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (::bind(socket.number(), reinterpret_cast<const sockaddr*>(&peer.address), peer.size) != 0)
        return system_error("cannot serve DNS on " + text);
    if (kind == SOCK_STREAM && ::listen(socket.number(), backlog) != 0) return system_error("cannot listen on " + text);
    return socket;
}

uint16_t port_of(const Descriptor& socket) {
    Peer own;
    ::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&own.address), &own.size);
    std::array<char, 8> port{};
    ::getnameinfo(reinterpret_cast<sockaddr*>(&own.address), own.size, nullptr, 0, port.data(), port.size(),
                  NI_NUMERICSERV | NI_DGRAM);
    return static_cast<uint16_t>(std::atoi(port.data()));
}

struct Connection {
    Descriptor socket;
    Clock::time_point idle_since;
    Bytes unread;
    Bytes unsent;
    bool ended = false;
};

// A question whose service is not known yet.
struct Waiting {
    Bytes question;
    Clock::time_point until;
    Sender sender;            // of UDP
    uint64_t connection = 0;  // of TCP; 0: UDP
};

}  // namespace

class Server::Impl {
public:
    Impl(Responder responder, Descriptor udp, Descriptor tcp)
        : responder_(std::move(responder)),
          wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          udp_(std::move(udp)),
          tcp_(std::move(tcp)),
          turn_(random_u64()),
          thread_([this] { run(); }) {}
    ~Impl() {
        stop_ = true;
        ::eventfd_write(wake_.number(), 1);
        thread_.join();
    }
    uint16_t port() const { return port_of(udp_); }
    ServerFigures figures() const { return {questions_, answers_, failures_, dropped_}; }

private:
    void run();
    void read_datagrams();
    void accept();
    void on_no_descriptor();
    void close_idlest();
    void read(uint64_t id, Connection& connection);
    void take_questions(uint64_t id, Connection& connection);
    void write(Connection& connection);
    void look_again(Clock::time_point now);
    void close_idle(Clock::time_point now);
    bool answer(const Waiting& asked, bool give_up);
    void ask(Waiting asked);
    void send(const Waiting& asked, const Bytes& octets);

    const Responder responder_;
    const Descriptor wake_, udp_, tcp_;
    uint64_t turn_;
    uint64_t last_connection_ = 0;
    Clock::time_point listens_from_{};
    std::map<uint64_t, Connection> connections_;
    std::deque<Waiting> waiting_;
    std::atomic<uint64_t> questions_ = 0, answers_ = 0, failures_ = 0, dropped_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

// ---- questions and answers ----

// False: it has to wait.
bool Server::Impl::answer(const Waiting& asked, bool give_up) {
    const Way way = asked.connection == 0 ? Way::udp : Way::tcp;
    Response response = responder_.answer(asked.question, way, turn_++);
    if (response.kind == Response::Kind::later && !give_up) return false;
    if (response.kind == Response::Kind::later) {
        response = {Response::Kind::send, Responder::failure(asked.question)};
        ++failures_;
    }
    if (response.kind == Response::Kind::drop) ++dropped_;
    if (response.kind == Response::Kind::send) send(asked, response.octets);
    return true;
}

void Server::Impl::ask(Waiting asked) {
    ++questions_;
    if (answer(asked, waiting_.size() >= waiting_max)) return;
    asked.until = Clock::now() + patience;
    waiting_.push_back(std::move(asked));
}

void Server::Impl::look_again(Clock::time_point now) {
    std::deque<Waiting> still;
    for (Waiting& asked : waiting_) {
        if (!answer(asked, now >= asked.until)) still.push_back(std::move(asked));
    }
    waiting_.swap(still);
}

void Server::Impl::send(const Waiting& asked, const Bytes& octets) {
    ++answers_;
    if (asked.connection == 0) {
        if (!send_datagram(udp_.number(), asked.sender, octets)) ++dropped_;
        return;
    }
    const auto connection = connections_.find(asked.connection);
    if (connection == connections_.end()) return;
    Bytes& unsent = connection->second.unsent;
    unsent += static_cast<char>(octets.size() >> 8);
    unsent += static_cast<char>(octets.size());
    unsent += octets;
    write(connection->second);
}

// ---- sockets ----

void Server::Impl::read_datagrams() {
    for (int i = 0; i < datagrams_per_round; ++i) {
        Waiting asked;
        auto question = receive_datagram(udp_.number(), asked.sender);
        if (!question) return;
        asked.question = *std::move(question);
        ask(std::move(asked));
    }
}

void Server::Impl::accept() {
    for (int i = 0; i < backlog; ++i) {
        Descriptor socket(::accept4(tcp_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (socket.number() < 0 && (errno == EMFILE || errno == ENFILE)) return on_no_descriptor();
        if (socket.number() < 0) return;
        if (connections_.size() >= connections_max) close_idlest();
        connections_[++last_connection_] = {std::move(socket), Clock::now(), {}, {}};
    }
}

// Who waits to be accepted goes on waiting, and the listener is ready as long as he does.
void Server::Impl::on_no_descriptor() {
    pollfd waiting{tcp_.number(), POLLIN, 0};
    if (::poll(&waiting, 1, 0) <= 0) return;  // nobody does: accept4 takes a descriptor before it looks
    if (connections_.empty()) {
        listens_from_ = Clock::now() + no_descriptor_pause;
    } else {
        close_idlest();
    }
}

// REQUIRES: there is one.
void Server::Impl::close_idlest() {
    connections_.erase(std::min_element(connections_.begin(), connections_.end(), [](const auto& a, const auto& b) {
        return a.second.idle_since < b.second.idle_since;
    }));
}

void Server::Impl::read(uint64_t id, Connection& connection) {
    std::array<char, 4096> octets;
    const auto size = ::recv(connection.socket.number(), octets.data(), octets.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) connection.ended = true;
    if (size <= 0) return;
    connection.idle_since = Clock::now();
    connection.unread.append(octets.data(), static_cast<size_t>(size));
    take_questions(id, connection);
}

void Server::Impl::take_questions(uint64_t id, Connection& connection) {
    while (connection.unread.size() >= 2 && connection.unsent.size() < unsent_octets_max) {
        const auto octet = [&](size_t at) { return static_cast<size_t>(static_cast<uint8_t>(connection.unread[at])); };
        const size_t size = octet(0) << 8 | octet(1);
        if (connection.unread.size() < 2 + size) return;
        Waiting asked;
        asked.connection = id;
        asked.question = connection.unread.substr(2, size);
        connection.unread.erase(0, 2 + size);
        ask(std::move(asked));
    }
}

void Server::Impl::write(Connection& connection) {
    const auto size = ::send(connection.socket.number(), connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN && errno != EINTR) connection.ended = true;
    if (size <= 0) return;
    connection.idle_since = Clock::now();
    connection.unsent.erase(0, static_cast<size_t>(size));
}

void Server::Impl::close_idle(Clock::time_point now) {
    std::erase_if(connections_, [&](const auto& entry) {
        return entry.second.ended || now - entry.second.idle_since > connection_idle_max;
    });
}

void Server::Impl::run() {
    constexpr int idle_look_ms = 1000;
    while (!stop_) {
        const int listener = Clock::now() < listens_from_ ? -1 : tcp_.number();
        std::vector<pollfd> files = {{wake_.number(), POLLIN, 0}, {udp_.number(), POLLIN, 0}, {listener, POLLIN, 0}};
        std::vector<uint64_t> ids;
        for (const auto& [id, connection] : connections_) {
            short events = connection.unsent.empty() ? 0 : POLLOUT;
            if (connection.unsent.size() < unsent_octets_max && connection.unread.size() < unread_octets_max)
                events |= POLLIN;
            files.push_back({connection.socket.number(), events, 0});
            ids.push_back(id);
        }
        ::poll(files.data(), files.size(), waiting_.empty() ? idle_look_ms : look_again_ms);
        if (files[1].revents != 0) read_datagrams();
        for (size_t i = 0; i < ids.size(); ++i) {
            Connection& connection = connections_.at(ids[i]);
            const short events = files[3 + i].revents;
            if ((events & POLLOUT) != 0) write(connection);
            if ((events & POLLOUT) != 0) take_questions(ids[i], connection);
            if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) read(ids[i], connection);
        }
        if (files[2].revents != 0) accept();
        const auto now = Clock::now();
        if (!waiting_.empty()) look_again(now);
        close_idle(now);
    }
}

// ---- outside ----

Status check_address(const std::string& address) {
    const auto peer = parse_address(address);
    if (!peer) return peer.error();
    return {};
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const std::string& address, Responder responder) {
    auto peer = parse_address(address);
    if (!peer) return peer.error();
    auto tcp = bind_to(*peer, SOCK_STREAM, address);
    if (!tcp) return tcp.error();
    const uint16_t port = port_of(*tcp);
    const auto same = parse_address(address.substr(0, address.rfind(':') + 1) + std::to_string(port));
    auto udp = bind_to(*same, SOCK_DGRAM, address);
    if (!udp) return udp.error();
    if (!tell_addresses(udp->number(), same->address.ss_family)) return system_error("cannot serve DNS on " + address);
    auto impl = std::make_unique<Impl>(std::move(responder), *std::move(udp), *std::move(tcp));
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

uint16_t Server::port() const { return impl_->port(); }

ServerFigures Server::figures() const { return impl_->figures(); }

}  // namespace belfry::dns
