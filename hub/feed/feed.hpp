// The publisher's half of the feed: channels, coverage intervals, marks (docs/feed.md). Pure.
//
// Each change set goes to every channel whose filter one of its changes concerns: a key that matches, or that did until
// now (Filter::sight). flush() turns what was gathered into one message per touched channel, which says: these are all the
// channel's events in (from, to]. tick() publishes marks, which list the channels that changed since the mark before the
// last one, so that a lost tail is found.
//
// What subscribers rely on, within one incarnation:
//   - from the moment a channel is open its intervals join without a hole: each `from` is the last `to`;
//   - marks are numbered without a hole, and a message published between marks s-1 and s is listed in s and in s+1;
//   - a channel is closed only after mark_sequences_idle_min marks without a subscriber: whoever still believes in it has
//     missed more marks than the rule of proof forgives.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "hub/base/limits.hpp"
#include "hub/feed/channel_index.hpp"
#include "hub/plugin/filter.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::feed {

using Message = std::shared_ptr<const Bytes>;  // a frame that begins with its topic
// The value that each event of a change set replaced or deleted; none = the key was not there.
using ValuesBefore = std::vector<std::optional<Bytes>>;

struct Options {
    uint64_t epoch = 0;
    uint64_t incarnation = 0;
    size_t channels_max = limits::channels_max;
};

class Feed {
public:
    explicit Feed(Options options);
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    // Everything up to here was applied before this process could publish it.
    void reset(Revision applied);
    // Opens or finds the filter's channel; past the bound, or if its id is another's, the channel of all keys. `everything`
    // is that channel's filter, always the same.
    Result<protocol::ChannelReply> open_channel(std::shared_ptr<const plugin::Filter> filter,
                                                std::shared_ptr<const plugin::Filter> everything, uint64_t now_ms);
    // The transport's subscriber counts: first one came, last one left, by turns. May come before the channel is opened.
    void on_topic(ChannelId channel, bool subscribed, uint64_t now_ms);
    // Some channel's filter reads values: add() needs to know those before.
    bool wants_values_before() const { return channels_that_read_ > 0; }
    // In revision order. `before` has one for each event; it may be empty unless wants_values_before().
    void add(const ChangeSet& change, const ValuesBefore& before = {});
    // `applied`: the revision up to which changes were given.
    void flush(Revision applied, uint64_t now_ms, std::vector<Message>& messages);
    // A mark if one is due; also retires idle channels. Call when now >= wake_at_ms().
    void tick(uint64_t now_ms, std::vector<Message>& messages);
    uint64_t wake_at_ms() const;

    protocol::JoinMessage join_answer() const;  // as of the last flush
    size_t channel_count() const { return channels_.size(); }

private:
    Channel* find(const plugin::Filter& filter);
    Channel& open(std::shared_ptr<const plugin::Filter> filter);
    void forget(const Channel& channel);
    void recall_topic(uint64_t now_ms);
    void gather(Channel& channel, plugin::Sight sight, const ChangeSet& change, const Event& event);
    void gather(Channel& channel, const ChangeSet& change, const Event& event);
    void publish(Channel& channel, std::vector<Message>& messages);
    void retire_idle(uint64_t now_ms);
    uint64_t mark_due_ms() const;
    Message mark();

    Options options_;
    Revision applied_;     // of the last flush
    Revision last_given_;  // by add or flush
    std::map<ChannelId, Channel> channels_;
    ChannelIndex index_;                   // of filters of keys
    std::vector<Channel*> of_changes_;     // those of change sets are asked one by one, once for each set
    size_t channels_that_read_ = 0;        // values
    std::vector<Channel*> touched_;        // have pending changes
    std::set<ChannelId> topics_unopened_;  // subscribed to, but no such channel yet
    size_t topics_forgotten_ = 0;          // more were than are remembered: a new channel may be subscribed

    uint64_t sequence_ = 1;  // of the last mark
    uint64_t last_mark_ms_ = 0;
    uint64_t last_change_ms_ = 0;
    bool changed_since_mark_ = false;
    bool restarted_ = false;  // there was a past before this process: expect its subscribers all at once
};

}  // namespace belfry::hub::feed
