// The plugin transport_zmq: two sockets, a thread for each.
#include <signal.h>

#include "transports/zmq/feed.hpp"
#include "transports/zmq/gate.hpp"
#include "transports/zmq/requests.hpp"

namespace belfry::transports::zmq {

namespace {

// Answers and feed messages that wait for their thread or, if large, for libzmq to send them. The hub's inbox bounds the
// number of answers, so these bounds are met only when peers read nothing.
constexpr size_t outbox_frames_max = 262'144;
constexpr size_t outbox_bytes_max = 1024ull * 1024 * 1024;

// Signals belong to the hub's own threads.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_;
};

class ZmqTransport {
public:
    static constexpr const char* scheme = "zmq";

    static Result<std::unique_ptr<ZmqTransport>> open(const plugin::TransportArguments& arguments);
    ~ZmqTransport() { close(); }

    void send(uint64_t connection, plugin::Frame frame) { add(replies_, {connection, std::move(frame)}); }
    void publish(plugin::Frame frame) { add(feed_messages_, {0, std::move(frame)}); }
    void flush() {
        replies_.flush();
        feed_messages_.flush();
    }
    plugin::TransportStats stats() const;
    std::string endpoints() const { return "request=" + requests_->endpoint() + " feed=" + feed_->endpoint(); }
    void set_keys(const plugin::TransportKeys& keys);
    void close();

private:
    ZmqTransport(const Options& options, bool host_tells) : admission_(options, host_tells), context_(options.io_threads) {}

    Status prove_gate(const CurveKeys& keys);
    void add(Outbox& outbox, Outgoing outgoing) {
        if (!outbox.add(std::move(outgoing))) {
            counters_.sends_refused.fetch_add(1, std::memory_order_relaxed);
        }
    }

    // Destroyed from below: sockets before their context, the context before the outboxes that its threads report to.
    Admission admission_;
    Counters counters_;
    Outbox replies_{outbox_frames_max, outbox_bytes_max};
    Outbox feed_messages_{outbox_frames_max, outbox_bytes_max};
    Context context_;
    std::unique_ptr<Gate> gate_;  // NULL without keys
    std::unique_ptr<Requests> requests_;
    std::unique_ptr<Feed> feed_;
};

Result<std::unique_ptr<ZmqTransport>> ZmqTransport::open(const plugin::TransportArguments& arguments) {
    const Result<Options> options = parse_options(arguments.settings);
    if (!options) {
        return options.error();
    }
    const SignalsBlocked blocked;
    std::unique_ptr<ZmqTransport> transport(new ZmqTransport(*options, arguments.transport_host.tells_keys()));
    if (transport->context_.handle() == nullptr || !transport->replies_.valid() || !transport->feed_messages_.valid()) {
        return Error{Code::io, "transport_zmq: no descriptors left; raise the limit of open files (ulimit -n)"};
    }
    const CurveKeys& keys = options->keys;
    if (!keys.empty()) {
        auto gate = Gate::open(transport->context_, transport->admission_, arguments.host);
        if (!gate) {
            return std::move(gate).error();
        }
        transport->gate_ = *std::move(gate);
    }
    auto requests = Requests::open(transport->context_, *options, arguments.transport_host, arguments.host,
                                   transport->admission_, transport->replies_, transport->counters_);
    if (!requests) {
        return std::move(requests).error();
    }
    auto feed = Feed::open(transport->context_, *options, arguments.transport_host, arguments.host, transport->admission_,
                           transport->feed_messages_, transport->counters_);
    if (!feed) {
        return std::move(feed).error();
    }
    transport->requests_ = *std::move(requests);
    transport->feed_ = *std::move(feed);
    if (Status proved = transport->prove_gate(keys); !proved) {
        return std::move(proved).error();
    }
    transport->requests_->start();
    transport->feed_->start();
    return transport;
}

// libzmq lets everybody in if it does not ask: nobody else may come before that is known.
Status ZmqTransport::prove_gate(const CurveKeys& keys) {
    if (gate_ == nullptr) {
        return {};
    }
    Status proved = gate_->prove(context_, requests_->endpoint(), Gate::requests_domain, keys);
    if (proved) {
        proved = gate_->prove(context_, feed_->endpoint(), Gate::feed_domain, keys);
    }
    if (proved) {
        gate_->let_in();
    }
    return proved;
}

// Each thread looks when it is awake next.
void ZmqTransport::set_keys(const plugin::TransportKeys& keys) {
    admission_.set(keys);
    replies_.interrupt();
    feed_messages_.interrupt();
}

plugin::TransportStats ZmqTransport::stats() const {
    plugin::TransportStats stats;
    stats.subscriptions = counters_.subscriptions.load(std::memory_order_relaxed);
    stats.frames_received = counters_.frames_received.load(std::memory_order_relaxed);
    stats.frames_sent = counters_.frames_sent.load(std::memory_order_relaxed);
    stats.frames_published = counters_.frames_published.load(std::memory_order_relaxed);
    stats.sends_refused = counters_.sends_refused.load(std::memory_order_relaxed);
    stats.joins = counters_.joins.load(std::memory_order_relaxed);
    stats.frames_ignored = counters_.frames_ignored.load(std::memory_order_relaxed);
    return stats;
}

void ZmqTransport::close() {
    flush();
    if (requests_ != nullptr) {
        requests_->stop();
    }
    if (feed_ != nullptr) {
        feed_->stop();
    }
}

}  // namespace

}  // namespace belfry::transports::zmq

BELFRY_PLUGIN(transport_zmq, "1.0.0", "Requests over a ZeroMQ ROUTER, the feed over an XPUB.",
              belfry::plugin::transport<belfry::transports::zmq::ZmqTransport>())
