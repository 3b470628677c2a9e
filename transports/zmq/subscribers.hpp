// Who subscribes to what: when is a topic's last subscriber gone?
//
// An XPUB passes a cancel up if its sender was the last subscriber, but also if its sender never was one and others still
// are (libzmq 4.3.4, xpub.cpp: rm_result == not_found). When connections end it says itself which topics nobody has any
// more, and that is true. So a cancel counts only for the connection that it came over, and ends a topic only if no other
// is known to have it.
//
// A connection is known by its descriptor, which a later one may use again; and a cancel that leaves others is not passed
// up. Both make this class believe in a subscriber too many, never in one too few: a topic that somebody cancelled is then
// in doubt, and sweep() ends it when the descriptors are closed.
#pragma once

#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "sdk/base/types.hpp"

namespace belfry::transports::zmq {

class Subscribers {
public:
    // True: the topic's first.
    bool subscribe(int descriptor, BytesView topic) {
        const auto [entry, first] = topics_.try_emplace(std::string(topic));
        if (entry->second.insert(descriptor).second) ++counts_[descriptor];
        return first;
    }
    // A peer's word. True: nobody has the topic any more.
    bool cancel(int descriptor, BytesView topic) {
        const auto found = topics_.find(std::string(topic));
        if (found == topics_.end() || found->second.erase(descriptor) == 0) return false;
        uncount(descriptor);
        if (!found->second.empty()) {
            in_doubt_.insert(found->first);
            return false;
        }
        erase(found);
        return true;
    }
    // libzmq's word. False: that was known.
    bool end(BytesView topic) {
        const auto found = topics_.find(std::string(topic));
        if (found == topics_.end()) return false;
        erase(found);
        return true;
    }
    // The connection is being ended. ended(topic) as in sweep().
    template <class Ended>
    void forget(int descriptor, Ended&& ended) {
        for (auto at = topics_.begin(); at != topics_.end() && counts_.contains(descriptor);) {
            const auto topic = at++;
            if (topic->second.erase(descriptor) == 0) continue;
            uncount(descriptor);
            if (!topic->second.empty()) continue;
            const Bytes name = topic->first;
            erase(topic);
            ended(name);
        }
    }
    bool in_doubt() const { return !in_doubt_.empty(); }
    // is_open(descriptor): it may still be the connection that subscribed. ended(topic): nobody has it any more.
    template <class IsOpen, class Ended>
    void sweep(IsOpen&& is_open, Ended&& ended) {
        const std::set<std::string> asked(in_doubt_);
        for (const std::string& topic : asked) {
            const auto found = topics_.find(topic);
            std::erase_if(found->second, [&](int descriptor) {
                const bool closed = !is_open(descriptor);
                if (closed) uncount(descriptor);
                return closed;
            });
            if (!found->second.empty()) continue;
            erase(found);
            ended(topic);
        }
    }
    size_t topic_count() const { return topics_.size(); }
    bool has(BytesView topic) const { return topics_.contains(std::string(topic)); }
    // Those of earlier connections with this descriptor that have not ended count too.
    size_t topics_of(int descriptor) const {
        const auto found = counts_.find(descriptor);
        return found == counts_.end() ? 0 : found->second;
    }

private:
    using Topics = std::unordered_map<std::string, std::unordered_set<int>>;

    void erase(Topics::iterator topic) {
        for (const int descriptor : topic->second) uncount(descriptor);
        in_doubt_.erase(topic->first);
        topics_.erase(topic);
    }

    void uncount(int descriptor) {
        const auto found = counts_.find(descriptor);
        if (--found->second == 0) counts_.erase(found);
    }

    Topics topics_;
    std::unordered_map<int, size_t> counts_;  // of the topics that have the descriptor
    std::set<std::string> in_doubt_;          // of topics_
};

}  // namespace belfry::transports::zmq
