#include "hub/settings/cluster.hpp"

#include <algorithm>
#include <charconv>

#include "hub/settings/keys.hpp"
#include "sdk/base/curve_keys.hpp"
#include "sdk/base/endpoint.hpp"
#include "sdk/base/hash.hpp"

namespace belfry::hub::settings {

namespace {

constexpr uint64_t election_heartbeats_min = 10;

std::string_view trimmed(std::string_view text) {
    const auto is_space = [](char octet) { return octet == ' ' || octet == '\n' || octet == '\t' || octet == '\r'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

bool parse_whole(std::string_view digits, uint64_t& number) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size();
}

Status check_endpoint(std::string_view endpoint) {
    const std::optional<TcpEndpoint> parts = parse_tcp_endpoint(endpoint);
    uint64_t port = 0;
    if (parts && parse_whole(parts->port, port) && port > 0 && port <= 65535) return {};
    return invalid("'" + std::string(endpoint) + "' is not where another member can be reached: write tcp://ADDRESS:PORT");
}

Result<Settings::ClusterMember> parse_member(std::string_view text) {
    Settings::ClusterMember member;
    const size_t equals = text.find('=');
    const std::string_view number = text.substr(0, std::min(equals, text.size()));
    if (equals == std::string_view::npos || !parse_whole(number, member.id) || member.id == 0 || member.id > INT64_MAX) {
        return invalid("'" + std::string(text) +
                       "' is not a member: write ID=tcp://ADDRESS:PORT, or with its public key "
                       "ID=tcp://ADDRESS:PORT KEY");
    }
    const std::string_view address = trimmed(text.substr(equals + 1));
    const size_t space = address.find(' ');
    member.endpoint = address.substr(0, space);
    if (space != std::string_view::npos) member.public_key = trimmed(address.substr(space));
    if (auto good = check_endpoint(member.endpoint); !good) return good.error();
    if (!member.public_key.empty() && member.public_key.size() != curve_key_characters) {
        return invalid("member " + std::to_string(member.id) + ": a public key has " +
                       std::to_string(curve_key_characters) + " characters, this one " +
                       std::to_string(member.public_key.size()));
    }
    return member;
}

}  // namespace

Result<std::vector<Settings::ClusterMember>> parse_members(std::string_view text) {
    std::vector<Settings::ClusterMember> members;
    while (!trimmed(text).empty()) {
        const size_t comma = text.find(',');
        auto member = parse_member(trimmed(text.substr(0, comma)));
        if (!member) return member.error();
        for (const auto& other : members) {
            if (other.id == member->id) return invalid("member " + std::to_string(member->id) + " is named twice");
            if (other.endpoint == member->endpoint) {
                return invalid("members " + std::to_string(other.id) + " and " + std::to_string(member->id) +
                               " have one address");
            }
        }
        members.push_back(std::move(*member));
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    return members;
}

std::string show_members(const std::vector<Settings::ClusterMember>& members) {
    std::string text;
    for (const auto& member : members) {
        text += (text.empty() ? "" : ", ") + std::to_string(member.id) + "=" + member.endpoint;
        if (!member.public_key.empty()) text += " " + member.public_key;
    }
    return text;
}

Status check_cluster(const Settings& settings) {
    const Settings::Cluster& cluster = settings.cluster;
    if (!cluster.endpoint.empty()) {
        if (auto good = check_endpoint(cluster.endpoint); !good) return invalid("cluster.endpoint: " + good.error().detail);
    }
    if (cluster.endpoint.empty() && (cluster.join || !cluster.members.empty())) {
        return invalid("cluster.members and cluster.join need cluster.endpoint, where the other members reach this one");
    }
    if (cluster.join && (cluster.id == 0 || cluster.members.empty())) {
        return invalid("cluster.join: set cluster.id and cluster.members as `belfry member add` printed them");
    }
    const bool named = std::any_of(cluster.members.begin(), cluster.members.end(),
                                   [&](const auto& member) { return member.id == settings.member.id; });
    if (!cluster.members.empty() && !cluster.join && !named) {
        return invalid("cluster.members does not name this member, " + std::to_string(settings.member.id) +
                       "; set member.id to its number, or cluster.join = true if the cluster exists already");
    }
    for (const auto& member : cluster.members) {
        if (!cluster.key_file.empty() && member.public_key.empty()) {
            return invalid("cluster.members: with cluster.key_file each member needs its public key; member " +
                           std::to_string(member.id) + " has none");
        }
    }
    if (cluster.election_timeout_ms < election_heartbeats_min * cluster.heartbeat_ms) {
        return invalid("cluster.election_timeout must be at least " + std::to_string(election_heartbeats_min) +
                       " times cluster.heartbeat, or members depose a leader that lives");
    }
    return {};
}

Result<CurveKeys> own_keys(const Settings& settings) {
    const std::string& path = settings.cluster.key_file;
    return path.empty() ? Result<CurveKeys>(CurveKeys{}) : load_key_file(path, "cluster.key_file");
}

uint64_t initial_cluster_id(const std::vector<Settings::ClusterMember>& members, std::string_view name) {
    auto sorted = members;
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    const uint64_t id = hash64(std::string(name) + "\n" + show_members(sorted));
    return id == 0 ? 1 : id;
}

}  // namespace belfry::hub::settings
