#include "tests/sim/lease_lives.hpp"

#include <algorithm>
#include <utility>

namespace belfry::sim {

Status LeaseLives::grant(const protocol::LeaseGrantRequest& request, const Bytes& comment, uint64_t now_ms) {
    if (living_.contains(request.lease)) return {};
    last_grant_ = std::max(last_grant_ + 1, request.lease.value);
    Life life{all_.size() + 1, last_grant_, request.lease, request.ttl_s, comment, now_ms};
    if (life.id == LeaseId{}) life.id = {last_grant_};
    if (!granted_by_.emplace(comment, life.number).second) {
        return Error{Code::corrupt,
                     "the lease of " + comment + " is granted twice, again as " + std::to_string(life.id.value)};
    }
    living_[life.id] = life.number;
    all_.push_back(std::move(life));
    return {};
}

LeaseLives::Life* LeaseLives::living(LeaseId id) {
    const auto found = living_.find(id);
    return found == living_.end() ? nullptr : &all_[found->second - 1];
}

LeaseLives::Life* LeaseLives::meant_by(const hub::log::LeaseRevoke& revoke) {
    Life* const life = living(revoke.lease);
    return life != nullptr && life->grant == revoke.number ? life : nullptr;
}

void LeaseLives::end(Life& life, std::optional<Bytes> revoked_by, size_t deleted, uint64_t now_ms) {
    living_.erase(life.id);
    if (revoked_by) revoked_by_[*revoked_by] = life.number;
    life.ended_at_ms = now_ms;
    life.revoked_by = std::move(revoked_by);
    life.deleted = deleted;
}

const LeaseLives::Life* LeaseLives::granted_by(const Bytes& comment) const {
    const auto found = granted_by_.find(comment);
    return found == granted_by_.end() ? nullptr : &at(found->second);
}

const LeaseLives::Life* LeaseLives::revoked_by(const Bytes& comment) const {
    const auto found = revoked_by_.find(comment);
    return found == revoked_by_.end() ? nullptr : &at(found->second);
}

bool LeaseLives::was_granted_again(const Life& life) const {
    return std::any_of(all_.begin() + static_cast<std::ptrdiff_t>(life.number), all_.end(),
                       [&](const Life& other) { return other.id == life.id; });
}

}  // namespace belfry::sim
