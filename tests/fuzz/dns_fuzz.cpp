// Any octets as a question, by both ways: no crash, and an answer that is within its bound, says whose it is, and says so.
#include <cstdlib>

#include "sdk/dns/responder.hpp"

using namespace belfry;

namespace {

Instance instance(const std::string& id, const std::string& address) {
    Instance one;
    one.service = "web";
    one.id = id;
    one.address = address;
    one.port = 80;
    return one;
}

dns::Responder responder() {
    auto many = std::make_shared<std::vector<Instance>>();
    for (int i = 0; i < 40; ++i) many->push_back(instance("i" + std::to_string(i), "10.0.0." + std::to_string(i)));
    many->push_back(instance("six", "2001:db8::1"));
    many->push_back(instance("named", "host.example.org"));
    return *dns::Responder::create({}, [many](std::string_view service) {
        return service == "later" ? nullptr : std::shared_ptr<const std::vector<Instance>>(many);
    });
}

void check(BytesView question, const dns::Response& response, size_t octets_max) {
    if (response.kind != dns::Response::Kind::send) return;
    const Bytes& octets = response.octets;
    if (octets.size() < 12 || octets.size() > octets_max) std::abort();
    if (octets.substr(0, 2) != question.substr(0, 2) || (octets[2] & 0x80) == 0) std::abort();
    if (dns::parse_query(octets)) std::abort();  // an answer is no question: two servers never talk to each other
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const dns::Responder server = responder();
    const BytesView question(reinterpret_cast<const char*>(data), size);
    check(question, server.answer(question, dns::Way::udp, size), dns::udp_octets_max);
    check(question, server.answer(question, dns::Way::tcp, size), dns::message_octets_max);
    // Half of what is tried has a good header, so that the name and the records are reached.
    const Bytes with_header = Bytes("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01", 12) + Bytes(question);
    check(with_header, server.answer(with_header, dns::Way::udp, size), dns::udp_octets_max);
    (void)dns::Responder::failure(question);
    return 0;
}
