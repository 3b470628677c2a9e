// `belfry agent` beside a real hub: it registers, answers DNS, reads its file again, and never starts by half.
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>

#include "sdk/discovery/registry.hpp"
#include "sdk/dns/message.hpp"
#include "tests/support/one_hub.hpp"

using namespace belfry;
using namespace belfry::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* web = "[[service]]\nname = \"web\"\nid = \"w1\"\naddress = \"10.0.0.7\"\nport = 80\nttl = \"5s\"\n";

void ask(int socket, int port, const std::string& name, dns::Type type) {
    Bytes question("\x12\x34\x01\0\0\x01\0\0\0\0\0\0", 12);
    const auto labels = dns::parse_name(name);
    question += dns::name_data(*labels) + '\0' + static_cast<char>(type) + Bytes("\0\x01", 2);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::sendto(socket, question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to));
}

// What is asked of the agent on this port, by UDP; the rcode and how many answers. None: no answer within a second.
std::optional<std::pair<int, int>> resolve(int port, const std::string& name, dns::Type type) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    const timeval patience{2, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ask(socket, port, name, type);
    Bytes answer(2048, '\0');
    const auto size = ::recv(socket, answer.data(), answer.size(), 0);
    ::close(socket);
    if (size < 12) return {};
    return std::make_pair(answer[3] & 0x0F, static_cast<int>(answer[7]));
}

struct AgentBeside {
    const OneHub& one;
    const std::string config = one.directory.path() + "/agent.toml";
    const std::string output = one.directory.path() + "/agent.log";
    const int port = free_port_pair();
    std::unique_ptr<Process> process;

    explicit AgentBeside(const OneHub& hub) : one(hub) {}
    void write(const std::string& text) const { std::ofstream(config) << text; }
    std::vector<std::string> line(std::vector<std::string> more = {}) const {
        std::vector<std::string> words = {"agent", "--config", config, "--dns", "127.0.0.1:" + std::to_string(port)};
        words.insert(words.end(), more.begin(), more.end());
        return one.line(words);
    }
    void start() { process = std::make_unique<Process>(line(), output); }
    size_t times_said(const std::string& text) const {
        const std::string all = read_text(output);
        size_t count = 0;
        for (size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++count;
        return count;
    }
    bool said(const std::string& text) const {
        return wait_for([&] { return read_text(output).find(text) != std::string::npos; }, 20s);
    }
    bool answers(const std::string& name, dns::Type type, int rcode, int answers) const {
        return wait_for([&] { return resolve(port, name, type) == std::make_pair(rcode, answers); }, 20s);
    }
};

}  // namespace

TEST_CASE("agent: it registers its services, answers DNS about all, and deregisters them at the end",
          "[integration][agent]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    Instance other;
    other.service = "db";
    other.id = "d1";
    other.address = "10.0.0.9";
    other.port = 5432;
    const auto elsewhere = registry.register_instance(other);
    REQUIRE(elsewhere);
    AgentBeside agent(one);
    agent.write(web);
    agent.start();
    CHECK(agent.said("web/w1: registered"));
    CHECK(registry.find("web")->instances.size() == 1);
    CHECK(agent.answers("web.service.belfry", dns::Type::a, 0, 1));
    CHECK(agent.answers("_web._tcp.service.belfry", dns::Type::srv, 0, 1));
    CHECK(agent.answers("db.service.belfry", dns::Type::a, 0, 1));
    CHECK(agent.answers("d1.db.service.belfry", dns::Type::a, 0, 1));
    CHECK(agent.answers("nobody.service.belfry", dns::Type::a, 3, 0));
    CHECK(agent.answers("example.org", dns::Type::a, 5, 0));
    (*elsewhere)->report(Health::critical);
    CHECK(agent.answers("db.service.belfry", dns::Type::a, 0, 0));
    agent.process->signal(SIGTERM);
    CHECK(agent.process->wait(20) == 0);
    CHECK(registry.find("web")->instances.empty());
}

