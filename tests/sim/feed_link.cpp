#include "tests/sim/feed_link.hpp"

#include <algorithm>

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

bool wants_frame(const std::set<Bytes>& topics, const Bytes& frame) {
    // Topics have fixed widths: one lookup per width.
    for (const size_t width : {size_t{1}, protocol::channel_topic_bytes, protocol::token_topic_bytes}) {
        if (frame.size() >= width && topics.count(frame.substr(0, width)) > 0) return true;
    }
    return false;
}

// ---- publisher ----

void Publisher::stop() {
    alive_ = false;
    auto links = std::move(links_);
    links_.clear();
    counts_.clear();
    for (auto& [link, topics] : links) link->broken();
}

void Publisher::publish(const Frame& frame) {
    for (auto& [link, topics] : links_) {
        if (wants_frame(topics, *frame)) link->send(frame, false);
    }
}

std::set<Bytes>* Publisher::topics_of(FeedLink* link) {
    for (auto& [other, topics] : links_) {
        if (other == link) return &topics;
    }
    return nullptr;
}

void Publisher::detach(FeedLink* link) {
    const auto found = std::find_if(links_.begin(), links_.end(), [&](auto& entry) { return entry.first == link; });
    if (found == links_.end()) return;
    const auto topics = std::move(found->second);
    links_.erase(found);
    for (const Bytes& topic : topics) count(topic, -1);
}

void Publisher::count(const Bytes& topic, int step) {
    int& subscribers = counts_[topic];
    subscribers += step;
    const bool first = step > 0 && subscribers == 1;
    const bool last = subscribers == 0;
    if (last) counts_.erase(topic);
    if (!first && !last) return;
    if (const auto channel = protocol::parse_channel_topic(topic)) on_topic(*channel, first);
}

void Publisher::subscribe(FeedLink* link, const Bytes& topic) {
    std::set<Bytes>* topics = topics_of(link);
    if (topics == nullptr || !topics->insert(topic).second) return;
    count(topic, +1);
    if (topic[0] != 'T') return;
    if (const auto answer = join_answer()) link->send(std::make_shared<const Bytes>(topic + *answer), true);
}

void Publisher::unsubscribe(FeedLink* link, const Bytes& topic) {
    std::set<Bytes>* topics = topics_of(link);
    if (topics != nullptr && topics->erase(topic) > 0) count(topic, -1);
}

// ---- link ----

void FeedLink::upstream(std::function<void()> action) {
    const uint64_t arrival = world_.now() + world_.random.below(troubles.delay_ms_max + 1);
    last_upstream_ms_ = std::max(arrival, last_upstream_ms_);
    world_.at(last_upstream_ms_, [this, generation = generation_, action = std::move(action)] {
        if (generation == generation_ && connected_) action();
    });
}

void FeedLink::subscribe(const Bytes& topic) {
    topics_.insert(topic);
    if (!open_) {
        open_ = true;
        connect();
    } else if (connected_) {
        upstream([this, topic] { publisher_->subscribe(this, topic); });
    }
}

void FeedLink::unsubscribe(const Bytes& topic) {
    topics_.erase(topic);
    if (connected_) upstream([this, topic] { publisher_->unsubscribe(this, topic); });
}

void FeedLink::connect() {
    world_.after(world_.random.between(1, 150), [this, generation = generation_] {
        if (generation != generation_ || !open_ || connected_) return;
        if (!publisher_->alive()) return connect();
        connected_ = true;
        publisher_->attach(this);
        for (const Bytes& topic : topics_) upstream([this, topic] { publisher_->subscribe(this, topic); });
    });
}

void FeedLink::broken() {
    ++generation_;
    connected_ = full_ = false;
    pipe_.clear();
    if (open_) connect();
}

void FeedLink::cut() {
    if (!connected_) return;
    publisher_->detach(this);
    broken();
}

void FeedLink::renew() {
    close();
    if (choose) publisher_ = &choose();
    open_ = true;
    connect();
}

void FeedLink::close() {
    publisher_->detach(this);
    open_ = false;
    topics_.clear();
    broken();
}

void FeedLink::pause(bool paused) {
    paused_ = paused;
    if (!paused_) deliver();
}

void FeedLink::send(const Frame& frame, bool is_join) {
    if (pipe_.size() >= troubles.high_water_mark) full_ = true;
    if (pipe_.size() <= troubles.high_water_mark / 2) full_ = false;
    if (full_ || world_.now() < lossy_until_ms_) return;
    if (is_join && world_.random.chance(troubles.join_loss_percent)) return;
    const uint64_t arrival = world_.now() + world_.random.below(troubles.delay_ms_max + 1);
    last_arrival_ms_ = std::max(arrival, last_arrival_ms_);
    pipe_.emplace_back(last_arrival_ms_, frame);
    world_.at(last_arrival_ms_, [this] { deliver(); });
}

void FeedLink::deliver() {
    while (!paused_ && !pipe_.empty() && pipe_.front().first <= world_.now()) {
        const Frame frame = std::move(pipe_.front().second);
        pipe_.pop_front();
        if (wants_frame(topics_, *frame)) receive_(*frame);
    }
}

}  // namespace belfry::sim
