#include "tests/sim/barrier_checks.hpp"

#include <algorithm>
#include <string>

namespace belfry::sim {

namespace {

constexpr uint64_t barrier_quick_ms = 2000;  // some round trips

Error wrong_barrier(const std::string& what) { return {Code::corrupt, "barrier: " + what}; }

}  // namespace

std::vector<Bytes> named_in(Bytes text) {
    std::vector<Bytes> keys;
    for (size_t end = text.find('\n'); end != Bytes::npos; end = text.find('\n')) {
        keys.push_back(BarrierKeys::all + text.substr(0, end));
        text.erase(0, end + 1);
    }
    return keys;
}

Status BarrierChecks::on_change(const ChangeSet& change) {
    Status good;
    for (const Event& event : change.events) {
        const Bytes& key = event.kv.key;
        if (!good || !key.starts_with(BarrierKeys::all)) continue;
        const bool is_put = event.type == EventType::put;
        if (key == BarrierKeys::round) {
            good = is_put ? begin(event.kv) : end();
        } else if (is_put) {
            places_.emplace(key, change.revision);
        } else {
            places_.erase(key);
        }
        note_ready();
    }
    return good;
}

void BarrierChecks::note_ready() {
    const bool ready = !round_ && places_.size() >= BarrierKeys::members;
    if (!ready) ready_since_ms_.reset();
    if (ready && !ready_since_ms_) ready_since_ms_ = world_.now();
}

Status BarrierChecks::begin(const KeyValue& round) {
    if (round_) return wrong_barrier("a round begins within another one");
    std::vector<Bytes> named = named_in(round.value);
    if (named.size() != BarrierKeys::members) return wrong_barrier("a round of " + std::to_string(named.size()));
    Revision last;
    for (const Bytes& key : named) {
        const auto place = places_.find(key);
        if (place == places_.end()) return wrong_barrier("a round names " + key + ", which is not there");
        last = std::max(last, place->second);
        round_of_[key] = named;
    }
    for (const auto& [key, created] : places_) {
        const bool is_named = std::find(named.begin(), named.end(), key) != named.end();
        if (!is_named && created < last) return wrong_barrier("a round passes over " + key);
    }
    round_ = std::move(named);
    ++rounds_;
    const bool late =
        ready_since_ms_ && *ready_since_ms_ >= quick_from_ms_ && world_.now() > *ready_since_ms_ + barrier_quick_ms;
    return late ? wrong_barrier("enough were there at " + std::to_string(*ready_since_ms_) + " ms, and nobody began")
                : Status();
}

Status BarrierChecks::end() {
    if (!round_) return wrong_barrier("a round ends that there is not");
    for (const Bytes& key : *round_) {
        if (places_.contains(key)) return wrong_barrier("a round ends, and " + key + " is there");
    }
    round_.reset();
    return {};
}

void BarrierChecks::entered(const Bytes& key) {
    if (!round_of_.contains(key)) world_.fail("barrier: " + key + " is in, and no round names it");
}

void BarrierChecks::left(const Bytes& key) {
    for (const Bytes& other : round_of_[key]) {
        if (other != key && places_.contains(other)) world_.fail("barrier: " + key + " is out, and " + other + " is in");
    }
}

void BarrierChecks::check_end() const {
    if (round_) return world_.fail("barrier: a round is left");
    if (ready_since_ms_ && world_.now() > *ready_since_ms_ + barrier_quick_ms)
        world_.fail("barrier: nobody begins the next round");
}

}  // namespace belfry::sim
