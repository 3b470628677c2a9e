// The server by real sockets on loopback.
#include "sdk/dns/server.hpp"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/support/cpu_time.hpp"
#include "tests/unit/sdk/dns/questions.hpp"

namespace belfry::dns {
namespace {

using namespace test;

// One socket, connected to the server.
class Resolver {
public:
    Resolver(uint16_t port, int kind, in_addr_t address = INADDR_LOOPBACK) : socket_(::socket(AF_INET, kind, 0)) {
        const timeval patience_of_all{5, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience_of_all, sizeof(patience_of_all));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(address);
        connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
    }
    ~Resolver() { ::close(socket_); }
    void send(const Bytes& octets) { REQUIRE(::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL) > 0); }
    // At most so many octets, as they come; none: it is closed, or nothing came.
    Bytes receive(size_t octets_max = message_octets_max) {
        Bytes octets(octets_max, '\0');
        const auto size = ::recv(socket_, octets.data(), octets.size(), 0);
        octets.resize(size > 0 ? static_cast<size_t>(size) : 0);
        return octets;
    }
    // Of TCP: a whole message.
    Bytes receive_message() {
        Bytes octets;
        while (octets.size() < 2 || octets.size() < 2 + size_of(octets)) {
            const size_t wanted = octets.size() < 2 ? 2 - octets.size() : 2 + size_of(octets) - octets.size();
            const Bytes more = receive(wanted);
            if (more.empty()) return {};
            octets += more;
        }
        return octets.substr(2);
    }

private:
    static size_t size_of(const Bytes& octets) {
        return static_cast<size_t>(static_cast<uint8_t>(octets[0])) << 8 | static_cast<uint8_t>(octets[1]);
    }
    const int socket_;
    bool connected_ = false;
};

Bytes framed(const Bytes& message) { return u16(static_cast<unsigned>(message.size())) + message; }

// "web" has 60 instances, "slow" is known once somebody says so, nobody else is there.
struct Served {
    std::atomic<bool> slow_known = false;
    std::unique_ptr<Server> server;

    explicit Served(const std::string& address = "127.0.0.1:0") {
        auto web = std::make_shared<std::vector<Instance>>();
        for (int i = 0; i < 60; ++i) {
            Instance one;
            one.service = "web";
            one.id = "w" + std::to_string(i);
            one.address = "10.0.0." + std::to_string(i);
            one.port = 80;
            web->push_back(one);
        }
        auto responder = Responder::create({}, [web, this](std::string_view name) -> decltype(web) {
            if (name == "slow" && !slow_known) return nullptr;
            return name == "web" || name == "slow" ? web : std::make_shared<std::vector<Instance>>();
        });
        server = *Server::start(address, *std::move(responder));
    }
};

// No descriptor is left in this process, as long as this lives.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const rlimit few{std::min<rlim_t>(before_.rlim_cur, 256), before_.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (int one = 0; (one = ::dup(STDOUT_FILENO)) >= 0;) all_.push_back(one);
    }
    ~NoDescriptors() {
        while (!all_.empty()) spare_one();
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    void spare_one() {
        ::close(all_.back());
        all_.pop_back();
    }

private:
    rlimit before_{};
    std::vector<int> all_;
};

bool has_ipv6() {
    const int socket = ::socket(AF_INET6, SOCK_DGRAM, 0);
    if (socket >= 0) ::close(socket);
    return socket >= 0;
}

bool is_answered(Resolver& tcp) {
    tcp.send(framed(question("w1.web.service.belfry", Type::a)));
    return !tcp.receive_message().empty();
}

}  // namespace

TEST_CASE("dns server: what does not fit UDP is asked again by TCP, on the same port", "[dns][server]") {
    const Served served;
    Resolver udp(served.server->port(), SOCK_DGRAM), tcp(served.server->port(), SOCK_STREAM);
    udp.send(question("web.service.belfry", Type::a));
    CHECK(read_answer(udp.receive()).truncated());
    tcp.send(framed(question("web.service.belfry", Type::a)));
    CHECK(read_answer(tcp.receive_message()).answers().size() == 60);
}

TEST_CASE("dns server: questions in one connection, in pieces and several at once", "[dns][server]") {
    const Served served;
    Resolver tcp(served.server->port(), SOCK_STREAM);
    Bytes octets;
    for (int i = 0; i < 20; ++i)
        octets += framed(question(i % 2 == 0 ? "web.service.belfry" : "no.service.belfry", Type::a));
    for (size_t at = 0; at < octets.size(); at += 7) tcp.send(octets.substr(at, 7));
    int found = 0, missing = 0;
    for (int i = 0; i < 20; ++i) {
        const auto answer = read_answer(tcp.receive_message());
        found += answer.answers().size() == 60 ? 1 : 0;
        missing += answer.rcode() == Rcode::no_such_name ? 1 : 0;
    }
    CHECK(found == 10);
    CHECK(missing == 10);
}

