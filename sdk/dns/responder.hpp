// What is answered to a question about services. Pure: octets come in and go out; who knows the instances is asked.
//
//   web.service.belfry.               A, AAAA   the addresses of the service's instances that take work
//                                     SRV       port, weight and name of each; their addresses beside them
//   _web._tcp.service.belfry.         SRV       likewise (RFC 2782)
//   web1-4711.web.service.belfry.     A, AAAA, SRV   of the one instance, whatever its health
//   belfry.                           SOA
//
// "Take work": not critical, and weight above 0. An instance whose address is a host name is found by SRV, which names that
// host, and as a CNAME under its own name; it has no address under the service's.
// Answers: nobody of the service is registered, or no such name: NXDOMAIN; nobody takes work, or nothing of that type:
// no records (both with the SOA, RFC 2308); another zone or class, a transfer: REFUSED; ANY: the addresses (RFC 8482).
// The order is rotated, so that clients which take the first one spread; records_max are in an answer.
// UDP: what does not fit is left out and TC says so; the client asks again by TCP. Without EDNS0 512 octets fit, with it as
// many as the client says, 1232 at most.
#pragma once

#include <functional>
#include <memory>

#include "sdk/base/error.hpp"
#include "sdk/discovery/instance.hpp"
#include "sdk/dns/message.hpp"

namespace belfry::dns {

// Of one answer. More than a client tries, and with their addresses below 64 KiB.
inline constexpr size_t records_max = 128;
// So that the SOA fits beside the longest question, without EDNS0.
inline constexpr size_t domain_octets_max = 64;

struct ResponderOptions {
    std::string domain = "belfry";
    uint32_t ttl_s = 1;           // an instance that died is asked for so much longer
    uint32_t negative_ttl_s = 1;  // and a new service so much later
    friend bool operator==(const ResponderOptions&, const ResponderOptions&) = default;
};

enum class Way : uint8_t { udp, tcp };

struct Response {
    enum class Kind : uint8_t { send, drop, later };  // later: not known yet; ask again, or give up by failure()
    Kind kind = Kind::drop;
    Bytes octets = {};
};

class Responder {
public:
    // By name; NULL: not known yet. The name is one that a service may have.
    using Lookup = std::function<std::shared_ptr<const std::vector<Instance>>(std::string_view service)>;

    // `invalid_argument`: the domain is none, or longer than domain_octets_max.
    static Result<Responder> create(ResponderOptions options, Lookup lookup);

    // `turn`: another number each time, for the order.
    Response answer(BytesView message, Way way, uint64_t turn) const;
    // "I cannot tell now". REQUIRES: it was `later`.
    static Bytes failure(BytesView message);

private:
    struct Reply;
    Responder(ResponderOptions options, Lookup lookup, Name zone);
    Response of_zone(const Query& query, Reply& reply, uint64_t turn) const;
    Response of_service(const Query& query, Reply& reply, std::string_view service, std::string_view id,
                        uint64_t turn) const;
    void addresses(const Query& query, Reply& reply, const std::vector<const Instance*>& instances) const;
    void servers(Reply& reply, const std::vector<const Instance*>& instances) const;
    Name name_of(const Instance& instance) const;
    Response nothing(Reply& reply, Rcode rcode) const;

    const ResponderOptions options_;
    const Lookup lookup_;
    const Name zone_;
    const Bytes soa_;
};

}  // namespace belfry::dns
