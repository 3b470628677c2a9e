// With which data directory each member came first. One that comes with another has lost its disk: what it promised with
// the old one, votes and entries, is gone, and under its old id it could make the others lose what they agreed on.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>

namespace belfry::hub::peer {

// By member: the number that its data directory was given when it was made.
using Directories = std::map<uint64_t, uint64_t>;

class Acquaintances {
public:
    // `keep` makes what is known durable; called at each new acquaintance, before recognise() returns. An id is never used
    // again, so nothing is forgotten.
    Acquaintances(Directories known, std::function<void(const Directories&)> keep)
        : known_(std::move(known)), keep_(std::move(keep)) {}

    // One thread, for each frame. False: this is not the directory that the member came with first.
    bool recognise(uint64_t member, uint64_t directory) {
        const auto [entry, met] = known_.emplace(member, directory);
        if (met) keep_(known_);  // takes a disk's time: refuses() must not wait for it
        const bool same = entry->second == directory;
        const std::lock_guard lock(mutex_);
        if (same) {
            refused_.erase(member);
        } else {
            refused_.insert(member);
        }
        return same;
    }
    // Any thread: the member's last frame came from another directory.
    bool refuses(uint64_t member) const {
        const std::lock_guard lock(mutex_);
        return refused_.contains(member);
    }

private:
    Directories known_;  // recognise()'s thread
    mutable std::mutex mutex_;
    std::set<uint64_t> refused_;  // under mutex_
    const std::function<void(const Directories&)> keep_;
};

}  // namespace belfry::hub::peer
