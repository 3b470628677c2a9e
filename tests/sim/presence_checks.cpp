#include "tests/sim/presence_checks.hpp"

#include <string>

namespace belfry::sim {

Status PresenceChecks::on_change(const ChangeSet& change) {
    for (const Event& event : change.events) {
        const Bytes& key = event.kv.key;
        if (event.type != EventType::put || !keys_.is_ours(key)) continue;
        if (event.kv.version != 1) return Error{Code::corrupt, "place " + key + " is put again"};
        if (left_.contains(key)) return Error{Code::corrupt, "place " + key + " had been left, and is there again"};
        ++joined_;
    }
    return keys_.on_change(change);
}

void PresenceChecks::is_there(const Bytes& user, const Bytes& key, Revision created) {
    const auto* const found = keys_.find(key);
    if (found == nullptr || found->created != created || found->owner != user)
        return world_.fail("place " + key + ": its owner believes that he is there, and it is gone");
    keys_.has_come(user);
}

void PresenceChecks::has_left(const Bytes& key) {
    if (keys_.find(key) != nullptr) return world_.fail("place " + key + " was left, and is there");
    left_.insert(key);
}

}  // namespace belfry::sim