TEST_CASE("agent: SIGHUP reads the file again; one that is wrong changes nothing", "[integration][agent]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    AgentBeside agent(one);
    agent.write(web);
    agent.start();
    REQUIRE(agent.said("web/w1: registered"));
    const Revision created = registry.find("web")->instances.at(0).created;

    agent.write(std::string(web) + "weight = 70000\n");
    agent.process->signal(SIGHUP);
    CHECK(
        agent.said("agent.toml:7: service.weight: it must be a whole number from 0 to 65535; everything stays as it was"));
    CHECK(registry.find("web")->instances.size() == 1);

    agent.write(std::string(web) +
                "weight = 7\n[[service]]\nname = \"more\"\nid = \"m1\"\naddress = \"10.0.0.7\"\nport = 81\n");
    agent.process->signal(SIGHUP);
    CHECK(agent.said("more/m1: registered"));
    CHECK(wait_for([&] { return registry.find("web")->instances.at(0).weight == 7; }, 20s));
    CHECK(registry.find("web")->instances.at(0).created == created);  // it was never gone

    agent.write("[[service]]\nname = \"more\"\nid = \"m1\"\naddress = \"10.0.0.8\"\nport = 81\n");
    agent.process->signal(SIGHUP);
    CHECK(agent.said("web/w1: deregistered"));
    CHECK(wait_for(
        [&] {
            const auto found = registry.find("more");
            return found->instances.size() == 1 && found->instances[0].address == "10.0.0.8";
        },
        20s));
    CHECK(registry.find("web")->instances.empty());
}

TEST_CASE("agent: it starts whole or not at all", "[integration][agent]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    AgentBeside agent(one);
    agent.write(std::string(web) + "[[service]]\nname = \"Bad_Name\"\naddress = \"a\"\nport = 1\n");
    const auto wrong = run_program(agent.line());
    CHECK(wrong.exit_code == 5);
    CHECK(wrong.output.find("agent.toml:7: service: ") != std::string::npos);
    CHECK(run_program(agent.line({"--check-config"})).exit_code == 5);
    agent.write(web);
    CHECK(run_program(agent.line({"--check-config"})).output == "OK services: 1\n");
    CHECK(run_program(agent.line({"--check-config", "-o", "json"})).output == "{\"services\":1}\n");
    CHECK(run_program(one.line({"agent"})).exit_code == 2);

    AgentBeside first(one);
    first.write(web);
    first.start();
    REQUIRE(first.said("web/w1: registered"));
    std::ofstream(agent.config) << "[[service]]\nname = \"late\"\nid = \"l1\"\naddress = \"10.0.0.7\"\nport = 80\n";
    const auto taken =
        run_program(one.line({"agent", "--config", agent.config, "--dns", "127.0.0.1:" + std::to_string(first.port)}));
    CHECK(taken.exit_code == 7);
    CHECK(taken.output.find("cannot serve DNS on 127.0.0.1:" + std::to_string(first.port)) != std::string::npos);
    CHECK(registry.find("late")->instances.empty());
}

TEST_CASE("agent: a check that fails takes the service out of DNS", "[integration][agent]") {
    const OneHub one;
    AgentBeside agent(one);
    const std::string flag = one.directory.path() + "/good";
    std::ofstream(flag) << "good";
    // ls ends with 2 if there is no such file: critical, where 1 is a warning.
    agent.write(std::string(web) + "[[service.check]]\ncommand = [\"ls\", \"" + flag +
                "\"]\ninterval = \"200ms\"\nfailures_before_critical = 1\nsuccesses_before_passing = 1\n");
    agent.start();
    CHECK(agent.answers("web.service.belfry", dns::Type::a, 0, 1));
    ::unlink(flag.c_str());
    CHECK(agent.answers("web.service.belfry", dns::Type::a, 0, 0));
    std::ofstream(flag) << "good";
    CHECK(agent.answers("web.service.belfry", dns::Type::a, 0, 1));
}

