// The CHANGE entries of the log: what the engine believes about the members, and when it may believe it for good.
#include "hub/raft/engine.hpp"

namespace belfry::hub::raft {

// The CHANGE entries that matter: the one in force at the boundary, and those after it.
Status Engine::load_changes(const Restored& restored) {
    if (restored.boundary == Index{}) {
        if (!restored.trail.empty() && restored.trail.front().type != EntryType::change) {
            return Error{Code::corrupt, "log: entry 1 does not name the members"};
        }
    } else {
        if (restored.configuration_index == Index{} || restored.configuration_index > restored.boundary) {
            return Error{Code::corrupt, "log: it begins after entry " + std::to_string(restored.boundary.value) +
                                            ", and which members there were at that point is not known"};
        }
        if (auto taken = take_change(restored.configuration_index, restored.configuration); !taken) return taken;
    }
    for (const Entry& entry : restored.trail) {
        if (entry.type != EntryType::change) continue;
        if (!entry.payload) return Error{Code::corrupt, "log: a membership entry without payload"};
        if (auto taken = take_change(entry.index, *entry.payload); !taken) return taken;
    }
    // The engine counts the first CHANGE, and the one at the boundary, as committed.
    if (!changes_.empty()) change_confirmed_ = changes_.front().index;
    if (changes_.size() > 1) change_confirmed_ = changes_[changes_.size() - 2].index;
    return {};
}

Status Engine::take_change(Index index, const Bytes& payload) {
    auto servers = decode_configuration(payload);
    if (!servers) return servers.error();
    changes_.push_back({index, payload, std::move(*servers)});
    ++members_version_;
    return {};
}

// Tells the engine when the commit index has passed a CHANGE: at once, not when it is applied, or a later truncation could
// roll a committed membership back.
Status Engine::confirm_changes(uint64_t now_ms, Effects& effects) {
    if (installing_) return {};
    const Change* newest = nullptr;
    for (const Change& change : changes_) {
        if (change.index <= commit_ && change.index > change_confirmed_) newest = &change;
    }
    return newest == nullptr ? Status{} : confirm_change(*newest, now_ms, effects);
}

Status Engine::confirm_change(const Change& change, uint64_t now_ms, Effects& effects) {
    change_confirmed_ = change.index;
    raft_event confirmed = event(RAFT_CONFIGURATION, now_ms);
    confirmed.configuration.index = change.index.value;
    confirmed.configuration.conf = copy_configuration(*change.servers);  // the engine keeps or frees it
    return step(confirmed, {}, effects);
}

Index Engine::configuration_index() const { return changes_.empty() ? Index{} : changes_.back().index; }

const Engine::Change* Engine::in_force_at(Index index) const {
    const Change* found = nullptr;
    for (const Change& change : changes_) {
        if (change.index <= index) found = &change;
    }
    return found;
}

std::pair<Index, Bytes> Engine::configuration_at(Index index) const {
    const Change* const change = in_force_at(index);
    if (change == nullptr) return {};
    return {change->index, change->payload};
}

bool Engine::sole_voter() const { return !changes_.empty() && is_sole_voter(*changes_.back().servers, options_.id); }

}  // namespace belfry::hub::raft
