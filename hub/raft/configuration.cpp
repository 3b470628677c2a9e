#include "hub/raft/configuration.hpp"

#include <cstring>

#include "hub/base/assert.hpp"

namespace belfry::hub::raft {

namespace {

constexpr size_t header_bytes = 1 + 8;          // format, number of servers
constexpr size_t server_bytes_min = 8 + 1 + 1;  // id, an empty address' zero, role
constexpr size_t servers_max = 64;              // far more than a Raft group can use

Error corrupt(const std::string& what, size_t offset) {
    return {Code::corrupt, "membership entry: " + what + " at octet " + std::to_string(offset)};
}

uint64_t little_endian(BytesView octets) {
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;) value = value << 8 | static_cast<uint8_t>(octets[i]);
    return value;
}

// Walks the octets as libraft will, but with bounds.
Status check_bounds(BytesView octets) {
    if (octets.size() < header_bytes) return corrupt("cut off", octets.size());
    if (octets[0] != 1) return corrupt("unknown format " + std::to_string(static_cast<uint8_t>(octets[0])), 0);
    const uint64_t count = little_endian(octets.substr(1, 8));
    if (count == 0 || count > servers_max) return corrupt(std::to_string(count) + " members", 1);
    size_t at = header_bytes;
    for (uint64_t i = 0; i < count; ++i) {
        if (octets.size() - at < server_bytes_min) return corrupt("cut off", at);
        const size_t zero = octets.find('\0', at + 8);
        if (zero == BytesView::npos || zero + 1 >= octets.size()) return corrupt("address without end", at + 8);
        at = zero + 2;
    }
    return {};
}

}  // namespace

Bytes encode_members(const std::vector<Member>& members) {
    const ConfigurationPointer configuration(new raft_configuration{});
    raft_configuration_init(configuration.get());
    for (const Member& member : members) {
        const int role = member.role == MemberRole::voter ? RAFT_VOTER : RAFT_STANDBY;
        const int added = raft_configuration_add(configuration.get(), member.id, member.address.c_str(), role);
        BELFRY_ASSERT(added == 0);
    }
    return encode_configuration(*configuration);
}

Bytes encode_configuration(const raft_configuration& configuration) {
    raft_buffer buffer{};
    const int encoded = raft_configuration_encode(&configuration, &buffer);
    BELFRY_ASSERT(encoded == 0);
    Bytes octets(static_cast<const char*>(buffer.base), buffer.len);
    raft_free(buffer.base);
    return octets;
}

Result<ConfigurationPointer> decode_configuration(BytesView octets) {
    if (auto checked = check_bounds(octets); !checked) return checked.error();
    raft_buffer buffer{};
    buffer.base = const_cast<char*>(octets.data());
    buffer.len = octets.size();
    ConfigurationPointer configuration(new raft_configuration{});
    raft_configuration_init(configuration.get());
    if (const int decoded = raft_configuration_decode(&buffer, configuration.get()); decoded != 0) {
        raft_configuration_init(configuration.get());  // libraft has freed it
        return Error{Code::corrupt, std::string("membership entry: ") + raft_strerror(decoded)};
    }
    return configuration;
}

std::vector<Member> members_of(const raft_configuration& configuration) {
    std::vector<Member> members;
    for (unsigned i = 0; i < configuration.n; ++i) {
        const raft_server& server = configuration.servers[i];
        members.push_back({server.id, server.address, server.role == RAFT_VOTER ? MemberRole::voter : MemberRole::learner});
    }
    return members;
}

raft_configuration copy_configuration(const raft_configuration& configuration) {
    raft_configuration copy{};
    raft_configuration_init(&copy);
    for (unsigned i = 0; i < configuration.n; ++i) {
        const auto& server = configuration.servers[i];
        const int added = raft_configuration_add(&copy, server.id, server.address, server.role);
        BELFRY_ASSERT(added == 0);
    }
    return copy;
}

bool equal(const raft_configuration& left, const raft_configuration& right) {
    if (left.n != right.n) return false;
    for (unsigned i = 0; i < left.n; ++i) {
        const auto& one = left.servers[i];
        const auto& other = right.servers[i];
        if (one.id != other.id || one.role != other.role || std::strcmp(one.address, other.address) != 0) return false;
    }
    return true;
}

bool is_sole_voter(const raft_configuration& configuration, uint64_t id) {
    unsigned voters = 0;
    bool self = false;
    for (unsigned i = 0; i < configuration.n; ++i) {
        if (configuration.servers[i].role != RAFT_VOTER) continue;
        ++voters;
        self = self || configuration.servers[i].id == id;
    }
    return self && voters == 1;
}

}  // namespace belfry::hub::raft
