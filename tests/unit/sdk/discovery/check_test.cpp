// Checks against sockets and programs of this machine.
#include "sdk/discovery/check.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <mutex>
#include <optional>
#include <thread>

#include "sdk/discovery/check_impl.hpp"

using namespace std::chrono_literals;

namespace belfry {
namespace {

using Clock = std::chrono::steady_clock;

// Says the same to everybody who asks; nothing at all if there is nothing to say.
class Server {
public:
    explicit Server(std::optional<std::string> answer) : answer_(std::move(answer)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t octets = sizeof address;
        ::bind(socket_, reinterpret_cast<sockaddr*>(&address), octets);
        ::listen(socket_, 16);
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &octets);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~Server() {
        ::shutdown(socket_, SHUT_RDWR);
        thread_.join();
        ::close(socket_);
    }
    std::string asked() const {
        const std::lock_guard lock(mutex_);
        return asked_;
    }
    std::string url(const std::string& path = "/health") const { return "http://127.0.0.1:" + std::to_string(port) + path; }
    uint16_t port = 0;

private:
    void run() {
        std::vector<int> kept;
        for (int peer = 0; (peer = ::accept(socket_, nullptr, nullptr)) >= 0; kept.push_back(peer)) {
            char text[1024];
            const ssize_t octets = answer_ ? ::recv(peer, text, sizeof text, 0) : 0;
            const std::lock_guard lock(mutex_);
            if (octets > 0) asked_.assign(text, static_cast<size_t>(octets));
            if (answer_) ::send(peer, answer_->data(), answer_->size(), MSG_NOSIGNAL);
            if (answer_) ::shutdown(peer, SHUT_WR);
        }
        for (const int peer : kept) ::close(peer);
    }
    const std::optional<std::string> answer_;
    const int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mutable std::mutex mutex_;
    std::string asked_;
    std::thread thread_;
};

Check check_of(decltype(Check::what) what, std::chrono::milliseconds timeout = 5s) {
    Check check;
    check.what = std::move(what);
    check.timeout = timeout;
    return check;
}

Finding run(decltype(Check::what) what, std::chrono::milliseconds timeout = 5s) {
    const Check check = check_of(std::move(what), timeout);
    REQUIRE(validate_check(check));
    return run_check(check);
}

std::string refusal(const Check& check) {
    const auto good = validate_check(check);
    return good ? "taken" : good.error().detail;
}

uint16_t closed_port() { return Server(std::nullopt).port; }

}  // namespace

TEST_CASE("check: a port that somebody listens at, and one that nobody does") {
    const Server server(std::nullopt);
    CHECK(run(TcpCheck{"127.0.0.1", server.port}).health == Health::passing);
    const Finding refused = run(TcpCheck{"127.0.0.1", closed_port()});
    CHECK(refused.health == Health::critical);
    CHECK(refused.note == "connect: Connection refused");
    CHECK(run(TcpCheck{"no.such.host.invalid", 80}, 10s).note.starts_with("name: "));
}

TEST_CASE("check: what HTTP answers, and what is none") {
    const struct {
        const char* answer;
        Health health;
        const char* note;
    } table[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", Health::passing, "HTTP 200"},
        {"HTTP/1.0 204\r\n\r\n", Health::passing, "HTTP 204"},
        {"HTTP/1.1 429 Too Many Requests\r\n\r\n", Health::warning, "HTTP 429"},
        {"HTTP/1.1 302 Found\r\n\r\n", Health::critical, "HTTP 302"},
        {"HTTP/1.1 503 Service Unavailable\n\n", Health::critical, "HTTP 503"},
        {"HTTP/1.1 2000 OK\r\n", Health::critical, "the answer is not HTTP"},
        {"HTTP/1.1 200", Health::critical, "the connection was closed without an answer"},
        {"SSH-2.0-OpenSSH\r\n", Health::critical, "the answer is not HTTP"},
        {"", Health::critical, "the connection was closed without an answer"},
    };
    for (const auto& row : table) {
        INFO(row.answer);
        const Server server(row.answer);
        const Finding finding = run(HttpCheck{server.url()});
        CHECK(finding.health == row.health);
        CHECK(finding.note == row.note);
    }
    CHECK(run(HttpCheck{Server(std::string(10'000, 'x')).url()}).health == Health::critical);
    const Server server("HTTP/1.1 200 OK\r\n\r\n");
    CHECK(run(HttpCheck{server.url("/a?b=c#d")}).health == Health::passing);
    CHECK(server.asked() == "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port) +
                                "\r\nUser-Agent: belfry\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

TEST_CASE("check: one that does not answer is given up in time") {
    const Server server(std::nullopt);
    const auto begin = Clock::now();
    const Finding http = run(HttpCheck{server.url()}, 200ms);
    CHECK(http.health == Health::critical);
    CHECK(http.note == "no answer in time");
    const Finding command = run(CommandCheck{{"sh", "-c", "echo thinking; sleep 100 & sleep 100"}}, 1s);
    CHECK(command.health == Health::critical);
    CHECK(command.note == "did not end in time; thinking");
    CHECK(run(CommandCheck{{"yes"}}, 200ms).note.starts_with("did not end in time; "));  // there is always more
    // It has left its output to a process that goes on; that one is ended with it.
    CHECK(run(CommandCheck{{"sh", "-c", "sleep 100 &"}}, 200ms).health == Health::critical);
    CHECK(Clock::now() - begin >= 1600ms);
    CHECK(Clock::now() - begin < 20s);
}

TEST_CASE("check: a time that is over is over, also for what is always ready") {
    const checks::File zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    CHECK(checks::Deadline(20s, -1).wait(zeros.number(), POLLIN));
    CHECK_FALSE(checks::Deadline(0s, -1).wait(zeros.number(), POLLIN));
}

TEST_CASE("check: what a program says") {
    const struct {
        std::vector<std::string> words;
        Health health;
        const char* note;
    } table[] = {
        {{"true"}, Health::passing, "exit 0"},
        {{"sh", "-c", "echo fine; echo really >&2"}, Health::passing, "fine really"},
        {{"sh", "-c", "echo full >&2; exit 1"}, Health::warning, "full"},
        {{"sh", "-c", "exit 2"}, Health::critical, "exit 2"},
        {{"sh", "-c", "kill -9 $$"}, Health::critical, "killed by signal 9; "},
        {{"echo", "$HOME; `date`"}, Health::passing, "$HOME; `date`"},
        {{"cat"}, Health::passing, "exit 0"},
        {{"/no/such/program"}, Health::critical, "'/no/such/program': No such file or directory"},
    };
    for (const auto& row : table) {
        INFO(row.words.front());
        const Finding finding = run(CommandCheck{row.words});
        CHECK(finding.health == row.health);
        CHECK(finding.note == row.note);
    }
    const Finding much = run(CommandCheck{{"sh", "-c", "yes | head -c 1000000"}});
    CHECK(much.health == Health::passing);
    CHECK(much.note.size() > 500);
    CHECK(much.note.size() <= limits::instance_note_bytes_max);
}

TEST_CASE("check: what cannot be done is refused, with a sentence") {
    CHECK(refusal(check_of(TcpCheck{"", 80})) == "check: tcp: a host is wanted");
    CHECK(refusal(check_of(TcpCheck{"h", 0})) == "check: tcp: a port from 1 to 65535 is wanted");
    CHECK(refusal(check_of(CommandCheck{})) == "check: command: a program is wanted");
    CHECK(refusal(check_of(CommandCheck{{std::string("a\0b", 3)}})) == "check: command: a word has a NUL");
    CHECK(refusal(check_of(CommandCheck{std::vector<std::string>(257, "a")})) ==
          "check: command: too many or too long words");
    CHECK(refusal(check_of(HttpCheck{"http://[::1]:80/x"})) == "taken");
    CHECK(refusal(check_of(HttpCheck{"http://host"})) == "taken");
    const std::pair<const char*, const char*> urls[] = {
        {"https://host/", "no TLS here; check by a command (curl) instead"},
        {"host:80", "write http://HOST[:PORT][/PATH]"},
        {"http://", "a host is missing"},
        {"http://:80/", "a host is missing"},
        {"http://a:b@host/", "no user in a URL: everybody would see it"},
        {"http://host:0/", "a port is a number from 1 to 65535"},
        {"http://host:70000/", "a port is a number from 1 to 65535"},
        {"http://host:", "a port is a number from 1 to 65535"},
        {"http://[::1/", "']' is missing"},
        {"http://[::1]x/", "a port is a number from 1 to 65535"},
        {"http://host?x", "write a path before ? and #"},
        {"http://host/a b", "a URL has visible ASCII only"},
        {"http://host/\r\nX: y", "a URL has visible ASCII only"},
    };
    for (const auto& [url, sentence] : urls) {
        INFO(url);
        CHECK(refusal(check_of(HttpCheck{url})).ends_with(std::string("': ") + sentence));
    }
    Check check = check_of(TcpCheck{"h", 80});
    check.interval = 10ms;
    CHECK(refusal(check) == "check: interval: 100 ms to 24 hours");
    check.interval = 1s;
    CHECK(refusal(check) == "check: timeout: 1 ms to the interval");
    check.timeout = 1s;
    check.damping.failures_before_critical = 0;
    CHECK(refusal(check) == "check: failures_before_critical, successes_before_passing: 1 to 1000");
}

TEST_CASE("checker: a stuck check keeps no other waiting, and a removed one says nothing more") {
    const Server silent(std::nullopt), well("HTTP/1.1 200 OK\r\n\r\n");
    std::atomic<int> findings = 0, stuck = 0, removed = 0;
    Checker checker;
    const auto add = [&](const Server& server, std::chrono::milliseconds timeout, std::atomic<int>& count) {
        Check check = check_of(HttpCheck{server.url()}, timeout);
        check.interval = std::max<std::chrono::milliseconds>(timeout, 100ms);
        return *checker.add(check, [&count](Health, const std::string&) { ++count; });
    };
    for (int i = 0; i < 4; ++i) add(silent, 60s, stuck);
    for (int i = 0; i < 20; ++i) add(well, 100ms, findings);
    const uint64_t id = add(silent, 60s, removed);
    const auto end = Clock::now() + 20s;
    while (findings < 60 && Clock::now() < end) std::this_thread::sleep_for(10ms);
    CHECK(findings >= 60);
    const auto begin = Clock::now();
    checker.remove(id);
    CHECK(Clock::now() - begin < 10s);
    CHECK(removed == 0);
    CHECK(stuck == 0);
    checker.remove(id);  // once more is nothing
    CHECK(checker.add(check_of(CommandCheck{}), {}).error().code == Code::invalid_argument);
}  // and its end waits for nobody

TEST_CASE("checker: what it reports is damped, and there are only so many") {
    Checker checker;
    std::mutex mutex;
    std::string standing;
    // Well once, then not any more: there is such a folder.
    const std::string mark = "/tmp/belfry-check-" + std::to_string(::getpid());
    Check check = check_of(CommandCheck{{"mkdir", mark}}, 500ms);
    check.interval = 500ms;
    check.damping = {3, 2};
    const auto id = checker.add(check, [&](Health health, const std::string&) {
        const std::lock_guard lock(mutex);
        standing += health == Health::passing ? 'p' : health == Health::warning ? 'w' : 'c';
    });
    REQUIRE(id);
    const auto size = [&] {
        const std::lock_guard lock(mutex);
        return standing.size();
    };
    const auto end = Clock::now() + 20s;
    while (size() < 5 && Clock::now() < end) std::this_thread::sleep_for(10ms);
    checker.remove(*id);
    ::rmdir(mark.c_str());
    CHECK(standing.starts_with("pppw"));

    Check rare = check_of(CommandCheck{{"true"}});
    rare.interval = 24h;
    std::vector<uint64_t> ids;
    for (size_t i = 0; i < limits::checks_max; ++i) {
        const auto added = checker.add(rare, [](Health, const std::string&) {});
        if (!added) FAIL(to_string(added.error()));
        ids.push_back(*added);
    }
    CHECK(checker.add(rare, [](Health, const std::string&) {}).error().code == Code::busy);
}

}  // namespace belfry
