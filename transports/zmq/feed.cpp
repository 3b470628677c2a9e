#include "transports/zmq/feed.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "transports/zmq/gate.hpp"

namespace belfry::transports::zmq {

namespace {

constexpr int subscriber_frames_max = 2000;       // ZMQ_SNDHWM of one subscriber
constexpr int64_t subscription_bytes_max = 4096;  // ZMQ_MAXMSGSIZE: what a subscriber may send
constexpr int send_buffer_bytes = 256 * 1024;     // caps how stale a paused subscriber's next message is
// Half a subscriber's queue at once, then 500 per 10 ms: an I/O thread that gets no CPU for 20 ms still loses nothing.
constexpr size_t burst_max = subscriber_frames_max / 2;
constexpr size_t messages_per_ms = 50;
constexpr int subscriptions_at_once = 1024;
// The hub has at most 1024 channels; the rest is room for join tokens and for filters that clients declared elsewhere.
constexpr size_t topics_max = 65'536;
// Of one connection. The SDK has three: each subscription has a socket of its own. 300 are room for clients that put many
// on one, the rest for what earlier connections with the same descriptor have left.
constexpr size_t connection_topics_max = 512;
// Answers to joins are as many as strangers ask for. Behind so many messages (80 ms) there is none: the subscriber asks
// again.
constexpr size_t backlog_max = 4096;
// A topic that somebody cancelled while others seemed to have it costs what is published on it for nothing; a sweep asks
// the kernel once for each of those others.
constexpr std::chrono::seconds sweep_interval{10};
constexpr int pace_ms = 1;

constexpr size_t channel_topic_bytes = 9;
constexpr size_t token_topic_bytes = 17;

bool is_channel(BytesView topic) { return topic.size() == channel_topic_bytes && topic[0] == 'E'; }
bool is_token(BytesView topic) { return topic.size() == token_topic_bytes && topic[0] == 'T'; }
bool is_known(BytesView topic) { return is_channel(topic) || is_token(topic) || topic == "M"; }

// Negative only for what libzmq says itself: peers too old to have a descriptor are not let in (Socket).
int descriptor_of(const Message& message) { return zmq_msg_get(message.handle(), ZMQ_SRCFD); }

bool is_socket(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

}  // namespace

Feed::Feed(Socket socket, plugin::TransportHost host, const plugin::Host& logger, const Admission& admission,
           Outbox& outbox, Counters& counters)
    : socket_(std::move(socket)),
      host_(host),
      outbox_(outbox),
      counters_(counters),
      complaints_(logger),
      visitors_(admission),
      allowance_(burst_max),
      refilled_(Clock::now()) {}

Feed::~Feed() { stop(); }

Result<std::unique_ptr<Feed>> Feed::open(const Context& context, const Options& options, plugin::TransportHost host,
                                         const plugin::Host& logger, const Admission& admission, Outbox& outbox,
                                         Counters& counters) {
    Result<Socket> socket = Socket::open(context, ZMQ_XPUB);
    if (!socket) {
        return std::move(socket).error();
    }
    Status status = socket->set_public_options(subscriber_frames_max, subscription_bytes_max);
    if (status) {
        status = socket->set(ZMQ_XPUB_VERBOSE, 1);
    }
    if (status) {
        status = socket->set(ZMQ_SNDBUF, send_buffer_bytes);
    }
    if (status) {
        status = socket->encrypt(options.keys, Gate::feed_domain);
    }
    if (status) {
        status = socket->bind(options.feed_endpoint, "listen.feed_endpoint");
    }
    if (!status) {
        return std::move(status).error();
    }
    std::unique_ptr<Feed> feed(new Feed(*std::move(socket), host, logger, admission, outbox, counters));
    feed->endpoint_ = feed->socket_.endpoint();
    return feed;
}

void Feed::start() { thread_ = std::thread(&Feed::run, this); }

void Feed::stop() {
    if (!thread_.joinable()) {
        return;
    }
    stopping_.store(true);
    outbox_.interrupt();
    thread_.join();
    // What libzmq has queued may still leave while the context ends.
    (void)socket_.set(ZMQ_LINGER, close_max.count());
}

void Feed::run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
        refresh_visitors();
        sweep();
        bool progress = receive();
        progress = publish_queued() || progress;
        if (!progress) {
            wait_for_work(socket_, outbox_, sent_ < batch_.size() ? pace_ms : idle_ms);
        }
    }
    const Clock::time_point end = Clock::now() + close_max;
    while ((publish_queued() || sent_ < batch_.size()) && Clock::now() < end) {
        if (allowance_ == 0) {
            wait_for_work(socket_, outbox_, pace_ms);
        }
    }
}

void Feed::refresh_visitors() {
    visitors_.refresh([](const Admitted& admitted, const std::string& key) { return admitted.to_feed(key); },
                      [](uint64_t) {});
}

void Feed::sweep() {
    if (!subscribers_.in_doubt()) {
        return;
    }
    const Clock::time_point now = Clock::now();
    if (now < swept_ + sweep_interval) {
        return;
    }
    swept_ = now;
    subscribers_.sweep(is_socket, [this](BytesView topic) { on_topic_ended(topic); });
}

