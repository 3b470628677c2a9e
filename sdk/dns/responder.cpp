#include "sdk/dns/responder.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace belfry::dns {
namespace {

constexpr uint16_t priority = 1;  // of all: no instance is kept back
constexpr uint32_t serial = 1;    // nobody transfers the zone

// The address as a record has it. None: it is of the other family, or a host name.
std::optional<Bytes> address_data(const std::string& address, Type type) {
    std::array<char, 16> octets{};
    const bool four = type == Type::a;
    if (::inet_pton(four ? AF_INET : AF_INET6, address.c_str(), octets.data()) != 1) return std::nullopt;
    return Bytes(octets.data(), four ? 4 : 16);
}

bool is_host_name(const Instance& instance) {
    return !address_data(instance.address, Type::a) && !address_data(instance.address, Type::aaaa);
}

bool takes_work(const Instance& instance) { return instance.health != Health::critical && instance.weight > 0; }

bool ends_with(const Name& name, const Name& zone) {
    return name.size() >= zone.size() && std::equal(zone.rbegin(), zone.rend(), name.rbegin());
}

size_t octets_for(const Query& query, Way way) {
    if (way == Way::tcp) return message_octets_max;
    if (!query.edns) return udp_octets_plain_max;
    return std::clamp<size_t>(query.edns->udp_octets, udp_octets_plain_max, udp_octets_max);
}

bool wants(const Query& query, Type type) { return query.type == static_cast<uint16_t>(type); }

Response send(Bytes octets) { return {Response::Kind::send, std::move(octets)}; }

Response refuse(const Query& query, Rcode rcode) {
    return send(MessageWriter(query, udp_octets_plain_max).finish(rcode, false, false));
}

}  // namespace

struct Responder::Reply {
    MessageWriter writer;
    bool any = false;
    bool truncated = false;

    void answer(const Name& name, Type type, uint32_t ttl_s, BytesView data) {
        any = true;
        if (!truncated) truncated = !writer.add(MessageWriter::Section::answer, name, type, ttl_s, data);
    }
};

Result<Responder> Responder::create(ResponderOptions options, Lookup lookup) {
    auto zone = parse_name(options.domain);
    if (!zone || options.domain.size() > domain_octets_max)
        return Error{Code::invalid_argument, "'" + options.domain + "' is no domain of 64 octets at most"};
    return Responder(std::move(options), std::move(lookup), *std::move(zone));
}

Responder::Responder(ResponderOptions options, Lookup lookup, Name zone)
    : options_(std::move(options)), lookup_(std::move(lookup)), zone_(std::move(zone)), soa_([&] {
          Name primary = zone_, mailbox = zone_;
          primary.insert(primary.begin(), "ns");
          mailbox.insert(mailbox.begin(), "hostmaster");
          return soa_data(primary, mailbox, serial, options_.negative_ttl_s);
      }()) {}

Response Responder::answer(BytesView message, Way way, uint64_t turn) const {
    const auto query = parse_query(message);
    if (!query) return {};
    if (query->opcode != 0) return refuse(*query, Rcode::not_implemented);
    if (!query->well_formed) return refuse(*query, Rcode::format);
    if (query->edns && query->edns->version != 0) return refuse(*query, Rcode::bad_version);
    if (query->query_class != class_in && query->query_class != class_any) return refuse(*query, Rcode::refused);
    if (wants(*query, Type::axfr) || wants(*query, Type::ixfr)) return refuse(*query, Rcode::refused);
    if (!ends_with(query->name, zone_)) return refuse(*query, Rcode::refused);
    Reply reply{MessageWriter(*query, octets_for(*query, way))};
    return of_zone(*query, reply, turn);
}

Bytes Responder::failure(BytesView message) {
    const auto query = parse_query(message);
    return query ? refuse(*query, Rcode::failure).octets : Bytes();
}

Response Responder::nothing(Reply& reply, Rcode rcode) const {
    reply.writer.add(MessageWriter::Section::authority, zone_, Type::soa, options_.negative_ttl_s, soa_);
    return send(reply.writer.finish(rcode, true, false));
}

