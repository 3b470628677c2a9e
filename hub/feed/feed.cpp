#include "hub/feed/feed.hpp"

#include <algorithm>
#include <utility>

#include "hub/base/assert.hpp"
#include "sdk/base/labels.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::feed {
namespace {

// A subscriber forgives one lost mark: it accepts sequence + 1 and + 2 (tracker.cpp). Twice that, to be far from the edge.
constexpr uint64_t mark_sequences_idle_min = 4;
// Topics that clients subscribed before opening the channel: a whole fleet that reconnects at once.
constexpr size_t topics_unopened_max = 4 * limits::channels_max;
// Subscribers of a restarted hub return together; over this time they ask for what they missed.
constexpr uint64_t restart_spread_ms = 200;
constexpr uint64_t restart_marks = 10;
// Envelopes in the encoding, generously: numbers, sizes, array heads.
constexpr size_t message_overhead_bytes = 64;
constexpr size_t change_overhead_bytes = 48;
constexpr size_t event_overhead_bytes = 56;
constexpr size_t changes_bytes_max = belfry::limits::feed_message_bytes_max - message_overhead_bytes;

static_assert(limits::channel_idle_ms_max > mark_sequences_idle_min * limits::mark_interval_ms);

bool same(const plugin::Filter& a, const plugin::Filter& b) {
    return a.kind() == b.kind() && a.canonical() == b.canonical();
}

size_t event_bytes(const Event& event) {
    return event_overhead_bytes + event.kv.key.size() + event.kv.value.size() + event.kv.content_type.size();
}

}  // namespace

Feed::Feed(Options options) : options_(options) {}

void Feed::reset(Revision applied) {
    BELFRY_ASSERT(touched_.empty());
    applied_ = last_given_ = applied;
    restarted_ = applied > Revision{};
    // What lies between was never published: the next mark tells each subscriber, who then fetches it.
    for (auto& [id, channel] : channels_) {
        channel.last_to = applied;
        channel.changed_sequence = sequence_ + 1;
    }
}

Channel* Feed::find(const plugin::Filter& filter) {
    const auto found = channels_.find(filter.channel());
    return found == channels_.end() ? nullptr : &found->second;
}

Channel& Feed::open(std::shared_ptr<const plugin::Filter> filter) {
    const ChannelId id = filter->channel();
    Channel& channel = channels_[id];
    channel.id = id;
    channel.filter = std::move(filter);
    channel.last_to = last_given_;
    const bool remembered = topics_unopened_.erase(id) > 0;
    channel.guessed = !remembered && topics_forgotten_ > 0;
    channel.subscribed = remembered || channel.guessed;
    if (channel.filter->of_changes()) {
        of_changes_.push_back(&channel);
    } else {
        index_.insert(channel);
    }
    if (channel.filter->reads_value()) ++channels_that_read_;
    return channel;
}

Result<protocol::ChannelReply> Feed::open_channel(std::shared_ptr<const plugin::Filter> filter,
                                                  std::shared_ptr<const plugin::Filter> everything, uint64_t now_ms) {
    if (channels_.empty()) last_mark_ms_ = now_ms;
    Channel* channel = find(*filter);
    // Two filters with one hash: the second is served by the channel of all keys, like one too many. That channel's own id
    // is for no other filter, whoever comes first: the hash is no secret, and those who are served by it need all keys.
    const bool of_another = channel != nullptr && !same(*channel->filter, *filter);
    const bool of_everything = filter->channel() == everything->channel() && !same(*filter, *everything);
    const bool taken = of_another || of_everything;
    const bool broader = taken || (channel == nullptr && channels_.size() >= options_.channels_max);
    if (broader) {
        filter = std::move(everything);
        channel = find(*filter);
    }
    BELFRY_ASSERT(channel == nullptr || same(*channel->filter, *filter));
    if (channel == nullptr) channel = &open(std::move(filter));
    channel->idle_since_ms = now_ms;
    channel->idle_sequence = sequence_;
    return protocol::ChannelReply{channel->id, channel->last_to, options_.incarnation, sequence_, !broader};
}

void Feed::on_topic(ChannelId id, bool subscribed, uint64_t now_ms) {
    const auto found = channels_.find(id);
    if (found != channels_.end()) {
        Channel& channel = found->second;
        const bool was_forgotten = std::exchange(channel.guessed, false) && !subscribed;
        channel.subscribed = subscribed;
        channel.idle_since_ms = now_ms;
        channel.idle_sequence = sequence_;
        if (was_forgotten) recall_topic(now_ms);
        return;
    }
    if (!subscribed) {
        if (topics_unopened_.erase(id) == 0) recall_topic(now_ms);
    } else if (topics_unopened_.size() < topics_unopened_max) {
        topics_unopened_.insert(id);
    } else {
        ++topics_forgotten_;
    }
}

// One that was forgotten has lost its last subscriber. After the last of them no guess can be right.
void Feed::recall_topic(uint64_t now_ms) {
    if (topics_forgotten_ == 0 || --topics_forgotten_ > 0) return;
    for (auto& [id, channel] : channels_) {
        if (!std::exchange(channel.guessed, false)) continue;
        channel.subscribed = false;
        channel.idle_since_ms = now_ms;
        channel.idle_sequence = sequence_;
    }
}

