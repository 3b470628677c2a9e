#include "sdk/client/subscription_impl.hpp"

#include <algorithm>

#include "sdk/base/random.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry {
namespace {

constexpr int receive_budget = 256;

client::TrackerOptions tracker_options(const SubscriptionOptions& options, const ClientOptions& client) {
    client::TrackerOptions tracker;
    tracker.filter = options.filter;
    tracker.of_changes = options.of_changes;
    tracker.from = options.from;
    tracker.random_seed = random_u64() | 1;
    tracker.stream = options.private_stream || client.feed_endpoints.empty();
    const auto wait_ms_max = static_cast<uint64_t>((client.timeout / waits_per_timeout).count());
    tracker.stream_wait_ms = std::clamp<uint64_t>(wait_ms_max, 1, tracker.stream_wait_ms);
    return tracker;
}

// Subscriptions of one thread with equal filters get equal frames: the last ones are decoded once for all of them.
const protocol::FeedMessage* decode_shared(BytesView frame) {
    struct Slot {
        Bytes frame;
        protocol::FeedMessage message;
    };
    constexpr size_t slots = 64;
    constexpr size_t frame_bytes_kept_max = 64 * 1024;
    thread_local std::vector<Slot> cache(slots + 1);
    constexpr size_t head_bytes = 64;  // holds channel and revisions, which tell most frames apart
    const bool small = frame.size() <= frame_bytes_kept_max;
    Slot& slot = cache[small ? hash64(frame.substr(0, head_bytes)) % slots : slots];
    if (small && slot.frame == frame) return &slot.message;
    auto message = protocol::decode_feed(frame);
    if (!message) return nullptr;
    slot.message = *std::move(message);
    if (small) slot.frame = frame;
    return &slot.message;
}

}  // namespace

Subscription::Impl::Impl(std::shared_ptr<Client> client_, std::shared_ptr<client::Loop> loop_, SubscriptionOptions options_)
    : client(std::move(client_)),
      loop(std::move(loop_)),
      options(std::move(options_)),
      view(std::make_shared<const View>()),
      tracker_(tracker_options(options, client->options())) {}

// One that was dropped on the loop thread is closed before this task has its turn.
void Subscription::Impl::start() {
    if (closed_) return;
    loop->add(shared_from_this());
    client::TrackerOutput output;
    const uint64_t now_ms = client::steady_ms();
    tracker_.start(now_ms, output);
    obey(output, now_ms);
    publish();
}

void Subscription::Impl::close() {
    closed_ = true;
    if (socket_.is_open()) loop->unwatch(socket_.descriptor());
    socket_ = client::ZmqSocket();
    bindings_.clear();
    deliveries_.clear();
    loop->remove(participant_id);
}

bool Subscription::Impl::on_readable(uint64_t now_ms) {
    bool more = false;
    client::TrackerOutput output;
    client::ZmqMessage frame;
    for (int budget = receive_budget; !closed_ && socket_.is_open() && socket_.receive(frame); --budget) {
        if (budget == 0) {
            more = true;
        }
        take_frame(frame.bytes(), now_ms, output);
        if (more) break;
    }
    publish();
    return more;
}

void Subscription::Impl::take_frame(BytesView frame, uint64_t now_ms, client::TrackerOutput& output) {
    if (frame.empty()) return;
    if (frame[0] == 'E') {
        if (const auto* message = decode_shared(frame)) tracker_.on_feed(*message, now_ms, output);
    } else if (frame[0] == 'M') {
        if (const auto mark = protocol::decode_mark(frame)) tracker_.on_mark(*mark, now_ms, output);
    } else if (const auto join = protocol::decode_join(frame)) {
        tracker_.on_join(frame.substr(0, protocol::token_topic_bytes), *join, now_ms, output);
    }
    obey(output, now_ms);
}

void Subscription::Impl::on_timer(uint64_t now_ms) {
    if (closed_) return;
    client::TrackerOutput output;
    tracker_.on_timer(now_ms, output);
    obey(output, now_ms);
    publish();
}

void Subscription::Impl::on_lost(size_t endpoint, uint64_t now_ms) {
    if (closed_ || !socket_.is_open() || endpoint != endpoint_) return;
    client::TrackerOutput output;
    tracker_.on_lost(now_ms, output);
    obey(output, now_ms);
    publish();
}

