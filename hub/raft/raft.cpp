#include "hub/raft/raft.hpp"

#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

Result<std::unique_ptr<Raft>> Raft::create(const Options& options) {
    auto engine = std::make_unique<Engine>(options);
    if (auto initialised = engine->init(); !initialised) return initialised.error();
    return std::unique_ptr<Raft>(std::move(engine));
}

Entry Raft::bootstrap_entry(const std::vector<std::pair<uint64_t, std::string>>& voters) {
    std::vector<Member> members;
    for (const auto& [id, address] : voters) members.push_back({id, address, MemberRole::voter});
    return {Index{1}, Term{1}, EntryType::change, std::make_shared<const Bytes>(encode_members(members))};
}

}  // namespace belfry::hub::raft
