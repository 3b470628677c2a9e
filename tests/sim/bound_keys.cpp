#include "tests/sim/bound_keys.hpp"

namespace belfry::sim {

namespace {

constexpr uint64_t come_ms_max = 2000;  // some round trips
// A mark a second says what was lost; then it is fetched.
constexpr uint64_t heard_ms_max = 2500;
// A second, as the headers say; and what it takes to apply the end of a lease.
constexpr uint64_t gone_ms_max = 1000 + 300;

}  // namespace

// ---- the log ----

Status BoundKeys::on_change(const ChangeSet& change) {
    for (const Event& event : change.events) {
        if (!is_ours(event.kv.key)) continue;
        happened_ms_[change.revision] = world_.now();
        const bool is_put = event.type == EventType::put;
        if (Status good = is_put ? take_put(change, event.kv) : take_erase(change, event.kv.key); !good) return good;
    }
    return check_leases();
}

// One that is late is bound to the lease of an earlier life. That it lives is the truth's business.
Status BoundKeys::take_put(const ChangeSet& change, const KeyValue& kv) {
    const auto* const lease = truth_.leases().living(kv.lease);
    const uint64_t life = lease != nullptr ? lease->number : lives_[change.author];
    if (life == 0 || !truth_.leases().at(life).granted_by.starts_with(change.author + "#"))
        return Error{Code::corrupt, "key " + kv.key + " is put by " + change.author + " with the lease of somebody else"};
    keys_[kv.key] = {change.author, kv.create_revision, life};
    return {};
}

Status BoundKeys::take_erase(const ChangeSet& change, const Bytes& key) {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return {};
    const Key was = found->second;
    keys_.erase(found);
    if (is_overdue(was))
        return Error{Code::corrupt, "key " + key + " outlives " + was.owner + ", who is silent, for too long"};
    const bool by_word = change.author == was.owner || deleters_.contains(change.author);
    if (by_word || !truth_.leases().at(was.life).lives()) return {};
    return Error{Code::corrupt,
                 "key " + key + " of " + was.owner + " is deleted by " + change.author + ", and its lease lives"};
}

Status BoundKeys::check_leases() const {
    for (const auto& [key, one] : keys_) {
        const auto& life = truth_.leases().at(one.life);
        if (life.lives()) continue;
        return Error{Code::corrupt, "key " + key + " of " + one.owner + " is there, and its lease " +
                                        std::to_string(life.id.value) + " has ended"};
    }
    return {};
}

const BoundKeys::Key* BoundKeys::find(const Bytes& key) const {
    const auto found = keys_.find(key);
    return found == keys_.end() ? nullptr : &found->second;
}

// ---- what is believed and heard ----

void BoundKeys::begins(const Bytes& owner, uint64_t life) {
    coming_.erase(owner);
    lives_[owner] = life;
}

void BoundKeys::has_come(const Bytes& owner) {
    const auto found = coming_.find(owner);
    if (found == coming_.end()) return;
    if (is_late(found->second, come_ms_max))
        world_.fail(owner + " came to " + prefix_ + " at " + std::to_string(found->second) + " ms, and is only now there");
    coming_.erase(found);
}

void BoundKeys::vanishes(const Bytes& owner) {
    coming_.erase(owner);
    vanished_[owner] = world_.now();
}

bool BoundKeys::is_overdue(const Key& key) const {
    const auto found = vanished_.find(key.owner);
    const uint64_t lease_ms = truth_.leases().at(key.life).ttl_s * 1000;
    return found != vanished_.end() && world_.now() > found->second + lease_ms + gone_ms_max;
}

void BoundKeys::heard_of(const std::string& observer, Revision revision) {
    const auto found = happened_ms_.find(revision);
    if (found == happened_ms_.end() || !is_late(found->second, heard_ms_max)) return;
    world_.fail(observer + " hears only now of what happened at " + std::to_string(found->second) + " ms");
}

void BoundKeys::check_end() const {
    if (Status good = check_leases(); !good) return world_.fail(good.error().detail);
    for (const auto& [key, one] : keys_) {
        if (is_overdue(one)) return world_.fail("key " + key + " outlives " + one.owner + ", who is silent");
    }
    for (const auto& [owner, since_ms] : coming_) {
        if (is_late(since_ms, come_ms_max)) return world_.fail(owner + " is still not there, below " + prefix_);
    }
}

}  // namespace belfry::sim
