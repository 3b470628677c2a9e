#include "sdk/agent/settings.hpp"

#include <catch2/catch_test_macros.hpp>
#include <fstream>

namespace belfry::agent {
namespace {

using namespace std::chrono_literals;

constexpr const char* whole = R"(
[dns]
listen = "127.0.0.1:8600"
domain = "example"
ttl = "5s"

[[service]]
name = "web"
id = "w1"
address = "10.0.0.5"
port = 80
weight = 50
labels = { zone = "a", canary = "" }
ttl = "30s"
withdraw_after = "1m"

[[service.check]]
tcp = "[::1]:80"
interval = "1s"

[[service.check]]
http = "http://127.0.0.1:80/health"
timeout = "500ms"
failures_before_critical = 1

[[service.check]]
command = ["/bin/true", "-x"]

[[service]]
name = "db"
address = "10.0.0.5"
port = 5432
)";

std::string wrong(const std::string& text) {
    const auto settings = parse_settings("agent.toml", text);
    return settings ? "nothing is wrong" : settings.error().detail;
}

// A good service, and one line more, the sixth.
std::string service_with(const std::string& line) {
    return wrong("[[service]]\nname = \"web\"\nid = \"w1\"\naddress = \"10.0.0.5\"\nport = 80\n" + line + "\n");
}

}  // namespace

TEST_CASE("agent: everything that a file can say", "[agent]") {
    const auto settings = parse_settings("agent.toml", whole);
    if (!settings) FAIL(settings.error().detail);
    CHECK(settings->dns.listen == "127.0.0.1:8600");
    CHECK(settings->dns.responder.domain == "example");
    CHECK(settings->dns.responder.ttl_s == 5);
    CHECK(settings->dns.responder.negative_ttl_s == 1);
    REQUIRE(settings->services.size() == 2);
    const ServiceSettings& web = settings->services[0];
    CHECK(web.instance.service == "web");
    CHECK(web.instance.id == "w1");
    CHECK(web.instance.address == "10.0.0.5");
    CHECK(web.instance.port == 80);
    CHECK(web.instance.weight == 50);
    CHECK((web.instance.labels == std::map<std::string, std::string>{{"canary", ""}, {"zone", "a"}}));
    CHECK(web.ttl == 30s);
    CHECK(web.withdraw_after == 1min);
    REQUIRE(web.checks.size() == 3);
    CHECK(std::get<TcpCheck>(web.checks[0].what).host == "::1");
    CHECK(std::get<TcpCheck>(web.checks[0].what).port == 80);
    CHECK(web.checks[0].interval == 1s);
    CHECK(web.checks[0].timeout == 1s);  // never longer than the interval, unless it is said
    CHECK(std::get<HttpCheck>(web.checks[1].what).url == "http://127.0.0.1:80/health");
    CHECK(web.checks[1].timeout == 500ms);
    CHECK(web.checks[1].damping.failures_before_critical == 1);
    CHECK((std::get<CommandCheck>(web.checks[2].what).words == std::vector<std::string>{"/bin/true", "-x"}));
    const ServiceSettings& db = settings->services[1];
    CHECK(db.instance.id == usual_id(5432));
    CHECK(db.ttl == 10s);
    CHECK(db.checks.empty());
}

