#include "transports/inproc/hub.hpp"

namespace belfry::transports::inproc {

namespace {

// More is not kept between two flushes: the hub flushes after every round.
constexpr size_t pending_frames_max = 262'144;
constexpr size_t channel_topic_bytes = 9;
constexpr size_t token_topic_bytes = 17;

Error closed_error() { return {Code::unavailable, "transport_inproc: the hub has closed it"}; }
bool is_channel(BytesView topic) { return topic.size() == channel_topic_bytes && topic[0] == 'E'; }
bool is_token(BytesView topic) { return topic.size() == token_topic_bytes && topic[0] == 'T'; }

}  // namespace

void Hub::send(uint64_t connection, plugin::Frame frame) {
    const std::lock_guard lock(mutex_);
    if (pending_.size() >= pending_frames_max) {
        ++stats_.sends_refused;
        return;
    }
    pending_.push_back({connection, std::move(frame)});
}

void Hub::publish(plugin::Frame frame) { send(0, std::move(frame)); }

void Hub::flush() {
    const std::lock_guard lock(mutex_);
    for (const Outgoing& outgoing : pending_) {
        const BytesView octets = outgoing.frame.bytes();
        if (outgoing.connection == 0) {
            ++stats_.frames_published;
            for (auto& [connection, peer] : peers_) {
                deliver(peer, octets);
            }
            continue;
        }
        const auto found = peers_.find(outgoing.connection);
        if (found == peers_.end() || found->second.replies.size() >= reply_queue_frames_max) {
            ++stats_.sends_refused;
            continue;
        }
        found->second.replies.emplace_back(octets);
        ++stats_.frames_sent;
    }
    pending_.clear();
    arrived_.notify_all();
}

// Topics have the widths of the protocol, so a message's own is known by its first octet.
void Hub::deliver(Peer& peer, BytesView message) {
    if (peer.lose_feed || peer.feed.size() >= feed_queue_messages_max || message.empty()) {
        return;
    }
    const size_t width = message[0] == 'E' ? channel_topic_bytes : message[0] == 'T' ? token_topic_bytes : 1;
    if (peer.topics.contains(message.substr(0, width))) {
        peer.feed.emplace_back(message);
    }
}

plugin::TransportStats Hub::stats() {
    const std::lock_guard lock(mutex_);
    plugin::TransportStats stats = stats_;
    for (const auto& [connection, peer] : peers_) {
        stats.subscriptions += peer.topics.size();
    }
    return stats;
}

void Hub::close() {
    {
        const std::unique_lock alone(gate_);
        closed_ = true;
    }
    flush();
    const std::lock_guard lock(mutex_);
    ended_ = true;
    arrived_.notify_all();
}

Result<uint64_t> Hub::join() {
    const std::lock_guard lock(mutex_);
    if (ended_) {
        return closed_error();
    }
    peers_[++last_connection_];
    return last_connection_;
}

void Hub::leave(uint64_t connection) {
    std::vector<Bytes> ended;
    {
        const std::lock_guard lock(mutex_);
        const auto found = peers_.find(connection);
        if (found == peers_.end()) {
            return;
        }
        for (const Bytes& topic : found->second.topics) {
            if (--topics_[topic] == 0) {
                topics_.erase(topic);
                ended.push_back(topic);
            }
        }
        peers_.erase(found);
    }
    for (const Bytes& topic : ended) {
        tell_topic(topic, false);
    }
    const std::shared_lock open(gate_);
    if (!closed_) {
        host_.on_close(connection);
    }
}

Status Hub::frame_from(uint64_t connection, BytesView frame) {
    const std::shared_lock open(gate_);
    if (closed_) {
        return closed_error();
    }
    {
        const std::lock_guard lock(mutex_);
        ++stats_.frames_received;
    }
    if (!host_.on_frame(connection, frame)) {
        flush();  // the refusal
        return Error{Code::busy, "the hub is busy"};
    }
    return {};
}

void Hub::tell_topic(BytesView topic, bool subscribed) {
    const std::shared_lock open(gate_);
    if (!closed_ && is_channel(topic)) {
        host_.on_topic(topic, subscribed);
    }
}

Status Hub::subscribe(uint64_t connection, BytesView topic) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (ended_) {
            return closed_error();
        }
        if (!is_channel(topic) && !is_token(topic) && topic != "M") {
            ++stats_.frames_ignored;
            return Error{Code::invalid_argument, "transport_inproc: no topic of the feed"};
        }
        if (peers_[connection].topics.emplace(topic).second) {
            first = ++topics_[Bytes(topic)] == 1;
        }
    }
    if (first) {
        tell_topic(topic, true);
    }
    if (!is_token(topic)) {
        return {};
    }
    const std::shared_lock open(gate_);
    if (closed_) {
        return closed_error();
    }
    // What was published before it is in the queues already.
    const Bytes answer = host_.join_answer();
    const std::lock_guard lock(mutex_);
    ++stats_.joins;
    deliver(peers_[connection], Bytes(topic) + answer);
    arrived_.notify_all();
    return {};
}

void Hub::unsubscribe(uint64_t connection, BytesView topic) {
    {
        const std::lock_guard lock(mutex_);
        if (peers_[connection].topics.erase(Bytes(topic)) == 0 || --topics_[Bytes(topic)] > 0) {
            return;
        }
        topics_.erase(Bytes(topic));
    }
    tell_topic(topic, false);
}

void Hub::lose_feed(uint64_t connection, bool lose) {
    const std::lock_guard lock(mutex_);
    peers_[connection].lose_feed = lose;
}

std::optional<Bytes> Hub::receive(uint64_t connection, std::chrono::milliseconds timeout) {
    return receive_from(connection, &Peer::replies, timeout);
}

std::optional<Bytes> Hub::receive_feed(uint64_t connection, std::chrono::milliseconds timeout) {
    return receive_from(connection, &Peer::feed, timeout);
}

std::optional<Bytes> Hub::receive_from(uint64_t connection, std::deque<Bytes> Peer::*queue,
                                       std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    std::deque<Bytes>& waiting = peers_[connection].*queue;  // a map's elements stay where they are
    arrived_.wait_for(lock, timeout, [&] { return !waiting.empty() || ended_; });
    if (waiting.empty()) {
        return std::nullopt;
    }
    Bytes first = std::move(waiting.front());
    waiting.pop_front();
    return first;
}

}  // namespace belfry::transports::inproc
