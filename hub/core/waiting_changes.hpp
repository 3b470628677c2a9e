// Requests for changes that wait for one, each until a deadline: private streams (docs/feed.md).
//
//     add() ─▶ waiting, found by filter and by deadline ── a change its filter is to hear ─▶ touched ─▶ take_touched()
//                          └──────────────────────────── deadline ─▶ take_late()
//
// A change costs a look-up, however many wait: the feed's own index finds them. Requests with equal filters are one group:
// they are touched together, and one answer serves them all. A group is kept for some time without requests, since its
// clients come back as soon as they have their answers. Pure; one thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "hub/core/core.hpp"
#include "hub/feed/channel_index.hpp"

namespace belfry::hub::core {

class WaitingChanges {
public:
    // A ChangesRequest. Nothing that its filter is to hear lies between its `from` and the revision at which it was added.
    struct Waiting {
        RequestReceived request;
        uint64_t deadline_ms = 0;
    };
    // All of them were waiting when the change of `since` came, and for equal filters and limits.
    struct Touched {
        std::shared_ptr<const plugin::Filter> filter;
        Revision since;
        std::vector<Waiting> waiting;
    };

    WaitingChanges() = default;
    WaitingChanges(const WaitingChanges&) = delete;
    WaitingChanges& operator=(const WaitingChanges&) = delete;

    size_t count() const { return waiting_.size() + touched_count_; }
    bool full() const;
    // Takes the place of one with the same connection and id: a client that hears nothing asks again.
    // REQUIRES: !full().
    void add(RequestReceived request, std::shared_ptr<const plugin::Filter> filter, uint64_t deadline_ms);
    void forget(uint64_t connection);

    bool wants_values_before() const { return groups_that_read_ > 0; }  // some filter reads values
    // A change set was applied. `before` as in feed::Feed::add.
    void note(const ChangeSet& change, const feed::ValuesBefore& before);

    bool any_touched() const { return !touched_.empty(); }
    // The oldest ones first; some of a large group, the rest at the next call.
    Touched take_touched(size_t requests_max);
    // Call it now and then, even if nobody is late.
    std::vector<Waiting> take_late(uint64_t now_ms);
    std::vector<Waiting> take_all();
    uint64_t next_deadline_ms() const { return deadlines_.empty() ? UINT64_MAX : deadlines_.begin()->first; }

private:
    using Key = std::pair<uint64_t, uint64_t>;                  // connection, request
    using GroupKey = std::tuple<std::string, Bytes, uint64_t>;  // filter's kind and canonical form, limit
    struct Group : feed::Channel {                              // what the index knows; only the filter is used
        std::set<Key> members;
        bool touched = false;
        bool idle = false;  // without members at the last sweep, and since
    };
    using Groups = std::map<GroupKey, Group>;
    struct Entry {
        Waiting waiting;
        Group* group;
    };
    using Entries = std::map<Key, Entry>;

    Waiting take(Entries::iterator entry);
    void detach(Group& group, Revision since);
    void sweep(bool all);

    Entries waiting_;
    Groups groups_;
    feed::ChannelIndex index_;
    size_t groups_that_read_ = 0;
    uint64_t sweep_at_ms_ = 0;
    std::set<std::pair<uint64_t, Key>> deadlines_;
    std::deque<Touched> touched_;
    size_t touched_count_ = 0;  // requests in there
};

}  // namespace belfry::hub::core