TEST_CASE("agent: 300 made-up names keep no service from being found", "[integration][agent]") {
    const OneHub one;
    AgentBeside agent(one);
    agent.write(web);
    agent.start();
    REQUIRE(agent.said("web/w1: registered"));
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    // Asked for again and again, so that none is old enough to go by its age; not more at once than the system keeps.
    const auto ask_for_all = [&] {
        for (int i = 0; i < 300; ++i) {
            ask(socket, agent.port, "no" + std::to_string(i) + ".service.belfry", dns::Type::a);
            if (i % 50 == 49) std::this_thread::sleep_for(50ms);
        }
    };
    const auto found = [&] { return resolve(agent.port, "web.service.belfry", dns::Type::a) == std::make_pair(0, 1); };
    CHECK(wait_for([&] { return ask_for_all(), found(); }, 20s));
    ::close(socket);
}

TEST_CASE("agent: 8 services that go while the hub is silent are waited for once, and not called deregistered",
          "[integration][agent]") {
    OneHub one;
    AgentBeside agent(one);
    const auto service = [](const std::string& name) {
        return "[[service]]\nname = \"" + name + "\"\nid = \"a\"\naddress = \"10.0.0.7\"\nport = 80\n";
    };
    std::string file = service("keep");
    for (int i = 0; i < 8; ++i) file += service("s" + std::to_string(i));
    agent.write(file);
    agent.start();
    REQUIRE(wait_for([&] { return agent.times_said("/a: registered") == 9; }, 20s));
    one.hub.process().signal(SIGSTOP);
    agent.write(service("keep"));
    agent.process->signal(SIGHUP);
    std::this_thread::sleep_for(500ms);
    agent.process->signal(SIGTERM);
    CHECK(agent.process->wait(20) == 0);  // 5 s twice, not nine times
    CHECK(agent.times_said("ended, but perhaps found until its lease ends (10 s): ") == 9);
    CHECK(agent.times_said("deregistered") == 0);
    one.hub.process().signal(SIGCONT);
}

TEST_CASE("agent: a service that was displaced is there again after SIGHUP", "[integration][agent]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    AgentBeside agent(one);
    agent.write(web);
    agent.start();
    REQUIRE(agent.said("web/w1: registered"));
    Instance other;
    other.service = "web";
    other.id = "w1";
    other.address = "10.0.0.9";
    other.port = 80;
    const auto thief = registry.register_instance(other);
    REQUIRE(thief);
    agent.write(std::string(web) + "weight = 7\n");  // it looks at the hub
    agent.process->signal(SIGHUP);
    REQUIRE(agent.said("web/w1: displaced"));
    CHECK(registry.find("web")->instances.at(0).address == "10.0.0.9");
    agent.process->signal(SIGHUP);
    CHECK(wait_for([&] { return agent.times_said("web/w1: registered") == 2; }, 20s));
    CHECK(registry.find("web")->instances.at(0).address == "10.0.0.7");
    CHECK(agent.times_said("web/w1: deregistered") == 0);
}

TEST_CASE("agent: it ends in order when nobody reads what it says", "[integration][agent]") {
    const OneHub one;
    const Registry registry(one.hub.client());
    AgentBeside agent(one);
    agent.write("[[service]]\nname = \"web\"\nid = \"w1\"\naddress = \"10.0.0.7\"\nport = 80\nttl = \"60s\"\n");
    REQUIRE(::mkfifo(agent.output.c_str(), 0600) == 0);
    const int reader = ::open(agent.output.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    agent.start();
    std::array<char, 4096> line{};
    REQUIRE(wait_for([&] { return ::read(reader, line.data(), line.size()) > 0; }, 20s));
    REQUIRE(wait_for([&] { return registry.find("web")->instances.size() == 1; }, 20s));
    ::close(reader);
    CHECK(agent.process->wait(20) == 7);
    CHECK(registry.find("web")->instances.empty());
}
