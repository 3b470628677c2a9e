// Keys that say that a process is there, by the order of the log: each is put with a lease of whoever puts it, none is
// there when that has ended, and before that none goes but by its owner's word, or of one who may delete whatever he likes.
// When all is quiet who comes is soon there, who is gone without a word is so within his lease's time and a second, and
// observers soon hear of both.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/sim/truth.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

class BoundKeys {
public:
    BoundKeys(World& world, const Truth& truth, Bytes prefix) : world_(world), truth_(truth), prefix_(std::move(prefix)) {}

    struct Key {
        Bytes owner;  // whoever put it last
        Revision created;
        uint64_t life = 0;  // of the lease that it is to go with
    };

    // All events of a change; an error says which promise does not hold.
    Status on_change(const ChangeSet& change);
    // NULL = it is not there.
    const Key* find(const Bytes& key) const;
    bool is_ours(const Bytes& key) const { return key.starts_with(prefix_); }

    // What this process puts from now on is to go with this life of a lease.
    void begins(const Bytes& owner, uint64_t life);
    void comes(const Bytes& owner) { coming_[owner] = world_.now(); }
    void has_come(const Bytes& owner);
    // It does not want to be there any more.
    void goes(const Bytes& owner) { coming_.erase(owner); }
    // From now on nothing is heard of it.
    void vanishes(const Bytes& owner);
    void may_delete(const Bytes& name) { deleters_.insert(name); }
    // An observer hears of this revision only now.
    void heard_of(const std::string& observer, Revision revision);

    // From now on nothing goes wrong.
    void be_quick() { quick_from_ms_ = world_.now(); }
    void check_end() const;

private:
    Status take_put(const ChangeSet& change, const KeyValue& kv);
    Status take_erase(const ChangeSet& change, const Bytes& key);
    Status check_leases() const;
    bool is_late(uint64_t since_ms, uint64_t ms_max) const {
        return since_ms >= quick_from_ms_ && world_.now() > since_ms + ms_max;
    }
    bool is_overdue(const Key& key) const;

    World& world_;
    const Truth& truth_;
    const Bytes prefix_;
    std::map<Bytes, Key> keys_;
    std::map<Bytes, uint64_t> lives_;           // by owner
    std::map<Bytes, uint64_t> coming_;          // by owner: since when
    std::map<Bytes, uint64_t> vanished_;        // by owner: since when
    std::map<Revision, uint64_t> happened_ms_;  // when it was applied first
    std::set<Bytes> deleters_;
    uint64_t quick_from_ms_ = UINT64_MAX;
};

}  // namespace belfry::sim