TEST_CASE("dns server: a question waits until its service is known, the others do not wait for it", "[dns][server]") {
    Served served;
    Resolver slow(served.server->port(), SOCK_DGRAM), other(served.server->port(), SOCK_DGRAM);
    slow.send(question("slow.service.belfry", Type::aaaa));
    other.send(question("w1.web.service.belfry", Type::a));
    CHECK(read_answer(other.receive()).answers().size() == 1);
    served.slow_known = true;
    CHECK(read_answer(slow.receive()).rcode() == Rcode::ok);
    CHECK(served.server->figures().failures == 0);
    served.slow_known = false;
    slow.send(question("slow.service.belfry", Type::a));
    CHECK(read_answer(slow.receive()).rcode() == Rcode::failure);
    CHECK(served.server->figures().failures == 1);
}

TEST_CASE("dns server: on a wildcard address the answer comes from the one that was asked", "[dns][server]") {
    constexpr in_addr_t second_loopback = INADDR_LOOPBACK + 1;
    for (const char* address : {"0.0.0.0:0", "[::]:0"}) {
        INFO(address);
        if (address[0] == '[' && !has_ipv6()) continue;
        Served served(address);
        Resolver asked(served.server->port(), SOCK_DGRAM, second_loopback);  // connected: it hears nobody else
        asked.send(question("w1.web.service.belfry", Type::a));
        CHECK(read_answer(asked.receive()).answers().size() == 1);
        asked.send(question("slow.service.belfry", Type::aaaa));
        asked.send(question("w2.web.service.belfry", Type::a));
        CHECK(read_answer(asked.receive()).answers().size() == 1);
        served.slow_known = true;  // and what has waited too
        CHECK(read_answer(asked.receive()).rcode() == Rcode::ok);
        CHECK(served.server->figures().dropped == 0);
    }
}

TEST_CASE("dns server: with no descriptor left the connection that is idle longest makes room", "[dns][server]") {
    const Served served;
    Resolver first(served.server->port(), SOCK_STREAM), second(served.server->port(), SOCK_STREAM);
    CHECK(is_answered(second));
    CHECK(is_answered(first));
    NoDescriptors none;
    none.spare_one();
    Resolver third(served.server->port(), SOCK_STREAM);
    CHECK(is_answered(third));
    CHECK(second.receive().empty());
    CHECK(is_answered(first));
}

TEST_CASE("dns server: with no descriptor and no connection it rests, and goes on when there is one", "[dns][server]") {
    const Served served;
    Resolver udp(served.server->port(), SOCK_DGRAM);
    NoDescriptors none;
    none.spare_one();
    Resolver tcp(served.server->port(), SOCK_STREAM);
    const auto before = belfry::test::cpu_time(CLOCK_PROCESS_CPUTIME_ID);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    CHECK(belfry::test::cpu_time(CLOCK_PROCESS_CPUTIME_ID) - before < std::chrono::milliseconds(100));
    udp.send(question("w1.web.service.belfry", Type::a));
    CHECK(read_answer(udp.receive()).answers().size() == 1);
    none.spare_one();
    CHECK(is_answered(tcp));
}

TEST_CASE("dns server: rubbish is dropped, and a client that ends is no trouble", "[dns][server]") {
    const Served served;
    Resolver udp(served.server->port(), SOCK_DGRAM);
    udp.send("rubbish");
    for (int i = 0; i < 100; ++i) {  // more connections than are kept; each ends in the middle of a question
        Resolver gone(served.server->port(), SOCK_STREAM);
        gone.send(u16(100) + "half");
    }
    udp.send(question("w1.web.service.belfry", Type::a));
    CHECK(read_answer(udp.receive()).answers().size() == 1);
    CHECK(served.server->figures().dropped == 1);
    Resolver tcp(served.server->port(), SOCK_STREAM);
    tcp.send(framed(question("w1.web.service.belfry", Type::a)));
    CHECK(read_answer(tcp.receive_message()).answers().size() == 1);
}

TEST_CASE("dns server: an address that is none, or taken, is named", "[dns][server]") {
    const Served served;
    const std::string taken = "127.0.0.1:" + std::to_string(served.server->port());
    const auto responder = [] { return *Responder::create({}, {}); };
    const auto second = Server::start(taken, responder());
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Code::io);
    CHECK(second.error().detail.find(taken) != std::string::npos);
    for (const char* wrong : {"127.0.0.1", ":53", "localhost:53", "127.0.0.1:", "127.0.0.1:70000", "1.2.3:x"})
        CHECK(check_address(wrong).error().code == Code::invalid_argument);
    CHECK(check_address("[::1]:8600"));
    CHECK(check_address("0.0.0.0:53"));
}

}  // namespace belfry::dns
