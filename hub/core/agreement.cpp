#include "hub/core/agreement.hpp"

#include <algorithm>

namespace belfry::hub::core {

namespace {

// Entries of which digests are kept: a member that is further behind or ahead is not compared there.
constexpr size_t kept_max = 64;

template <class Map>
void keep_newest(Map& map) {
    while (map.size() > kept_max) map.erase(map.begin());
}

}  // namespace

void Agreement::add(StateDigest own) {
    own_[own.index] = own.digest;
    keep_newest(own_);
    const auto said = others_.find(own.index);
    if (said == others_.end()) return;
    for (const auto& [peer, digest] : said->second) compare(peer, {own.index, digest});
}

void Agreement::receive(uint64_t peer, const StateDigest& digest) {
    if (!is_due(digest.index)) return;
    others_[digest.index][peer] = digest.digest;
    keep_newest(others_);
    compare(peer, digest);
}

void Agreement::compare(uint64_t peer, const StateDigest& digest) {
    const auto own = own_.find(digest.index);
    if (own == own_.end()) return;
    if (own->second == digest.digest) {
        differing_.erase(peer);
        checked_ = std::max(checked_, digest.index);
    } else {
        differing_.insert(peer);
    }
}

void Agreement::keep(const std::vector<raft::Member>& members) {
    std::erase_if(differing_, [&](uint64_t id) { return raft::find_member(members, id) == nullptr; });
}

std::optional<Agreement::Difference> Agreement::difference(const std::vector<raft::Member>& members) const {
    if (differing_.empty()) return std::nullopt;
    const size_t voters = raft::voters_in(members);
    for (const auto& [index, said] : others_) {
        const auto own = own_.find(index);
        if (own == own_.end()) continue;
        std::map<uint64_t, size_t> counts;
        for (const auto& [peer, digest] : said) {
            if (digest == own->second || !raft::votes(raft::find_member(members, peer))) continue;
            if (++counts[digest] > voters / 2) return Difference{index, own->second, digest};
        }
    }
    return std::nullopt;
}

}  // namespace belfry::hub::core