void Feed::add(const ChangeSet& change, const ValuesBefore& before) {
    BELFRY_ASSERT(change.revision > last_given_);
    last_given_ = change.revision;
    if (channels_.empty()) return;
    BELFRY_ASSERT(before.size() == change.events.size() || (before.empty() && !wants_values_before()));
    for (Channel* channel : of_changes_) {
        if (!channel->filter->takes(change.author, change.labels)) continue;
        for (const Event& event : change.events) {
            const auto now = event.type == EventType::put ? std::optional<BytesView>(event.kv.value) : std::nullopt;
            gather(*channel, channel->filter->sight(event.kv.key, now, std::nullopt), change, event);
        }
    }
    for (size_t i = 0; i < change.events.size(); ++i) {
        const Event& event = change.events[i];
        const auto now = event.type == EventType::put ? std::optional<BytesView>(event.kv.value) : std::nullopt;
        const auto replaced = before.empty() || !before[i] ? std::nullopt : std::optional<BytesView>(*before[i]);
        index_.ask(event.kv.key, now, replaced,
                   [&](Channel& channel, plugin::Sight sight) { gather(channel, sight, change, event); });
    }
}

void Feed::gather(Channel& channel, plugin::Sight sight, const ChangeSet& change, const Event& event) {
    switch (sight) {
        case plugin::Sight::nothing: return;
        case plugin::Sight::put: return gather(channel, change, event);
        case plugin::Sight::gone:
            return gather(channel, change, {EventType::erase, {event.kv.key, {}, {}, change.revision, 0, {}}});
    }
}

void Feed::gather(Channel& channel, const ChangeSet& change, const Event& event) {
    if (channel.pending.empty()) touched_.push_back(&channel);
    if (channel.pending.empty() || channel.pending.back().change.revision != change.revision) {
        PendingChange& pending = channel.pending.emplace_back();
        pending.change.revision = change.revision;
        pending.change.time_ms = change.time_ms;
        pending.change.author = change.author;
        pending.change.comment = change.comment;
        pending.change.labels = change.labels;
        pending.bytes = change_overhead_bytes + change.author.size() + change.comment.size() + labels_bytes(change.labels);
    }
    PendingChange& pending = channel.pending.back();
    if (pending.announce_only) return;
    pending.bytes += event_bytes(event);
    if (event.kv.value.size() <= belfry::limits::feed_value_bytes_max && pending.bytes <= changes_bytes_max) {
        pending.change.events.push_back(event);
        return;
    }
    pending.announce_only = true;
    pending.bytes = 0;
    pending.change.events.clear();
}

void Feed::flush(Revision applied, uint64_t now_ms, std::vector<Message>& messages) {
    BELFRY_ASSERT(applied >= last_given_);
    applied_ = last_given_ = applied;
    if (touched_.empty()) return;
    for (Channel* channel : touched_) publish(*channel, messages);
    touched_.clear();
    last_change_ms_ = now_ms;
    changed_since_mark_ = true;
}

void Feed::publish(Channel& channel, std::vector<Message>& messages) {
    protocol::FeedMessage message{channel.id, options_.epoch, options_.incarnation, channel.last_to, {}, false, {}};
    size_t bytes = 0;
    bool empty = true;
    Revision last;
    const auto send = [&](Revision to) {
        message.to = to;
        messages.push_back(std::make_shared<const Bytes>(protocol::encode_feed(message)));
        message.from = to;
        message.changes.clear();
        bytes = 0;
    };
    for (PendingChange& pending : channel.pending) {
        const bool fits = pending.announce_only == message.fetch && bytes + pending.bytes <= changes_bytes_max;
        if (!empty && !fits) send(last);
        empty = false;
        message.fetch = pending.announce_only;
        bytes += pending.bytes;
        last = pending.change.revision;
        if (!message.fetch) message.changes.push_back(std::move(pending.change));
    }
    send(applied_);
    channel.pending.clear();
    channel.last_to = applied_;
    channel.changed_sequence = sequence_ + 1;
}

uint64_t Feed::mark_due_ms() const {
    const uint64_t regular = last_mark_ms_ + limits::mark_interval_ms;
    if (!changed_since_mark_) return regular;
    return std::min(regular, last_change_ms_ + limits::mark_after_quiet_ms);
}

uint64_t Feed::wake_at_ms() const { return channels_.empty() ? UINT64_MAX : mark_due_ms(); }

void Feed::tick(uint64_t now_ms, std::vector<Message>& messages) {
    if (channels_.empty() || now_ms < mark_due_ms()) return;
    retire_idle(now_ms);
    messages.push_back(mark());
    last_mark_ms_ = now_ms;
    changed_since_mark_ = false;
}

void Feed::forget(const Channel& channel) {
    if (channel.filter->of_changes()) {
        std::erase(of_changes_, &channel);
    } else {
        index_.erase(channel);
    }
    if (!channel.filter->reads_value()) return;
    BELFRY_ASSERT(channels_that_read_ > 0);
    --channels_that_read_;
}

void Feed::retire_idle(uint64_t now_ms) {
    for (auto at = channels_.begin(); at != channels_.end();) {
        const Channel& channel = at->second;
        const bool idle = !channel.subscribed && channel.pending.empty() &&
                          now_ms >= channel.idle_since_ms + limits::channel_idle_ms_max &&
                          sequence_ >= channel.idle_sequence + mark_sequences_idle_min;
        if (idle) forget(channel);
        at = idle ? channels_.erase(at) : std::next(at);
    }
}

Message Feed::mark() {
    ++sequence_;
    protocol::MarkMessage mark{options_.epoch, options_.incarnation, sequence_, applied_, {}};
    for (const auto& [id, channel] : channels_) {
        // A message between the marks s-1 and s has changed_sequence s and is listed in s and in s+1.
        if (channel.changed_sequence + 1 >= sequence_) mark.changed.emplace_back(id, channel.last_to);
    }
    return std::make_shared<const Bytes>(protocol::encode_mark(mark));
}

protocol::JoinMessage Feed::join_answer() const {
    const bool crowd = restarted_ && sequence_ <= restart_marks;
    return {options_.epoch, options_.incarnation, applied_, crowd ? restart_spread_ms : 0};
}

}  // namespace belfry::hub::feed
