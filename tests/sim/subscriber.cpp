#include "tests/sim/subscriber.hpp"

#include "sdk/protocol/codec.hpp"

namespace belfry::sim {

Subscriber::Subscriber(World& world, Publisher& publisher, const std::map<uint64_t, History>& histories, Send send,
                       Setup setup)
    : world_(world),
      histories_(histories),
      send_(std::move(send)),
      setup_(std::move(setup)),
      wanted_(setup_.filter),
      link_(world, publisher, [this](const Bytes& frame) { on_frame(frame); }) {}

void Subscriber::fail(const std::string& what) { world_.fail("subscriber " + setup_.name + ": " + what); }

// A restart may have come first.
void Subscriber::start() {
    if (!tracker_) begin(std::nullopt);
}

void Subscriber::begin(std::optional<Revision> from) {
    ++life_;
    client::TrackerOptions options;
    options.filter = setup_.filter;
    options.of_changes = wanted_.of_changes();
    options.from = from;
    if (from) options.epoch = state_epoch_;
    options.stream = setup_.stream;
    options.random_seed = world_.random.next();
    options.buffered_messages_max = world_.random.chance(30) ? 5 : 4096;
    tracker_ = std::make_unique<client::Tracker>(std::move(options));
    timer_at_ms_ = UINT64_MAX;
    with_tracker([&](auto& output) { tracker_->start(world_.now(), output); });
}

void Subscriber::restart(bool keep) {
    world_.trace([&] { return setup_.name + " restart keep=" + std::to_string(keep); });
    link_.close();
    while_paused_.clear();
    pause(false);
    if (!keep) {
        state_.clear();
        checked_ = {};
        state_epoch_.reset();
        if (on_forgotten) on_forgotten();
    }
    begin(keep && state_epoch_ ? std::optional(checked_) : std::nullopt);
}

void Subscriber::pause(bool paused) {
    if (paused == paused_) return;
    world_.trace([&] { return setup_.name + (paused ? " paused" : " goes on"); });
    paused_ = paused;
    // The timer and what came by request fire first, as after SIGCONT: silence is noticed before the backlog is read.
    if (!paused && world_.random.chance(50)) link_.pause(false);
    while (!paused_ && !while_paused_.empty()) {
        auto action = std::move(while_paused_.front());
        while_paused_.pop_front();
        action();
    }
    link_.pause(paused);
}

template <class Call>
void Subscriber::with_tracker(Call&& call) {
    client::TrackerOutput output;
    call(output);
    act(output);
    plan_timer();
}

void Subscriber::plan_timer() {
    const uint64_t wake = tracker_->wake_at_ms();
    if (wake == UINT64_MAX || wake == timer_at_ms_) return;
    timer_at_ms_ = wake;
    world_.at(wake, [this, wake, life = life_] {
        if (life != life_ || wake != timer_at_ms_) return;
        const auto fire = [this, life] {
            if (life != life_) return;
            timer_at_ms_ = UINT64_MAX;
            if (world_.now() >= tracker_->wake_at_ms()) {
                with_tracker([&](auto& output) { tracker_->on_timer(world_.now(), output); });
            } else {
                plan_timer();
            }
        };
        if (paused_) {
            while_paused_.push_back(fire);
        } else {
            fire();
        }
    });
}

void Subscriber::on_frame(const Bytes& frame) {
    if (frame[0] == 'E') {
        auto message = protocol::decode_feed(frame);
        if (!message) return fail("feed message: " + message.error().detail);
        world_.trace([&] {
            return setup_.name + " feed (" + std::to_string(message->from.value) + ", " +
                   std::to_string(message->to.value) + "]" + (message->fetch ? " fetch" : "") + " knows " +
                   std::to_string(tracker_->known().value);
        });
        if (plants.skip_fetch && message->from > tracker_->known()) message->from = tracker_->known();
        with_tracker([&](auto& output) { tracker_->on_feed(*message, world_.now(), output); });
    } else if (frame[0] == 'M') {
        const auto message = protocol::decode_mark(frame);
        if (!message) return fail("mark: " + message.error().detail);
        world_.trace([&] {
            return setup_.name + " mark " + std::to_string(message->sequence) + " at " +
                   std::to_string(message->revision.value) + " knows " + std::to_string(tracker_->known().value);
        });
        if (plants.no_mark) return;
        with_tracker([&](auto& output) { tracker_->on_mark(*message, world_.now(), output); });
    } else {
        const auto message = protocol::decode_join(frame);
        if (!message) return fail("join: " + message.error().detail);
        world_.trace([&] { return setup_.name + " join at " + std::to_string(message->revision.value); });
        const Bytes token = frame.substr(0, protocol::token_topic_bytes);
        with_tracker([&](auto& output) { tracker_->on_join(token, *message, world_.now(), output); });
    }
}

void Subscriber::act(client::TrackerOutput& output) {
    if (output.refused) fail("refused: " + output.refused->detail);
    if (output.disconnect) link_.close();
    if (output.reconnect) {
        world_.trace([&] { return setup_.name + " reconnects"; });
        link_.renew();
    }
    for (const Bytes& topic : output.unsubscribe) link_.unsubscribe(topic);
    for (const Bytes& topic : output.subscribe) link_.subscribe(topic);
    for (auto& [id, op] : output.requests) {
        world_.trace([&, index = op.index()] {
            return setup_.name + " asks " + std::to_string(index) + " knows " + std::to_string(tracker_->known().value);
        });
        send_({std::move(op), {}}, [this, id = id, life = life_](Result<protocol::Reply> reply) {
            const auto take = [this, id, life, reply = std::move(reply)] {
                if (life != life_) return;
                world_.trace([&] {
                    return setup_.name + " hears " +
                           (!reply                          ? to_string(reply.error())
                            : reply->error.code == Code::ok ? std::string("ok")
                                                            : to_string(reply->error));
                });
                with_tracker([&](auto& out) { tracker_->on_reply(id, reply, world_.now(), out); });
            };
            if (paused_) {
                while_paused_.push_back(take);
            } else {
                take();
            }
        });
    }
    if (output.snapshot) check_snapshot(*output.snapshot);
    if (output.beginning) check_beginning(*output.beginning);
    for (const ChangeSet& change : output.changes) {
        check_change(change);
        if (plants.apply_twice && world_.random.chance(5)) check_change(change);
    }
    if (output.complete) check_nothing_missed(checked_, *output.complete);
    if (output.proved) proved_at_ms_ = world_.now();
}

const History* Subscriber::history() {
    const auto epoch = tracker_->epoch();
    const auto found = epoch ? histories_.find(*epoch) : histories_.end();
    if (found == histories_.end()) {
        fail("delivers before it knows the log's epoch");
        return nullptr;
    }
    return &found->second;
}

void Subscriber::check_snapshot(const client::TrackerOutput::Snapshot& snapshot) {
    const History* truth = history();
    if (truth == nullptr) return;
    world_.trace([&] { return setup_.name + " snapshot at " + std::to_string(snapshot.at.value); });
    if (snapshot.at > truth->revision()) return fail("snapshot of the future");
    if (state_epoch_ == tracker_->epoch() && snapshot.at < checked_) return fail("snapshot goes back");
    state_.clear();
    for (const KeyValue& kv : snapshot.kvs) state_[kv.key] = kv;
    if (state_ != truth->state_at(snapshot.at, wanted_)) {
        fail("snapshot at " + std::to_string(snapshot.at.value) + " is not what the log adds up to");
    }
    checked_ = snapshot.at;
    state_epoch_ = tracker_->epoch();
    if (on_snapshot && world_.failure().empty()) on_snapshot(snapshot);
}

// A filter of change sets begins at a revision. What it then says is lost must be what it was owed: nothing more, no less.
void Subscriber::check_beginning(const client::TrackerOutput::Beginning& beginning) {
    const History* truth = history();
    if (truth == nullptr) return;
    world_.trace([&] { return setup_.name + " begins at " + std::to_string(beginning.at.value); });
    if (!wanted_.of_changes()) return fail("begins without a state");
    if (beginning.at > truth->revision()) return fail("begins in the future");
    if (beginning.lost_after.has_value() != state_epoch_.has_value()) return fail("is wrong about having had a position");
    if (beginning.lost_after && *beginning.lost_after != checked_) return fail("is wrong about what it lost");
    if (beginning.lost_after) ++losses_;
    checked_ = beginning.at;
    state_epoch_ = tracker_->epoch();
}

void Subscriber::check_nothing_missed(Revision from, Revision to) {
    const History* truth = history();
    if (truth == nullptr) return;
    if (to > truth->revision()) {
        return fail("claims to know " + std::to_string(to.value) + ", the log ends at " +
                    std::to_string(truth->revision().value));
    }
    for (Revision at = from.next(); at <= to; at = at.next()) {
        if (!truth->part_of(at, wanted_).events.empty()) {
            return fail("missed the change of revision " + std::to_string(at.value));
        }
    }
    if (to > checked_) checked_ = to;
    state_epoch_ = tracker_->epoch();
}

void Subscriber::check_change(const ChangeSet& change) {
    const History* truth = history();
    if (truth == nullptr) return;
    const std::string at = std::to_string(change.revision.value);
    if (change.revision <= checked_) return fail("revision " + at + " delivered again");
    check_nothing_missed(checked_, change.revision.previous());
    if (!world_.failure().empty()) return;
    if (change.revision > truth->revision()) return fail("revision " + at + " was never committed");
    if (change != truth->part_of(change.revision, wanted_)) return fail("revision " + at + " is not as committed");
    if (!wanted_.of_changes()) apply_to(state_, change);
    checked_ = change.revision;
    ++deliveries_;
    if (on_change) on_change(change);
}

}  // namespace belfry::sim