// Leaves `output` empty.
void Subscription::Impl::obey(client::TrackerOutput& output, uint64_t now_ms) {
    if (output.disconnect) {
        if (socket_.is_open()) loop->unwatch(socket_.descriptor());
        socket_ = client::ZmqSocket();
        output.disconnect = false;
    }
    if (output.reconnect || !output.subscribe.empty() || !output.unsubscribe.empty()) {
        drive_socket(output);
        output.subscribe.clear();
        output.unsubscribe.clear();
        output.reconnect = false;
    }
    if (!output.requests.empty()) {
        for (auto& [id, op] : output.requests) ask(id, std::move(op));
        output.requests.clear();
    }
    if (output.snapshot) take_snapshot(*output.snapshot);
    output.snapshot.reset();
    if (output.beginning) take_beginning(*output.beginning);
    output.beginning.reset();
    for (ChangeSet& change : output.changes) take_change(change);
    output.changes.clear();
    if (output.complete) complete_ = output.complete;
    if (output.refused || (output.complete && refused_)) {
        refused_ = std::move(output.refused);
        moved_ = true;
    }
    if (output.proved) proved_ms_ = now_ms;
    moved_ = moved_ || output.complete || output.proved;
    output.complete.reset();
    output.proved = false;
    output.refused.reset();
}

void Subscription::Impl::drive_socket(client::TrackerOutput& output) {
    if (output.reconnect && socket_.is_open()) {
        loop->unwatch(socket_.descriptor());
        socket_ = client::ZmqSocket();
        loop->leave_endpoint(endpoint_);
    }
    const bool fresh = !socket_.is_open();
    if (fresh) {
        auto socket = client::ZmqSocket::open(loop->context(), client::ZmqSocket::Kind::feed);
        if (!socket) return;                   // no descriptors left: the tracker's join times out and asks again
        endpoint_ = loop->request_endpoint();  // feed and requests of one member belong together
        if (!socket->encrypt(loop->security(), endpoint_)) return;
        socket_ = *std::move(socket);
        loop->watch(*this, socket_.descriptor());
    }
    for (const Bytes& topic : output.unsubscribe) socket_.unsubscribe(topic);
    for (const Bytes& topic : output.subscribe) socket_.subscribe(topic);
    const auto& endpoints = client->options().feed_endpoints;
    if (fresh) {  // feed and requests of one member belong together: it must know what it is to publish
        (void)socket_.connect(endpoints[endpoint_ % endpoints.size()]);
    }
    loop->touch(*this);
}

void Subscription::Impl::ask(uint64_t id, protocol::RequestOp op) {
    loop->request(std::move(op), [weak = weak_from_this(), id](Result<protocol::Reply> reply) {
        const auto self = weak.lock();
        if (!self || self->closed_) return;
        client::TrackerOutput output;
        const uint64_t now_ms = client::steady_ms();
        self->tracker_.on_reply(id, std::move(reply), now_ms, output);
        self->obey(output, now_ms);
        self->publish();
        self->loop->touch(*self);  // its deadline may have moved nearer
    });
}

void Subscription::Impl::note(KeyChange change, Delivery& delivery) { delivery.changes.push_back(std::move(change)); }

void Subscription::Impl::take_snapshot(client::TrackerOutput::Snapshot& snapshot) {
    Delivery delivery;
    delivery.revision = snapshot.at;
    delivery.is_snapshot = true;
    changed_ = true;
    if (!options.keep_view) {
        for (KeyValue& kv : snapshot.kvs) {
            Bytes key = kv.key;
            note({std::move(key), {}, std::move(kv)}, delivery);
        }
    } else {
        ViewBuilder before = std::move(builder_);
        builder_ = ViewBuilder();
        for (KeyValue& kv : snapshot.kvs) {
            const KeyValue* old = before.present().find(kv.key);
            if (old == nullptr || *old != kv) note({kv.key, old ? std::optional(*old) : std::nullopt, kv}, delivery);
            builder_.put(std::move(kv));
        }
        before.present().for_each([&](const KeyValue& old) {
            if (builder_.present().find(old.key) == nullptr) note({old.key, old, {}}, delivery);
        });
    }
    complete_ = snapshot.at;
    if (wants_deliveries()) queue(std::move(delivery));
}

