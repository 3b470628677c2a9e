#include "sdk/discovery/instance_table.hpp"

namespace belfry {

std::vector<InstanceChange> InstanceTable::apply(const Delivery& delivery) {
    std::map<Bytes, InstanceChange> changes;
    std::set<Bytes> there;
    for (const KeyChange& change : delivery.changes) {
        put(change.key, change.after, changes);
        if (delivery.is_snapshot) there.insert(change.key);
    }
    // A snapshot is all there is.
    if (delivery.is_snapshot) {
        std::vector<Bytes> gone;
        for (const auto& [key, instance] : by_key_) {
            if (!there.contains(key)) gone.push_back(key);
        }
        for (const Bytes& key : gone) put(key, {}, changes);
        std::erase_if(unreadable_, [&](const Bytes& key) { return !there.contains(key); });
    }
    std::vector<InstanceChange> list;
    list.reserve(changes.size());
    for (auto& [key, change] : changes) list.push_back(std::move(change));
    return list;
}

std::vector<Instance> InstanceTable::all() const {
    std::vector<Instance> instances;
    instances.reserve(by_key_.size());
    for (const auto& [key, instance] : by_key_) instances.push_back(instance);
    return instances;
}

void InstanceTable::put(const Bytes& key, const std::optional<KeyValue>& kv, std::map<Bytes, InstanceChange>& changes) {
    std::optional<Instance> after;
    unreadable_.erase(key);
    if (kv) {
        auto instance = decode_instance(*kv, prefix_);
        if (!instance) unreadable_.insert(key);
        if (instance && find_.wants(*instance)) after = *std::move(instance);
    }
    const auto known = by_key_.find(key);
    std::optional<Instance> before;
    if (known != by_key_.end()) before = known->second;
    if (before == after) return;
    if (after) by_key_[key] = *after;
    if (!after) by_key_.erase(known);
    changes[key] = {std::move(before), std::move(after)};
}

}  // namespace belfry
