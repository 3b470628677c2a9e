#include "tests/sim/discovery_checks.hpp"

#include <algorithm>
#include <string>

#include "sdk/discovery/registry.hpp"

namespace belfry::sim {

Status DiscoveryChecks::on_change(const ChangeSet& change) {
    for (const Event& event : change.events) {
        const Bytes& key = event.kv.key;
        if (event.type != EventType::put || !keys_.is_ours(key)) continue;
        if (const auto instance = decode_instance(event.kv); !instance) return instance.error();
        const auto* const was = keys_.find(key);
        if (was == nullptr) ++registrations_;
        if (was != nullptr && was->owner != change.author && registered_.contains(change.author))
            return Error{Code::corrupt, "key " + key + ": " + change.author + " writes over " + was->owner + "'s instance"};
    }
    return keys_.on_change(change);
}

void DiscoveryChecks::is_registered(const Bytes& user) {
    registered_.insert(user);
    keys_.has_come(user);
}

void DiscoveryChecks::is_gone(const Bytes& user, const Bytes& key, const std::vector<LeaseId>& own_leases) {
    const auto there = truth_.get(key, truth_.revision());
    if (there && std::find(own_leases.begin(), own_leases.end(), there->lease) != own_leases.end())
        world_.fail("key " + key + ": " + user + " was deregistered, and it is there");
}

void DiscoveryChecks::stands(const Bytes& user, const Bytes& key, const Instance& wanted) const {
    const auto kv = truth_.get(key, truth_.revision());
    const auto* const there = keys_.find(key);
    if (!kv || there == nullptr || there->owner != user)
        return world_.fail("key " + key + ": " + user + " is registered, and it is not there");
    auto instance = decode_instance(*kv);
    if (!instance) return world_.fail(instance.error().detail);
    instance->note = wanted.note;  // that alone is no reason to write
    instance->created = instance->changed = {};
    if (*instance != wanted) world_.fail("key " + key + ": it is not what " + user + " wants it to be");
}

void DiscoveryChecks::found(const std::vector<Instance>& instances, bool passing_only, Revision revision) {
    if (revision > truth_.revision()) return world_.fail("instances are found in the future");
    FindOptions options;
    options.passing_only = passing_only;
    std::vector<Instance> there;
    for (size_t i = 0; i < DiscoveryKeys::instances; ++i) {
        const auto kv = truth_.get(DiscoveryKeys::all + DiscoveryKeys::id(i), revision);
        if (!kv) continue;
        const auto instance = decode_instance(*kv);
        if (instance && options.wants(*instance)) there.push_back(*instance);
    }
    if (instances != there) world_.fail("others are found than there are at revision " + std::to_string(revision.value));
}

}  // namespace belfry::sim
