// One subscriber: the tracker the SDK uses, a reference state, and the checks of everything the tracker hands over against
// the history: each matching change once, in order, whole; complete means complete.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "sdk/client/tracker.hpp"
#include "tests/sim/call.hpp"
#include "tests/sim/feed_link.hpp"
#include "tests/sim/history.hpp"
#include "tests/sim/world.hpp"

namespace belfry::sim {

// Planted bugs of the subscriber's side (tests/sim/main.cpp).
struct SubscriberPlants {
    bool skip_fetch = false;   // a message that does not join on is applied all the same
    bool apply_twice = false;  // a delivery is now and then handed over twice
    bool no_mark = false;      // marks do not count
};

class Subscriber {
public:
    struct Setup {
        std::string name;
        protocol::FilterSpec filter;
        bool stream = false;  // private: asks for changes instead of listening to the feed
    };
    Subscriber(World& world, Publisher& publisher, const std::map<uint64_t, History>& histories, Send send, Setup setup);

    void start();
    // As a process that ends and starts again with what it had saved; `keep` = its state and revision, else from nothing.
    void restart(bool keep);
    void pause(bool paused);

    FeedLink& link() { return link_; }
    const State& state() const { return state_; }
    const std::string& name() const { return setup_.name; }
    const protocol::FilterSpec& filter() const { return setup_.filter; }
    const Wanted& wanted() const { return wanted_; }
    bool has_state() const { return !wanted_.of_changes(); }
    Revision known() const { return checked_; }
    std::optional<uint64_t> epoch() const { return tracker_ ? tracker_->epoch() : std::nullopt; }
    bool proved_since(uint64_t time_ms) const { return proved_at_ms_ && *proved_at_ms_ >= time_ms; }
    client::Tracker::Figures figures() const { return tracker_ ? tracker_->figures() : client::Tracker::Figures{}; }
    uint64_t deliveries() const { return deliveries_; }
    uint64_t losses() const { return losses_; }  // of a filter of change sets
    SubscriberPlants plants;
    // What its owner gets, when it has been checked; may be empty. Forgotten: it starts from nothing.
    std::function<void(const client::TrackerOutput::Snapshot& snapshot)> on_snapshot;
    std::function<void(const ChangeSet& change)> on_change;
    std::function<void()> on_forgotten;

private:
    void begin(std::optional<Revision> from);
    template <class Call>
    void with_tracker(Call&& call);
    void on_frame(const Bytes& frame);
    void act(client::TrackerOutput& output);
    void plan_timer();
    void check_snapshot(const client::TrackerOutput::Snapshot& snapshot);
    void check_beginning(const client::TrackerOutput::Beginning& beginning);
    void check_change(const ChangeSet& change);
    void check_nothing_missed(Revision from, Revision to);
    const History* history();
    void fail(const std::string& what);

    World& world_;
    const std::map<uint64_t, History>& histories_;
    Send send_;
    Setup setup_;
    Wanted wanted_;
    FeedLink link_;
    std::unique_ptr<client::Tracker> tracker_;
    uint64_t life_ = 0;
    uint64_t timer_at_ms_ = UINT64_MAX;
    bool paused_ = false;
    std::deque<std::function<void()>> while_paused_;

    State state_;
    Revision checked_;  // every matching change up to here was delivered
    std::optional<uint64_t> state_epoch_;
    std::optional<uint64_t> proved_at_ms_;
    uint64_t deliveries_ = 0;
    uint64_t losses_ = 0;
};

}  // namespace belfry::sim