TEST_CASE("agent: what is wrong is told with file, line and key, and nothing of the file is taken", "[agent]") {
    CHECK(service_with("") == "nothing is wrong");
    CHECK(service_with("wieght = 3").starts_with("agent.toml:6: service.wieght: there is no such key; here are name, id"));
    CHECK(service_with("weight = 70000") == "agent.toml:6: service.weight: it must be a whole number from 0 to 65535");
    CHECK(service_with("weight = \"3\"") == "agent.toml:6: service.weight: it must be a whole number from 0 to 65535");
    CHECK(service_with("ttl = \"1500ms\"") == "agent.toml:6: service.ttl: it must be whole seconds");
    CHECK(service_with("ttl = \"0s\"") == "agent.toml:6: service.ttl: it must be from 1s to 30d");
    CHECK(service_with("ttl = 10").starts_with("agent.toml:6: service.ttl: it must be a time, such as"));
    CHECK(service_with("labels = 3").starts_with("agent.toml:6: service.labels: it must be a table"));
    CHECK(service_with("labels = { a = 1 }") == "agent.toml:6: service.labels: 'a' must be a text in quotes");
    CHECK(service_with("check = 1") == "agent.toml:6: service.check: each one begins with [[service.check]]");
    CHECK(service_with("port = 81").starts_with("agent.toml:6: "));  // TOML's own word for a key twice
    CHECK(service_with("[[service.check]]") == "agent.toml:6: service.check: one of tcp, http and command must be there");
    CHECK(service_with("[[service.check]]\ntcp = \"a:1\"\nhttp = \"http://a\"") ==
          "agent.toml:6: service.check: one of tcp, http and command must be there");
    CHECK(service_with("[[service.check]]\ntcp = \"a\"") == "agent.toml:7: service.check.tcp: it must be HOST:PORT");
    CHECK(
        service_with("[[service.check]]\ntcp = \"a:1\"\ninterval = \"1ms\"").starts_with("agent.toml:6: service.check: "));
    CHECK(service_with("[[service]]\nname = \"web\"\nid = \"w1\"\naddress = \"a\"\nport = 1") ==
          "agent.toml:6: service: 'web/w1' is there twice: say another id");
    CHECK(wrong("[[service]]\nname = \"web\"\nport = 80\n") == "agent.toml:1: service: 'address' must be there");
    CHECK(wrong("[[service]]\nname = \"We_b\"\naddress = \"a\"\nport = 80\n").starts_with("agent.toml:1: service: "));
    CHECK(wrong("[service]\nname = \"web\"\n") == "agent.toml:1: service: each one begins with [[service]]");
    CHECK(wrong("[[dns]]\n") == "agent.toml:1: dns: it begins with [dns]");
    CHECK(wrong("[dns]\nlisten = \"here\"\n").starts_with("agent.toml:2: dns.listen: 'here' is no ADDRESS:PORT"));
    CHECK(wrong("[dns]\ndomain = \"a..b\"\n").starts_with("agent.toml:2: dns.domain: 'a..b' is no domain"));
    CHECK(wrong("[dsn]\n").starts_with("agent.toml:1: dsn: there is no such key; here are dns, service"));
    CHECK(wrong("a = \n").starts_with("agent.toml:1: "));
}

TEST_CASE("agent: bounds of a file", "[agent]") {
    std::string checks, services;
    for (size_t i = 0; i <= limits::instance_checks_max; ++i) checks += "[[service.check]]\ntcp = \"a:1\"\n";
    CHECK(service_with(checks).find("16 checks of a service are the bound") != std::string::npos);
    for (size_t i = 0; i <= services_max; ++i)
        services += "[[service]]\nname = \"s" + std::to_string(i) + "\"\naddress = \"a\"\nport = 1\n";
    CHECK(wrong(services) == "agent.toml:1: service: 256 services are the bound");
    const auto with_checks = [](size_t service_count, size_t checks_of_the_last) {
        std::string text;
        for (size_t i = 1; i <= service_count; ++i) {
            text += "[[service]]\nname = \"s" + std::to_string(i) + "\"\naddress = \"a\"\nport = 1\n";
            const size_t count = i < service_count ? limits::instance_checks_max : checks_of_the_last;
            for (size_t k = 0; k < count; ++k) text += "[[service.check]]\ntcp = \"a:1\"\n";
        }
        return wrong(text);
    };
    CHECK(with_checks(64, 16) == "nothing is wrong");
    CHECK(with_checks(65, 1) == "agent.toml:2309: service.check: 1024 checks of all services together are the bound");
    std::string deep;
    for (int i = 0; i < 200'000; ++i) deep += "a.";
    CHECK(wrong("[dns]\n" + deep + "b = 1\n") == "agent.toml:2: nested deeper than 128");
    CHECK(read_settings("/no/such/file").error().code == Code::io);
    CHECK(read_settings("/no/such/file").error().detail == "/no/such/file: No such file or directory");
}

TEST_CASE("agent: weight and labels are no other service, everything else is", "[agent]") {
    const auto text = [](const std::string& line) {
        return parse_settings("a", "[[service]]\nname = \"web\"\naddress = \"a\"\nport = 80\n" + line)->services[0].text;
    };
    CHECK(text("") == text("weight = 7\nlabels = { zone = \"b\" }"));
    CHECK(text("") != text("ttl = \"9s\""));
    CHECK(text("[[service.check]]\ntcp = \"a:1\"") != text("[[service.check]]\ntcp = \"a:2\""));
}

}  // namespace belfry::agent
