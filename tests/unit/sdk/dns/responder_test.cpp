#include "sdk/dns/responder.hpp"

#include <map>
#include <set>

#include "tests/unit/sdk/dns/questions.hpp"

namespace belfry::dns {
namespace {

using namespace test;
using Services = std::map<std::string, std::vector<Instance>, std::less<>>;

Instance instance(const std::string& id, const std::string& address, Health health = Health::passing,
                  uint32_t weight = 100) {
    Instance one;
    one.service = "web";
    one.id = id;
    one.address = address;
    one.port = 8080;
    one.health = health;
    one.weight = weight;
    return one;
}

const Bytes ten_1("\x0a\0\0\1", 4), ten_2("\x0a\0\0\2", 4);

Responder responder(Services services, ResponderOptions options = {.ttl_s = 3, .negative_ttl_s = 7}) {
    return *Responder::create(options, [services](std::string_view name) -> std::shared_ptr<const std::vector<Instance>> {
        if (name == "unknown-yet") return nullptr;
        const auto found = services.find(name);
        return std::make_shared<std::vector<Instance>>(found == services.end() ? std::vector<Instance>{} : found->second);
    });
}

Responder usual() {
    return responder(
        {{"web",
          {instance("w1", "10.0.0.1"), instance("w2", "10.0.0.2", Health::warning, 50), instance("six", "2001:db8::1"),
           instance("bad", "10.0.0.3", Health::critical), instance("drained", "10.0.0.4", Health::passing, 0)}},
         {"named", {instance("h", "host.example.org")}},
         {"down", {instance("d", "10.0.0.9", Health::critical)}}});
}

Answer ask(const Responder& server, std::string_view name, Type type, Way way = Way::udp, uint64_t turn = 0) {
    const Response response = server.answer(question(name, type), way, turn);
    REQUIRE(response.kind == Response::Kind::send);
    return read_answer(response.octets);
}

std::set<Bytes> data_of(const std::vector<Record>& records) {
    std::set<Bytes> all;
    for (const Record& record : records) all.insert(record.data);
    return all;
}

}  // namespace

TEST_CASE("dns: a service's addresses are those of the instances that take work", "[dns][responder]") {
    const auto four = ask(usual(), "web.service.belfry", Type::a);
    CHECK(four.rcode() == Rcode::ok);
    CHECK(four.flags == 0x8500);  // an answer, authoritative, recursion desired and not available
    CHECK((data_of(four.answers()) == std::set<Bytes>{ten_1, ten_2}));
    CHECK(four.answers()[0].name == "web.service.belfry.");
    CHECK(four.answers()[0].ttl_s == 3);
    const auto six = ask(usual(), "web.service.belfry", Type::aaaa);
    REQUIRE(six.answers().size() == 1);
    CHECK(six.answers()[0].data == Bytes("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16));
    CHECK(ask(usual(), "web.service.belfry", Type::any).answers().size() == 3);
    CHECK(ask(usual(), "WEB.Service.BELFRY", Type::a).answers().size() == 2);
}

TEST_CASE("dns: SRV says port and weight, and the addresses stand beside it", "[dns][responder]") {
    for (const char* name : {"web.service.belfry", "_web._tcp.service.belfry", "_WEB._tcp.service.belfry"}) {
        const auto answer = ask(usual(), name, Type::srv);
        REQUIRE(answer.answers().size() == 3);
        CHECK((data_of(answer.answers()) ==
               std::set<Bytes>{u16(1) + u16(100) + u16(8080) + wire_name("w1.web.service.belfry"),
                               u16(1) + u16(50) + u16(8080) + wire_name("w2.web.service.belfry"),
                               u16(1) + u16(100) + u16(8080) + wire_name("six.web.service.belfry")}));
        CHECK(answer.additional().size() == 3);
        CHECK(answer.additional()[0].name.ends_with(".web.service.belfry."));
    }
    CHECK(ask(usual(), "_web._tcp.service.belfry", Type::any).answers().size() == 3);
    CHECK(ask(usual(), "_web._tcp.service.belfry", Type::a).answers().empty());
}

TEST_CASE("dns: an instance has its own name, whatever its health", "[dns][responder]") {
    CHECK(ask(usual(), "w1.web.service.belfry", Type::a).answers()[0].data == ten_1);
    CHECK(ask(usual(), "bad.web.service.belfry", Type::a).answers().size() == 1);
    CHECK(ask(usual(), "w1.web.service.belfry", Type::srv).answers().size() == 1);
    CHECK(ask(usual(), "w1.web.service.belfry", Type::aaaa).rcode() == Rcode::ok);
    CHECK(ask(usual(), "nobody.web.service.belfry", Type::a).rcode() == Rcode::no_such_name);
}

TEST_CASE("dns: an instance at a host name is an alias of it, and SRV names the host", "[dns][responder]") {
    const auto alias = ask(usual(), "h.named.service.belfry", Type::a);
    REQUIRE(alias.answers().size() == 1);
    CHECK(alias.answers()[0].type == Type::cname);
    CHECK(alias.answers()[0].data == wire_name("host.example.org"));
    const auto server = ask(usual(), "named.service.belfry", Type::srv);
    REQUIRE(server.answers().size() == 1);
    CHECK(server.answers()[0].data.ends_with(wire_name("host.example.org")));
    CHECK(server.additional().empty());
    CHECK(ask(usual(), "named.service.belfry", Type::a).answers().empty());
}

TEST_CASE("dns: no such name, and a name without such records, both with the SOA", "[dns][responder]") {
    for (const char* name :
         {"nobody.service.belfry", "web.elsewhere.belfry", "a.b.c.service.belfry", "x_y.service.belfry"}) {
        const auto answer = ask(usual(), name, Type::a);
        CHECK(answer.rcode() == Rcode::no_such_name);
        CHECK(answer.answers().empty());
        REQUIRE(answer.authority().size() == 1);
        CHECK(answer.authority()[0].type == Type::soa);
        CHECK(answer.authority()[0].name == "belfry.");
        CHECK(answer.authority()[0].ttl_s == 7);
    }
    for (const char* name : {"belfry", "service.belfry", "_tcp.service.belfry", "down.service.belfry"}) {
        const auto answer = ask(usual(), name, Type::a);
        CHECK(answer.rcode() == Rcode::ok);
        CHECK(answer.answers().empty());
        CHECK(answer.authority().size() == 1);
    }
    CHECK(ask(usual(), "belfry", Type::soa).answers().size() == 1);
}

TEST_CASE("dns: other zones, classes, transfers, versions and kinds of questions are refused", "[dns][responder]") {
    const auto server = usual();
    const auto rcode = [&](const Bytes& asked) {
        const auto response = server.answer(asked, Way::udp, 0);
        REQUIRE(response.kind == Response::Kind::send);
        return read_answer(response.octets).rcode();
    };
    CHECK(rcode(question("example.org", Type::a)) == Rcode::refused);
    CHECK(rcode(question("notbelfry", Type::a)) == Rcode::refused);
    CHECK(rcode(question("", Type::a)) == Rcode::refused);
    CHECK(rcode(question("web.service.belfry", Type::axfr)) == Rcode::refused);
    CHECK(rcode(question("web.service.belfry", Type::a, {}, 3)) == Rcode::refused);
    CHECK(rcode(question("web.service.belfry", Type::a).substr(0, 20)) == Rcode::format);
    CHECK(rcode(u16(0xBEEF) + u16(0x2800) + Bytes(8, '\0')) == Rcode::not_implemented);
    const auto version = server.answer(question("web.service.belfry", Type::a, opt(1232, 1)), Way::udp, 0);
    CHECK(version.octets[version.octets.size() - 6] == 1);
    CHECK(server.answer("short", Way::udp, 0).kind == Response::Kind::drop);
}

TEST_CASE("dns: what is not known yet is for later, and then a failure", "[dns][responder]") {
    const Bytes asked = question("unknown-yet.service.belfry", Type::a);
    CHECK(usual().answer(asked, Way::udp, 0).kind == Response::Kind::later);
    CHECK(read_answer(Responder::failure(asked)).rcode() == Rcode::failure);
}

TEST_CASE("dns: each of 5 instances is first in its turn", "[dns][responder]") {
    Services services;
    for (int i = 0; i < 5; ++i) services["web"].push_back(instance("w" + std::to_string(i), "10.0.0." + std::to_string(i)));
    const auto server = responder(services);
    std::set<Bytes> first;
    for (uint64_t turn = 0; turn < 5; ++turn)
        first.insert(ask(server, "web.service.belfry", Type::a, Way::udp, turn).answers()[0].data);
    CHECK(first.size() == 5);
}

TEST_CASE("dns: 100 addresses do not fit 512 octets; with EDNS0 more do, and by TCP all", "[dns][responder]") {
    Services services;
    for (int i = 0; i < 100; ++i)
        services["web"].push_back(instance("w" + std::to_string(i), "10.0.1." + std::to_string(i)));
    const auto server = responder(services);
    const auto size_and_answer = [&](const Bytes& asked, Way way) {
        const auto response = server.answer(asked, way, 3);
        return std::make_pair(response.octets.size(), read_answer(response.octets));
    };
    const auto [plain_octets, plain] = size_and_answer(question("web.service.belfry", Type::a), Way::udp);
    CHECK(plain_octets <= 512);
    CHECK(plain.truncated());
    CHECK(plain.answers().size() == 29);
    const auto [more_octets, more] = size_and_answer(question("web.service.belfry", Type::a, opt(4096)), Way::udp);
    CHECK(more_octets <= 1232);
    CHECK(more.truncated());
    CHECK(more.answers().size() > 70);
    const auto [tiny_octets, tiny] = size_and_answer(question("web.service.belfry", Type::a, opt(1)), Way::udp);
    CHECK(tiny_octets > 480);
    const auto [all_octets, all] = size_and_answer(question("web.service.belfry", Type::a), Way::tcp);
    CHECK_FALSE(all.truncated());
    CHECK(all.answers().size() == 100);
    CHECK(data_of(all.answers()).size() == 100);
    // Addresses beside SRV are left out without a word: the names can be asked for.
    const auto [srv_octets, servers] = size_and_answer(question("web.service.belfry", Type::srv), Way::tcp);
    CHECK(servers.answers().size() == 100);
    CHECK(servers.additional().size() == 100);
}

TEST_CASE("dns: 128 of 5000 instances are in an answer, others each time", "[dns][responder]") {
    Services services;
    for (int i = 0; i < 5000; ++i)
        services["web"].push_back(
            instance("w" + std::to_string(i), "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)));
    const auto server = responder(services);
    const auto one = ask(server, "web.service.belfry", Type::srv, Way::tcp, 0);
    CHECK(one.answers().size() == records_max);
    CHECK_FALSE(one.truncated());
    CHECK(one.answers()[0].data != ask(server, "web.service.belfry", Type::srv, Way::tcp, 1000).answers()[0].data);
}

TEST_CASE("dns: another domain", "[dns][responder]") {
    CHECK(ask(responder({{"web", {instance("w", "10.0.0.1")}}}, {.domain = "Hub.Example.org."}),
              "web.service.hub.example.org", Type::a)
              .answers()
              .size() == 1);
    CHECK(Responder::create({.domain = "a..b"}, {}).error().code == Code::invalid_argument);
    CHECK(Responder::create({.domain = std::string(60, 'a') + ".example"}, {}).error().code == Code::invalid_argument);
}

}  // namespace belfry::dns