bool Feed::receive() {
    Message message;
    for (int count = 0; count < subscriptions_at_once; ++count) {
        if (!socket_.receive(message)) {
            return count > 0;
        }
        on_message(message);
    }
    return true;
}

void Feed::on_message(const Message& message) {
    const BytesView octets = message.bytes();
    if (octets.empty() || (octets[0] != '\0' && octets[0] != '\1') || message.more()) {
        counters_.frames_ignored.fetch_add(1, std::memory_order_relaxed);
        complaints_.disconnect(message, "a subscriber sent a frame of its own and was disconnected");
        return;
    }
    if (octets[0] == '\1') {
        on_subscription(message, octets.substr(1));
    } else {
        on_unsubscription(message, octets.substr(1));
    }
}

void Feed::on_subscription(const Message& message, BytesView topic) {
    const BytesView key = visitors_.key_of(message);
    const bool waits = visitors_.admitted().to_wait_for_feed();
    if (!waits && !visitors_.admitted().to_feed(key)) {
        counters_.frames_ignored.fetch_add(1, std::memory_order_relaxed);
        return complaints_.disconnect(message, "a subscriber who may not read the whole feed was disconnected");
    }
    const int descriptor = descriptor_of(message);
    visitors_.note(static_cast<uint64_t>(descriptor), key, message);
    const char* const fault = fault_of(descriptor, topic);
    if (fault != nullptr) {
        counters_.frames_ignored.fetch_add(1, std::memory_order_relaxed);
        complaints_.disconnect(message, fault);
        if (subscribers_.topics_of(descriptor) >= connection_topics_max) {  // else the next one there has too many as well
            subscribers_.forget(descriptor, [this](BytesView ended) { on_topic_ended(ended); });
        }
        return;
    }
    const bool first = subscribers_.subscribe(descriptor, topic);
    counters_.subscriptions.store(subscribers_.topic_count(), std::memory_order_relaxed);
    if (is_token(topic) && !waits) {
        answer_join(topic);
    } else if (first && is_channel(topic)) {
        host_.on_topic(topic, true);
    }
}

// NULL: the subscription is in order.
const char* Feed::fault_of(int descriptor, BytesView topic) const {
    if (!is_known(topic)) {
        return "a subscriber asked for no topic of the feed and was disconnected";
    }
    if (subscribers_.topics_of(descriptor) >= connection_topics_max) {
        return "a subscriber asked for too many topics and was disconnected";
    }
    if (subscribers_.topic_count() >= topics_max && !subscribers_.has(topic)) {
        return "too many topics are subscribed; a subscriber was disconnected";
    }
    return nullptr;
}

void Feed::on_unsubscription(const Message& message, BytesView topic) {
    const int descriptor = descriptor_of(message);
    if (descriptor < 0 ? subscribers_.end(topic) : subscribers_.cancel(descriptor, topic)) {
        on_topic_ended(topic);
    }
}

void Feed::on_topic_ended(BytesView topic) {
    counters_.subscriptions.store(subscribers_.topic_count(), std::memory_order_relaxed);
    if (is_channel(topic)) {
        host_.on_topic(topic, false);
    }
}

// The answer is taken first, then everything published before it goes into the queue ahead of it.
void Feed::answer_join(BytesView token) {
    if (batch_.size() - sent_ > backlog_max) {
        return;
    }
    const Bytes answer = host_.join_answer();
    if (answer.empty()) {
        return;  // the host has none yet; the subscriber asks again with another token
    }
    outbox_.take(batch_);
    batch_.push_back({0, plugin::Frame::of(Bytes(token) + answer)});
    outbox_.count(1, token.size() + answer.size());
    counters_.joins.fetch_add(1, std::memory_order_relaxed);
}

void Feed::refill() {
    const Clock::time_point now = Clock::now();
    const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - refilled_).count();
    const size_t more = static_cast<size_t>(elapsed) * messages_per_ms / 1000;
    if (more > 0) {
        allowance_ = std::min(burst_max, allowance_ + more);
        refilled_ = now;
    }
}

// True if something went out.
bool Feed::publish_queued() {
    outbox_.take(batch_);
    if (sent_ == batch_.size()) {
        return false;
    }
    refresh_visitors();  // what was queued may be what somebody must not hear any more
    const bool heard = subscribers_.topic_count() > 0 && !visitors_.admitted().feed_closed();
    refill();
    const size_t end = std::min(batch_.size(), sent_ + allowance_);
    const bool progress = end > sent_;
    for (; sent_ < end; ++sent_) {
        Message message(std::move(batch_[sent_].frame), outbox_);
        if (heard) {  // else nobody would get it, or may
            const Sent sent = socket_.send(message, false);
            (sent == Sent::done ? counters_.frames_published : counters_.sends_refused)
                .fetch_add(1, std::memory_order_relaxed);
            --allowance_;
        }
    }
    if (sent_ == batch_.size()) {
        batch_.clear();
        sent_ = 0;
    }
    return progress;
}

}  // namespace belfry::transports::zmq
