// What must hold of registrations (sdk/discovery/registration.hpp), besides what bound_keys.hpp says of all such keys: each
// value is an instance, nobody writes over another one's after he has been registered himself, and in the end the hub has
// what is wanted of each.
#pragma once

#include "sdk/discovery/instance.hpp"
#include "tests/sim/bound_keys.hpp"

namespace belfry::sim {

struct DiscoveryKeys {
    static constexpr const char* service = "web";
    static constexpr const char* all = "services/web/";
    static constexpr size_t instances = 3;  // ids; there are more processes, which take them from each other
    static Bytes id(size_t number) { return "i" + std::to_string(number); }
};

class DiscoveryChecks {
public:
    DiscoveryChecks(World& world, const Truth& truth)
        : world_(world), truth_(truth), keys_(world, truth, DiscoveryKeys::all) {}

    Status on_change(const ChangeSet& change);
    // Another process, or the first one: it takes its id from whoever has it.
    void begins_anew(const Bytes& user) { registered_.erase(user); }
    // The hub has said so: it takes the id from nobody any more.
    void is_registered(const Bytes& user);
    // It was deregistered in order: nothing is there that it has put with one of these leases.
    void is_gone(const Bytes& user, const Bytes& key, const std::vector<LeaseId>& own_leases);
    // Of one that is registered when all is over.
    void stands(const Bytes& user, const Bytes& key, const Instance& wanted) const;
    // These are the instances that were found.
    void found(const std::vector<Instance>& instances, bool passing_only, Revision revision);

    BoundKeys& keys() { return keys_; }
    const BoundKeys& keys() const { return keys_; }
    uint64_t registrations() const { return registrations_; }

private:
    World& world_;
    const Truth& truth_;
    BoundKeys keys_;
    std::set<Bytes> registered_;
    uint64_t registrations_ = 0;
};

}  // namespace belfry::sim
