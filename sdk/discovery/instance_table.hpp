// The instances of one service as deliveries add up to them: what a ServiceView (sdk/discovery/service_view.hpp) shows.
// Computes only. One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "sdk/client/subscription.hpp"
#include "sdk/discovery/registry.hpp"

namespace belfry {

struct InstanceChange {
    std::optional<Instance> before;  // none: added
    std::optional<Instance> after;   // none: removed, or not wanted any more (FindOptions)
};

class InstanceTable {
public:
    // Those that `find` wants, with keys below `prefix`.
    InstanceTable(FindOptions find, Bytes prefix) : find_(std::move(find)), prefix_(std::move(prefix)) {}

    // What it changed, by id. REQUIRES: one of a subscription without a view, where a snapshot is all there is.
    std::vector<InstanceChange> apply(const Delivery& delivery);
    std::vector<Instance> all() const;                        // by id
    size_t unreadable() const { return unreadable_.size(); }  // keys that are no instances

private:
    void put(const Bytes& key, const std::optional<KeyValue>& kv, std::map<Bytes, InstanceChange>& changes);

    const FindOptions find_;
    const Bytes prefix_;
    std::map<Bytes, Instance> by_key_;
    std::set<Bytes> unreadable_;
};

}  // namespace belfry