void Subscription::Impl::take_beginning(const client::TrackerOutput::Beginning& beginning) {
    complete_ = beginning.at;
    if (!beginning.lost_after || !wants_deliveries()) return;
    Delivery delivery;
    delivery.revision = beginning.at;
    delivery.lost_after = beginning.lost_after;
    queue(std::move(delivery));
}

void Subscription::Impl::take_change(ChangeSet& change) {
    ++figures_.deliveries;
    figures_.changes += change.events.size();
    changed_ = true;
    moved_ = true;
    const bool wanted = wants_deliveries();
    Delivery delivery;
    if (wanted) {
        delivery.revision = change.revision;
        delivery.time_ms = change.time_ms;
        delivery.author = std::move(change.author);
        delivery.comment = std::move(change.comment);
        delivery.labels = std::move(change.labels);
        delivery.changes.reserve(change.events.size());
    }
    for (Event& event : change.events) {
        const bool is_put = event.type == EventType::put;
        KeyChange one;
        if (wanted) {
            one.key = event.kv.key;
            if (is_put && options.keep_view) one.after = event.kv;
            if (is_put && !options.keep_view) one.after = std::move(event.kv);
        }
        if (options.keep_view) {
            const auto before = is_put ? builder_.put(std::move(event.kv)) : builder_.erase(event.kv.key);
            if (wanted && before) one.before = *before;
        }
        if (wanted) note(std::move(one), delivery);
    }
    if (wanted) queue(std::move(delivery));
}

void Subscription::Impl::queue(Delivery delivery) {
    deliveries_.push_back(std::move(delivery));
    ++queued_;
}

// First the view, whole; then those who wait; then the callbacks, which may read it.
void Subscription::Impl::publish() {
    const auto& tracked = tracker_.figures();
    figures_.gaps_by_chain = tracked.gaps_by_chain;
    figures_.gaps_by_mark = tracked.gaps_by_mark;
    figures_.joins = tracked.joins;
    figures_.deltas = tracked.deltas;
    figures_.snapshots = tracked.snapshots;
    figures_.reconnects = tracked.reconnects;
    figures_.incarnation = tracked.incarnation;
    figures_.private_stream = tracked.stream;
    figures_.revision = complete_.value_or(Revision{});
    figures_.digest = builder_.present().digest.value();
    figures_.keys = builder_.present().digest.count();
    std::shared_ptr<const View> next;
    if (options.keep_view && (changed_ || moved_)) next = builder_.publish(complete_.value_or(Revision{}));
    {
        const std::lock_guard lock(mutex);
        figures = figures_;
        refused = refused_;
        if (next) view.swap(next);
        complete = complete_;
        proved_ms = proved_ms_;
        if (waiters > 0 && (moved_ || changed_)) advanced.notify_all();
    }
    changed_ = moved_ = false;
    if (deliveries_.empty()) return;
    std::vector<Delivery> due;  // a callback may come back here
    due.swap(deliveries_);
    uint64_t number = queued_ - due.size();
    for (const Delivery& delivery : due) {
        ++number;
        if (!closed_) deliver(delivery, number);
    }
    due.clear();
    if (deliveries_.empty()) deliveries_.swap(due);  // for its memory
}

void Subscription::Impl::deliver(const Delivery& delivery, uint64_t number) {
    if (options.on_change) options.on_change(delivery);
    if (bindings_.empty()) return;
    for (const KeyChange& change : delivery.changes) {
        std::vector<std::function<void(const KeyChange&)>> callbacks;  // one may bind another, or close us
        for (auto [at, end] = bindings_.equal_range(change.key); at != end; ++at) {
            if (at->second.since < number) callbacks.push_back(at->second.callback);
        }
        for (const auto& callback : callbacks) {
            if (!closed_) callback(change);
        }
    }
}

// In a callback the view may be ahead of what is being delivered. Without a view nothing is known, and all of that is news.
void Subscription::Impl::bind(Bytes key, std::function<void(const KeyChange&)> callback) {
    KeyChange now{key, {}, {}};
    if (const KeyValue* kv = builder_.present().find(key)) now.after = *kv;
    bindings_.emplace(std::move(key), Binding{callback, options.keep_view ? queued_ : 0});
    callback(now);
}

}  // namespace belfry
