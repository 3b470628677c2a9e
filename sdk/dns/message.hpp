// The octets of DNS messages, as far as a server of one small zone needs them. Pure.
// Sources: RFC 1035, 4.1 (form), 2782 (SRV), 2308 (negative answers), 6891 (EDNS0).
//
//   message  := header question? answer* authority* additional*        integers are big-endian
//   header   := id:2 flags:2 qdcount:2 ancount:2 nscount:2 arcount:2
//   flags    := QR:1 opcode:4 AA:1 TC:1 RD:1 RA:1 Z:3 rcode:4
//   question := name type:2 class:2
//   record   := name type:2 class:2 ttl:4 size:2 octets
//   name     := (size:1 octets)* 0:1 | (size:1 octets)* pointer:2      a pointer: 11 and 14 bits, a place in the message
//
// Names are read in lower case, for that is how they are compared; a question is answered with the octets that it had.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/types.hpp"

namespace belfry::dns {

// RFC 1035, 2.3.4 and 4.2.
inline constexpr size_t label_octets_max = 63;
inline constexpr size_t name_octets_max = 255;
inline constexpr size_t udp_octets_plain_max = 512;
inline constexpr size_t message_octets_max = 65535;
// Larger UDP answers are cut up on their way in some networks, and then lost; www.dnsflagday.net/2020.
inline constexpr size_t udp_octets_max = 1232;

enum class Type : uint16_t {
    a = 1,
    ns = 2,
    cname = 5,
    soa = 6,
    aaaa = 28,
    srv = 33,
    opt = 41,
    ixfr = 251,
    axfr = 252,
    any = 255
};
enum class Rcode : uint16_t {
    ok = 0,
    format = 1,
    failure = 2,
    no_such_name = 3,
    not_implemented = 4,
    refused = 5,
    bad_version = 16
};
inline constexpr uint16_t class_in = 1;
inline constexpr uint16_t class_any = 255;

// From the left, without the root: {"web", "service", "belfry"}.
using Name = std::vector<std::string>;
// "web.service.belfry." or without the last dot, in lower case. None: a label or all of it is too long, or a label empty.
std::optional<Name> parse_name(std::string_view text);

struct Query {
    uint16_t id = 0;
    uint16_t flags = 0;
    uint8_t opcode = 0;
    bool well_formed = false;  // what follows holds
    Name name;
    uint16_t type = 0;
    uint16_t query_class = 0;
    Bytes question;  // as it came
    struct Edns {
        uint16_t udp_octets;
        uint8_t version;
    };
    std::optional<Edns> edns;
};
// None: no query at all, and nothing may be answered.
std::optional<Query> parse_query(BytesView message);

// An answer as it grows. What does not fit is left out whole, and said.
class MessageWriter {
public:
    // With the query's question, if it was well formed.
    MessageWriter(const Query& query, size_t octets_max);

    const Name& question_name() const { return query_.name; }
    // In this order. False: it does not fit, and nothing was written.
    enum class Section : uint8_t { answer, authority, additional };
    bool add(Section section, const Name& name, Type type, uint32_t ttl_s, BytesView data);
    Bytes finish(Rcode rcode, bool authoritative, bool truncated);

private:
    void write_name(const Name& name);
    Query query_;
    const size_t octets_max_;
    Bytes out_;
    uint16_t counts_[3] = {};
    std::map<std::string, uint16_t> places_;  // of names that were written, each with all that ends them
};

// What records say. A name is written whole.
Bytes name_data(const Name& name);
Bytes srv_data(uint16_t priority, uint16_t weight, uint16_t port, const Name& target);
Bytes soa_data(const Name& primary, const Name& mailbox, uint32_t serial, uint32_t negative_ttl_s);

}  // namespace belfry::dns
