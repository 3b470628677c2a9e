// The feed's network: one publishing socket and one link per subscriber, as lossy as the real ones. Order is kept, as TCP
// keeps it; whole messages are lost when a pipe is full or a connection breaks; a broken connection comes back by itself
// and sends its subscriptions again, in the order of their octets.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "sdk/protocol/messages.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

class FeedLink;
using Frame = std::shared_ptr<const Bytes>;

// The hub's side. The hub tells it when the process dies and comes back.
class Publisher {
public:
    std::function<void(ChannelId, bool)> on_topic;
    std::function<std::optional<Bytes>()> join_answer;  // without topic; none = the hub is not ready

    bool alive() const { return alive_; }
    void start() { alive_ = true; }
    void stop();  // every link breaks
    void publish(const Frame& frame);

private:
    friend class FeedLink;
    void attach(FeedLink* link) { links_.push_back({link, {}}); }
    std::set<Bytes>* topics_of(FeedLink* link);
    void detach(FeedLink* link);
    void subscribe(FeedLink* link, const Bytes& topic);
    void unsubscribe(FeedLink* link, const Bytes& topic);
    void count(const Bytes& topic, int step);

    bool alive_ = false;
    std::vector<std::pair<FeedLink*, std::set<Bytes>>> links_;  // in the order in which they came: runs must repeat
    std::map<Bytes, int> counts_;
};

struct LinkTroubles {
    unsigned join_loss_percent = 0;
    size_t high_water_mark = 200;
    uint64_t delay_ms_max = 20;
};

class FeedLink {
public:
    FeedLink(World& world, Publisher& publisher, std::function<void(const Bytes&)> receive)
        : world_(world), publisher_(&publisher), receive_(std::move(receive)) {}
    FeedLink(const FeedLink&) = delete;
    FeedLink& operator=(const FeedLink&) = delete;

    // the subscriber's calls
    void subscribe(const Bytes& topic);
    void unsubscribe(const Bytes& topic);
    void renew();  // close the socket, build a new one, to another hub if `choose` says so; forgets the topics
    std::function<Publisher&()> choose;
    void close();

    // troubles
    LinkTroubles troubles;
    void lose_until(uint64_t time_ms) { lossy_until_ms_ = time_ms; }
    void cut();  // breaks now, comes back by itself
    void pause(bool paused);

private:
    friend class Publisher;
    void connect();
    void broken();
    void send(const Frame& frame, bool is_join);
    void deliver();
    void upstream(std::function<void()> action);

    World& world_;
    Publisher* publisher_;
    std::function<void(const Bytes&)> receive_;
    std::set<Bytes> topics_;
    uint64_t generation_ = 0;  // of the connection; what belongs to an older one is void
    bool open_ = false, connected_ = false, paused_ = false, full_ = false;
    uint64_t lossy_until_ms_ = 0, last_arrival_ms_ = 0, last_upstream_ms_ = 0;
    std::deque<std::pair<uint64_t, Frame>> pipe_;  // arrival, frame
};

// The bytes of the frame reach only who subscribed to their beginning.
bool wants_frame(const std::set<Bytes>& topics, const Bytes& frame);

}  // namespace belfry::sim
