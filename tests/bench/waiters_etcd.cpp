// etcd through its own lock and election services, which it offers as JSON over HTTP too (/v3/lock, /v3/election): the same
// recipe, and it runs in the server, which saves its client round trips.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "tests/bench/etcd_command.hpp"
#include "tests/bench/waiters.hpp"
#include "tests/support/process.hpp"

namespace belfry::bench {

namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr int answer_seconds_max = 120;

std::string base64(const std::string& text) {
    static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t at = 0; at < text.size(); at += 3) {
        uint32_t three = 0;
        for (size_t i = 0; i < 3; ++i) three = three << 8 | (at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0);
        for (size_t i = 0; i < 4; ++i) out += at + i <= text.size() ? digits[three >> (18 - 6 * i) & 63] : '=';
    }
    return out;
}

// One request at a time, over one connection.
class Http {
public:
    explicit Http(int port) : port_(port), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval patience{answer_seconds_max, 0};
        const int yes = 1;
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
        ::close(socket_);
        throw std::runtime_error("nobody listens at port " + std::to_string(port));
    }
    ~Http() { ::close(socket_); }
    Http(const Http&) = delete;

    Json post(const std::string& path, const Json& what) {
        const std::string body = what.dump();
        const std::string request = "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) +
                                    "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
            throw std::runtime_error("etcd has hung up");
        }
        std::string head = receive_to("\r\n\r\n");
        const size_t length_at = head.find("Content-Length: ");
        if (!head.starts_with("HTTP/1.1 200") || length_at == std::string::npos) {
            throw std::runtime_error("etcd: " + path + ": " + head + received_);
        }
        const size_t length = std::stoul(head.substr(length_at + 16));
        while (received_.size() < length) receive();
        Json answer = Json::parse(received_.substr(0, length));
        received_.erase(0, length);
        return answer;
    }

private:
    void receive() {
        char octets[4096];
        const ssize_t count = ::recv(socket_, octets, sizeof octets, 0);
        if (count <= 0) throw std::runtime_error("etcd does not answer");
        received_.append(octets, static_cast<size_t>(count));
    }
    std::string receive_to(const std::string& end) {
        size_t at = 0;
        while ((at = received_.find(end)) == std::string::npos) receive();
        std::string head = received_.substr(0, at + end.size());
        received_.erase(0, head.size());
        return head;
    }
    const int port_, socket_;
    std::string received_;
};

class EtcdWaiter : public Waiter {
public:
    EtcdWaiter(int port, Peer::Kind kind, const std::string& name)
        : http_(port), locks_(kind == Peer::Kind::lock), name_(base64(name)) {
        lease_ = http_.post("/v3/lease/grant", {{"TTL", 600}}).at("ID");
    }
    void acquire() override {
        Json request{{"name", name_}, {"lease", lease_}};
        if (!locks_) request["value"] = base64("me");
        const Json answer = http_.post(locks_ ? "/v3/lock/lock" : "/v3/election/campaign", request);
        held_ = locks_ ? Json{{"key", answer.at("key")}} : Json{{"leader", answer.at("leader")}};
    }
    void release() override { http_.post(locks_ ? "/v3/lock/unlock" : "/v3/election/resign", held_); }

private:
    Http http_;
    const bool locks_;
    const std::string name_;
    Json lease_, held_;
};

class Etcd : public Peer {
public:
    explicit Etcd(const std::string& directory) {
        for (size_t i = 0; i < members_count; ++i) ports_.push_back(test::free_port_pair());
        for (size_t i = 0; i < members_count; ++i) {
            processes_.push_back(std::make_unique<test::Process>(etcd_command("/usr/bin/etcd", directory, ports_, i),
                                                                 directory + "/etcd" + std::to_string(i) + ".log"));
        }
        for (const int port : ports_) await(port);
    }
    // Over HTTP one who waits takes a connection for himself. All to the leader, as the hub's.
    std::unique_ptr<Waiter> waiter(Kind kind, const std::string& name) override {
        return std::make_unique<EtcdWaiter>(leader_, kind, name);
    }
    size_t in_line(const std::string& name) override {
        const Json answer = Http(leader_).post(
            "/v3/kv/range", {{"key", base64(name + "/")}, {"range_end", base64(name + "0")}, {"count_only", true}});
        return answer.contains("count") ? std::stoul(answer.at("count").get<std::string>()) : 0;
    }

private:
    void await(int port) {
        for (int tries = 0;; ++tries) {
            try {
                Http http(port);
                http.post("/v3/kv/range", {{"key", base64("ready")}});
                const Json status = http.post("/v3/maintenance/status", Json::object());
                if (status.at("leader") == status.at("header").at("member_id")) leader_ = port;
                return;
            } catch (const std::exception&) {
                if (tries == 300) throw;
                std::this_thread::sleep_for(100ms);
            }
        }
    }
    std::vector<int> ports_;
    std::vector<std::unique_ptr<test::Process>> processes_;
    int leader_ = 0;
};

}  // namespace

std::unique_ptr<Peer> etcd_peer(const std::string& directory) { return std::make_unique<Etcd>(directory); }

}  // namespace belfry::bench
