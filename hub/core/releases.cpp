#include "hub/core/releases.hpp"

#include <algorithm>
#include <charconv>

#include "sdk/base/hash.hpp"

namespace belfry::hub::core {

namespace {

std::string list_of(const std::vector<raft::Member>& members, auto&& is_meant) {
    std::string ids;
    for (const raft::Member& member : members) {
        if (is_meant(member.id)) ids += (ids.empty() ? "" : " ") + std::to_string(member.id);
    }
    return ids;
}

}  // namespace

uint64_t Releases::digest_of(const std::vector<protocol::PluginFacts>& plugins) {
    uint64_t digest = 1;
    for (const protocol::PluginFacts& plugin : plugins) {
        const bool decides =
            plugin.kind.starts_with("filter") || plugin.kind.starts_with("validator") || plugin.kind.starts_with("auth");
        if (!plugin.used || !decides) continue;
        Bytes facts;
        for (const auto* const fact : {&plugin.kind, &plugin.name, &plugin.version, &plugin.sha256}) facts += *fact + '\0';
        digest += hash64(facts);
    }
    return digest == 0 ? 1 : digest;
}

void Releases::tell(const std::vector<raft::Member>& members, uint64_t leader, uint64_t now_ms,
                    std::vector<MemberMessage>& out) {
    if (leader == leader_ && now_ms < tell_at_ms_) return;
    leader_ = leader;
    tell_at_ms_ = now_ms + tell_every_ms;
    for (const raft::Member& member : members) {
        if (member.id != own_id_) out.push_back({member.id, own_});
    }
}

uint64_t Releases::wake_at_ms(const std::vector<raft::Member>& members) const {
    return members.size() > 1 ? tell_at_ms_ : UINT64_MAX;
}

uint64_t Releases::format_in(BytesView content) {
    uint64_t format = 0;
    std::from_chars(content.data(), content.data() + content.size(), format);
    return format;
}

bool Releases::reads(uint64_t peer, uint64_t format, uint64_t now_ms) const {
    if (peer == own_id_) return own_.entry_format >= format;
    const auto told = told_.find(peer);
    return told != told_.end() && told->second.release.entry_format >= format && now_ms < told->second.at_ms + believed_ms;
}

Status Releases::may_write(uint64_t format, const std::vector<raft::Member>& members, uint64_t leads_since_ms,
                           uint64_t now_ms) const {
    if (format <= allowed_) return {};
    const std::string unable = list_of(members, [&](uint64_t id) { return !reads(id, format, now_ms); });
    if (unable.empty()) return {};
    const std::string why = "this write needs log entries of format " + std::to_string(format) + ", and ";
    if (now_ms < leads_since_ms + believed_ms) {
        return Error{Code::unavailable,
                     why + "the new leader does not know yet whether all members read it (not heard from: " + unable +
                         "); nothing was changed"};
    }
    return Error{Code::unsupported, why + "not all members have said that they read it: " + unable +
                                        " run an older release, or are down; upgrade or start them"};
}

bool Releases::leader_is_older(uint64_t leader) const {
    const auto told = told_.find(leader);
    return (told == told_.end() ? allowed_ : told->second.release.entry_format) < own_.entry_format;
}

Status Releases::leader_reads(uint64_t format, uint64_t leader) const {
    const auto told = told_.find(leader);
    const uint64_t known = told == told_.end() ? allowed_ : std::max(told->second.release.entry_format, allowed_);
    if (format <= known) return {};
    const std::string why = "this write needs log entries of format " + std::to_string(format) + ", and member " +
                            std::to_string(leader) + ", the leader, ";
    if (told == told_.end()) {
        return Error{Code::unavailable,
                     why + "has not said yet what it reads (an older release never does); nothing was changed"};
    }
    return Error{Code::unsupported, why + "reads no more than format " + std::to_string(known) + ": upgrade it"};
}

std::string Releases::behind(const std::vector<raft::Member>& members, uint64_t now_ms) const {
    return list_of(members, [&](uint64_t id) { return !reads(id, own_.entry_format, now_ms); });
}

std::string Releases::unlike(const std::vector<raft::Member>& members) const {
    return list_of(members, [&](uint64_t id) {
        const auto told = told_.find(id);
        const uint64_t theirs = told == told_.end() ? 0 : told->second.release.plugins;
        return theirs != 0 && theirs != own_.plugins;
    });
}

}  // namespace belfry::hub::core
