// A folder as the log has it at one revision after another: what those who observe it are measured by.
#pragma once

#include <set>

#include "tests/sim/truth.hpp"

namespace belfry::sim {

class FolderTruth {
public:
    FolderTruth(const Truth& truth, Bytes prefix) : truth_(&truth), prefix_(std::move(prefix)) {}

    // The keys that are put or deleted until then. REQUIRES, of both: not before at(), and not in the future.
    std::set<Bytes> touched(Revision to) const {
        std::set<Bytes> keys;
        each_event(to, [&](const Event& event) { keys.insert(event.kv.key); });
        return keys;
    }
    void advance(Revision to) {
        each_event(to, [this](const Event& event) {
            if (event.type == EventType::put) state_[event.kv.key] = event.kv;
            if (event.type == EventType::erase) state_.erase(event.kv.key);
        });
        at_ = std::max(at_, to);
    }
    Revision at() const { return at_; }
    const State& state() const { return state_; }
    const Bytes& prefix() const { return prefix_; }

private:
    template <class Take>
    void each_event(Revision to, const Take& take) const {
        for (Revision at = at_.next(); at <= to; at = at.next()) {
            for (const Event& event : truth_->history().at(at).events) {
                if (event.kv.key.starts_with(prefix_)) take(event);
            }
        }
    }

    const Truth* truth_;
    Bytes prefix_;
    Revision at_;
    State state_;
};

}  // namespace belfry::sim
