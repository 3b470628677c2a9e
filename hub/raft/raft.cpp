#include "hub/raft/raft.hpp"

#include <algorithm>

#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

Result<std::unique_ptr<Raft>> Raft::create(const Options& options) {
    auto engine = std::make_unique<Engine>(options);
    if (auto initialised = engine->init(); !initialised) return initialised.error();
    return std::unique_ptr<Raft>(std::move(engine));
}

const Member* find_member(const std::vector<Member>& members, uint64_t id) {
    const auto found = std::find_if(members.begin(), members.end(), [&](const Member& member) { return member.id == id; });
    return found == members.end() ? nullptr : &*found;
}

size_t voters_in(const std::vector<Member>& members) {
    return static_cast<size_t>(
        std::count_if(members.begin(), members.end(), [](const Member& member) { return votes(&member); }));
}

bool is_majority(const std::vector<Member>& members, const std::set<uint64_t>& ids) {
    const auto count = std::count_if(members.begin(), members.end(),
                                     [&](const Member& member) { return votes(&member) && ids.contains(member.id); });
    return static_cast<size_t>(count) > voters_in(members) / 2;
}

Entry Raft::bootstrap_entry(const std::vector<std::pair<uint64_t, std::string>>& voters) {
    std::vector<Member> members;
    for (const auto& [id, address] : voters) members.push_back({id, address, MemberRole::voter});
    return {Index{1}, Term{1}, EntryType::change, std::make_shared<const Bytes>(encode_members(members))};
}

Result<std::vector<Member>> Raft::members_in(BytesView change) {
    const auto configuration = decode_configuration(change);
    if (!configuration) return configuration.error();
    return members_of(**configuration);
}

}  // namespace belfry::hub::raft
