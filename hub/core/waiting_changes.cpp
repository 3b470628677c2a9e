#include "hub/core/waiting_changes.hpp"

#include <algorithm>

#include "hub/base/assert.hpp"
#include "hub/base/limits.hpp"

namespace belfry::hub::core {

namespace {

constexpr uint64_t sweep_pause_ms = 10'000;

}  // namespace

bool WaitingChanges::full() const { return count() >= limits::waiting_changes_max; }

void WaitingChanges::add(RequestReceived request, std::shared_ptr<const plugin::Filter> filter, uint64_t deadline_ms) {
    BELFRY_ASSERT(!full());
    const auto& op = std::get<protocol::ChangesRequest>(request.request.op);
    const Key key{request.connection, request.request.id};
    if (const auto known = waiting_.find(key); known != waiting_.end()) take(known);
    if (groups_.size() >= limits::waiting_changes_max) sweep(true);
    const auto [place, is_new] = groups_.try_emplace({filter->kind(), filter->canonical(), op.limit_bytes});
    Group& group = place->second;
    if (is_new) {
        group.filter = std::move(filter);
        index_.insert(group);
        if (group.filter->reads_value()) ++groups_that_read_;
    }
    group.idle = false;
    group.members.insert(key);
    deadlines_.emplace(deadline_ms, key);
    waiting_.emplace(key, Entry{{std::move(request), deadline_ms}, &group});
}

WaitingChanges::Waiting WaitingChanges::take(Entries::iterator entry) {
    entry->second.group->members.erase(entry->first);
    deadlines_.erase({entry->second.waiting.deadline_ms, entry->first});
    Waiting taken = std::move(entry->second.waiting);
    waiting_.erase(entry);
    return taken;
}

// Closes the groups that had no requests at the last sweep either; or all that have none now.
void WaitingChanges::sweep(bool all) {
    for (auto at = groups_.begin(); at != groups_.end();) {
        Group& group = at->second;
        const bool empty = group.members.empty();
        if (!empty || (!all && !group.idle)) {
            group.idle = empty;
            ++at;
            continue;
        }
        index_.erase(group);
        if (group.filter->reads_value()) --groups_that_read_;
        at = groups_.erase(at);
    }
}

void WaitingChanges::forget(uint64_t connection) {
    const auto last = waiting_.upper_bound({connection, UINT64_MAX});
    for (auto at = waiting_.lower_bound({connection, 0}); at != last;) take(at++);
    for (Touched& touched : touched_) {
        touched_count_ -= std::erase_if(touched.waiting,
                                        [&](const Waiting& waiting) { return waiting.request.connection == connection; });
    }
    std::erase_if(touched_, [](const Touched& touched) { return touched.waiting.empty(); });
}

void WaitingChanges::note(const ChangeSet& change, const feed::ValuesBefore& before) {
    if (waiting_.empty()) return;
    BELFRY_ASSERT(before.size() == change.events.size() || (before.empty() && !wants_values_before()));
    std::vector<Group*> touched;
    for (size_t i = 0; i < change.events.size(); ++i) {
        const Event& event = change.events[i];
        const auto now = event.type == EventType::put ? std::optional<BytesView>(event.kv.value) : std::nullopt;
        const auto replaced = before.empty() || !before[i] ? std::nullopt : std::optional<BytesView>(*before[i]);
        index_.ask(event.kv.key, now, replaced, [&](feed::Channel& channel, plugin::Sight) {
            Group& group = static_cast<Group&>(channel);
            if (group.members.empty() || group.touched || !group.filter->takes(change.author, change.labels)) return;
            group.touched = true;
            touched.push_back(&group);
        });
    }
    for (Group* group : touched) detach(*group, change.revision);
}

void WaitingChanges::detach(Group& group, Revision since) {
    Touched& waits = touched_.emplace_back(Touched{group.filter, since, {}});
    waits.waiting.reserve(group.members.size());
    while (!group.members.empty()) waits.waiting.push_back(take(waiting_.find(*group.members.begin())));
    touched_count_ += waits.waiting.size();
    group.touched = false;
}

WaitingChanges::Touched WaitingChanges::take_touched(size_t requests_max) {
    BELFRY_ASSERT(any_touched());
    Touched& oldest = touched_.front();
    Touched taken{oldest.filter, oldest.since, {}};
    if (oldest.waiting.size() <= requests_max) {
        taken.waiting = std::move(oldest.waiting);
        touched_.pop_front();
    } else {
        const auto rest = oldest.waiting.end() - static_cast<std::ptrdiff_t>(requests_max);
        taken.waiting.assign(std::make_move_iterator(rest), std::make_move_iterator(oldest.waiting.end()));
        oldest.waiting.erase(rest, oldest.waiting.end());
    }
    touched_count_ -= taken.waiting.size();
    return taken;
}

std::vector<WaitingChanges::Waiting> WaitingChanges::take_late(uint64_t now_ms) {
    std::vector<Waiting> late;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
        late.push_back(take(waiting_.find(deadlines_.begin()->second)));
    }
    if (now_ms >= sweep_at_ms_) {
        sweep(false);
        sweep_at_ms_ = now_ms + sweep_pause_ms;
    }
    return late;
}

std::vector<WaitingChanges::Waiting> WaitingChanges::take_all() {
    std::vector<Waiting> all;
    while (!waiting_.empty()) all.push_back(take(waiting_.begin()));
    for (Touched& touched : touched_) {
        std::move(touched.waiting.begin(), touched.waiting.end(), std::back_inserter(all));
    }
    touched_.clear();
    touched_count_ = 0;
    return all;
}

}  // namespace belfry::hub::core
