#include "sdk/dns/message.hpp"

#include "tests/unit/sdk/dns/questions.hpp"

namespace belfry::dns {
namespace {

using namespace test;

Bytes octets(std::initializer_list<int> numbers) {
    Bytes all;
    for (const int number : numbers) all += static_cast<char>(number);
    return all;
}

}  // namespace

TEST_CASE("dns: a question, octet by octet, and its answer", "[dns]") {
    const Bytes asked = octets({0x12, 0x34, 0x01, 0x00, 0, 1,   0,   0,   0,   0,   0,   0,                 // header
                                3,    'W',  'e',  'b',  7, 's', 'e', 'r', 'v', 'i', 'c', 'e', 6, 'b', 'E',  // name
                                'l',  'f',  'r',  'y',  0, 0,   1,   0,   1});                              // A, IN
    const auto query = parse_query(asked);
    REQUIRE(query);
    CHECK(query->well_formed);
    CHECK(query->id == 0x1234);
    CHECK((query->name == Name{"web", "service", "belfry"}));
    CHECK(query->type == 1);
    CHECK(query->query_class == 1);
    CHECK_FALSE(query->edns);

    MessageWriter writer(*query, 512);
    CHECK(writer.add(MessageWriter::Section::answer, query->name, Type::a, 5, octets({10, 0, 0, 7})));
    CHECK(writer.add(MessageWriter::Section::additional, Name{"ns", "belfry"}, Type::a, 258, octets({10, 0, 0, 8})));
    CHECK(writer.finish(Rcode::ok, true, false) ==
          octets({0x12, 0x34, 0x85, 0x00, 0, 1, 0, 1, 0, 0, 0, 1}) + asked.substr(12) +  // the question as it was
              octets({0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 0, 0, 7}) +
              octets({2, 'n', 's', 0xC0, 24, 0, 1, 0, 1, 0, 0, 1, 2, 0, 4, 10, 0, 0, 8}));
}

TEST_CASE("dns: EDNS0 is read, and answered with its own", "[dns]") {
    const auto query = parse_query(question("web.service.belfry", Type::a, opt(4096)));
    REQUIRE(query);
    REQUIRE(query->edns);
    CHECK(query->edns->udp_octets == 4096);
    CHECK(query->edns->version == 0);
    const Bytes answer = MessageWriter(*query, 512).finish(Rcode::bad_version, false, false);
    CHECK(answer.ends_with(octets({0, 0, 41, 0x04, 0xD0, 1, 0, 0, 0, 0, 0})));  // 1232 octets; 1 << 4 is BADVERS
    CHECK((answer[3] & 0x0F) == 0);
    CHECK(answer.substr(10, 2) == u16(1));
}

TEST_CASE("dns: what is no question is not answered, and what is malformed has no question to repeat", "[dns]") {
    const Bytes good = question("a.service.belfry", Type::a, opt(1232));
    CHECK_FALSE(parse_query(""));
    CHECK_FALSE(parse_query(good.substr(0, 11)));
    Bytes response = good;
    response[2] = static_cast<char>(0x80);
    CHECK_FALSE(parse_query(response));
    const auto malformed = [](const Bytes& message) {
        const auto query = parse_query(message);
        return query && !query->well_formed;
    };
    for (size_t size = 12; size < good.size(); ++size) CHECK(malformed(good.substr(0, size)));
    Bytes two = good;
    two[5] = 2;
    CHECK(malformed(two));
    Bytes pointer = question("x", Type::a);
    pointer[12] = static_cast<char>(0xC0);
    CHECK(malformed(pointer));
    Bytes twice = good + opt(1232);
    twice[11] = 2;
    CHECK(malformed(twice));
    Bytes endless = good;
    endless[10] = endless[11] = static_cast<char>(0xFF);
    CHECK(malformed(endless));
    const std::string label(63, 'a');
    CHECK_FALSE(malformed(question(label + "." + label + "." + label + "." + std::string(61, 'a'), Type::a)));
    CHECK(malformed(question(label + "." + label + "." + label + "." + std::string(62, 'a'), Type::a)));
}

TEST_CASE("dns: a record that does not fit is left out whole, and so are the names it had", "[dns]") {
    const auto query = parse_query(question("a.b", Type::a));
    MessageWriter writer(*query, 60);
    CHECK(writer.add(MessageWriter::Section::answer, Name{"a", "b"}, Type::a, 1, "1234"));
    CHECK_FALSE(writer.add(MessageWriter::Section::answer, Name{"somewhere", "b"}, Type::a, 1, "1234"));
    CHECK(writer.add(MessageWriter::Section::answer, Name{"b"}, Type::a, 1, "1234"));
    const Bytes all = writer.finish(Rcode::ok, true, true);
    CHECK(all.size() == 21 + 16 + 16);
    Bytes same_id = all;
    same_id[0] = static_cast<char>(0xBE), same_id[1] = static_cast<char>(0xEF);
    const Answer answer = read_answer(same_id);
    CHECK(answer.answers().size() == 2);
    CHECK(answer.truncated());
}

TEST_CASE("dns: names as text", "[dns]") {
    CHECK((parse_name("Web.Service.belfry.") == Name{"web", "service", "belfry"}));
    CHECK((parse_name("belfry") == Name{"belfry"}));
    for (const char* wrong : {"", ".", "a..b", ".a"}) CHECK_FALSE(parse_name(wrong));
    CHECK_FALSE(parse_name(std::string(64, 'a')));
    std::string longest;
    for (int i = 0; i < 126; ++i) longest += "a.";
    CHECK(parse_name(longest + "a"));
    CHECK_FALSE(parse_name(longest + "aa"));
}

TEST_CASE("dns: the data of SRV and SOA, octet by octet", "[dns]") {
    CHECK(srv_data(1, 100, 8080, {"a", "b"}) == octets({0, 1, 0, 100, 0x1F, 0x90, 1, 'a', 1, 'b', 0}));
    CHECK(soa_data({"n"}, {"m"}, 7, 5) ==
          octets({1, 'n', 0, 1, 'm', 0, 0, 0, 0, 7, 0, 0, 0x0E, 0x10, 0, 0, 2, 0x58, 0, 1, 0x51, 0x80, 0, 0, 0, 5}));
}

}  // namespace belfry::dns
