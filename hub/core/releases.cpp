#include "hub/core/releases.hpp"

#include <algorithm>
#include <charconv>

namespace belfry::hub::core {

void Releases::tell(const std::vector<raft::Member>& members, uint64_t leader, uint64_t now_ms,
                    std::vector<MemberMessage>& out) {
    if (leader == leader_ && now_ms < tell_at_ms_) return;
    leader_ = leader;
    tell_at_ms_ = now_ms + tell_every_ms;
    for (const raft::Member& member : members) {
        if (member.id != own_id_) out.push_back({member.id, Release{own_format_}});
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
    if (peer == own_id_) return own_format_ >= format;
    const auto told = told_.find(peer);
    return told != told_.end() && told->second.format >= format && now_ms < told->second.at_ms + believed_ms;
}

Status Releases::may_write(uint64_t format, const std::vector<raft::Member>& members, uint64_t leads_since_ms,
                           uint64_t now_ms) const {
    if (format <= allowed_) return {};
    std::string unable;
    for (const raft::Member& member : members) {
        if (!reads(member.id, format, now_ms)) unable += (unable.empty() ? "" : " ") + std::to_string(member.id);
    }
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
    return told == told_.end() ? own_format_ > of_all_ : told->second.format < own_format_;
}

Status Releases::leader_reads(uint64_t format, uint64_t leader) const {
    const auto told = told_.find(leader);
    const uint64_t known = told == told_.end() ? of_all_ : std::max(told->second.format, of_all_);
    if (format <= known) return {};
    return Error{Code::unsupported, "this write needs log entries of format " + std::to_string(format) + ", and member " +
                                        std::to_string(leader) +
                                        ", the leader, has not said that it reads more than format " +
                                        std::to_string(known) + ": upgrade it"};
}

std::string Releases::behind(const std::vector<raft::Member>& members, uint64_t now_ms) const {
    std::string ids;
    for (const raft::Member& member : members) {
        if (!reads(member.id, own_format_, now_ms)) ids += (ids.empty() ? "" : " ") + std::to_string(member.id);
    }
    return ids;
}

}  // namespace belfry::hub::core