// By what stands before the zone.
Response Responder::of_zone(const Query& query, Reply& reply, uint64_t turn) const {
    const size_t own = query.name.size() - zone_.size();
    const auto label = [&](size_t i) -> const std::string& { return query.name[i]; };
    if (own == 0 && (wants(query, Type::soa) || wants(query, Type::any))) {
        reply.answer(zone_, Type::soa, options_.negative_ttl_s, soa_);
        return send(reply.writer.finish(Rcode::ok, true, reply.truncated));
    }
    if (own == 0) return nothing(reply, Rcode::ok);
    if (label(own - 1) != "service") return nothing(reply, Rcode::no_such_name);
    if (own == 1) return nothing(reply, Rcode::ok);
    if (own == 2 && label(0) == "_tcp") return nothing(reply, Rcode::ok);
    if (own == 2) return of_service(query, reply, label(0), {}, turn);
    if (own == 3 && label(1) == "_tcp" && label(0).starts_with('_')) {
        Query srv = query;
        if (wants(query, Type::any)) srv.type = static_cast<uint16_t>(Type::srv);
        if (!wants(srv, Type::srv)) srv.type = 0;  // nothing else is there
        return of_service(srv, reply, label(0).substr(1), {}, turn);
    }
    if (own == 3) return of_service(query, reply, label(1), label(0), turn);
    return nothing(reply, Rcode::no_such_name);
}

Response Responder::of_service(const Query& query, Reply& reply, std::string_view service, std::string_view id,
                               uint64_t turn) const {
    if (!check_service_name("service", service)) return nothing(reply, Rcode::no_such_name);
    const auto all = lookup_(service);
    if (!all) return {Response::Kind::later, {}};
    std::vector<const Instance*> chosen;
    bool exists = false;
    for (const Instance& instance : *all) {
        if (!id.empty() && instance.id != id) continue;
        exists = true;
        if (!id.empty() || takes_work(instance)) chosen.push_back(&instance);
    }
    if (!exists) return nothing(reply, Rcode::no_such_name);
    if (!chosen.empty()) {
        const auto first = static_cast<std::ptrdiff_t>(turn % chosen.size());
        std::rotate(chosen.begin(), chosen.begin() + first, chosen.end());
    }
    if (chosen.size() > records_max) chosen.resize(records_max);
    if (!id.empty() && query.type != 0 && !wants(query, Type::srv) && is_host_name(*chosen[0])) {
        if (const auto host = parse_name(chosen[0]->address))
            reply.answer(query.name, Type::cname, options_.ttl_s, name_data(*host));
    } else if (wants(query, Type::srv)) {
        servers(reply, chosen);
    } else {
        addresses(query, reply, chosen);
    }
    if (!reply.any) return nothing(reply, Rcode::ok);
    return send(reply.writer.finish(Rcode::ok, true, reply.truncated));
}

void Responder::addresses(const Query& query, Reply& reply, const std::vector<const Instance*>& instances) const {
    for (const Type type : {Type::a, Type::aaaa}) {
        if (!wants(query, type) && !wants(query, Type::any)) continue;
        std::vector<Bytes> told;  // several instances of one machine have one address
        for (const Instance* instance : instances) {
            const auto data = address_data(instance->address, type);
            if (!data || std::find(told.begin(), told.end(), *data) != told.end()) continue;
            reply.answer(query.name, type, options_.ttl_s, *data);
            told.push_back(*data);
        }
    }
}

Name Responder::name_of(const Instance& instance) const {
    Name name = {instance.id, instance.service, "service"};
    name.insert(name.end(), zone_.begin(), zone_.end());
    return name;
}

void Responder::servers(Reply& reply, const std::vector<const Instance*>& instances) const {
    for (const Instance* instance : instances) {
        const auto host = is_host_name(*instance) ? parse_name(instance->address) : std::optional(name_of(*instance));
        if (!host) continue;
        const auto weight = static_cast<uint16_t>(std::min(instance->weight, limits::instance_weight_max));
        reply.answer(reply.writer.question_name(), Type::srv, options_.ttl_s,
                     srv_data(priority, weight, instance->port, *host));
    }
    if (reply.truncated) return;
    for (const Instance* instance : instances) {
        for (const Type type : {Type::a, Type::aaaa}) {
            const auto data = address_data(instance->address, type);
            if (!data) continue;
            if (!reply.writer.add(MessageWriter::Section::additional, name_of(*instance), type, options_.ttl_s, *data))
                return;
        }
    }
}

}  // namespace belfry::dns
