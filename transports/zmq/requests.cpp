#include "transports/zmq/requests.hpp"

#include <array>
#include <optional>

#include "transports/zmq/gate.hpp"

namespace belfry::transports::zmq {

namespace {

constexpr int peer_frames_max = 1000;  // ZMQ_SNDHWM of one peer
// Messages read before answers get their turn.
constexpr int requests_at_once = 256;
constexpr std::chrono::milliseconds lag_max{5000};
// So that a few peers that do not read cannot fill the outbox for all. One frame above it is let through.
constexpr size_t peer_bytes_max = 16 * 1024 * 1024;
constexpr size_t peers_counted_max = 1024;  // past it those with nothing in flight are forgotten
// Of one connection. The octets wait in the outbox that all share: a client may have some large ranges under way, but who
// asks for more than it reads must not use up what the others' answers need.
constexpr size_t lagging_frames_max = 8192;
constexpr size_t lagging_bytes_max = 64 * 1024 * 1024;
constexpr int lagging_retry_ms = 1;

constexpr size_t routing_id_bytes = 5;
constexpr uint64_t connection_mark = uint64_t{1} << 32;

// Nothing for an id that libzmq did not make itself: clients must not choose theirs.
std::optional<uint64_t> connection_of(BytesView routing_id) {
    if (routing_id.size() != routing_id_bytes || routing_id[0] != '\0') {
        return std::nullopt;
    }
    uint64_t number = 0;
    for (const char octet : routing_id.substr(1)) {
        number = number << 8 | static_cast<unsigned char>(octet);
    }
    return number | connection_mark;
}

std::array<char, routing_id_bytes> routing_id_of(uint64_t connection) {
    return {'\0', static_cast<char>(connection >> 24), static_cast<char>(connection >> 16),
            static_cast<char>(connection >> 8), static_cast<char>(connection)};
}

}  // namespace

Requests::Requests(Socket socket, plugin::TransportHost host, const plugin::Host& logger, const Admission& admission,
                   Outbox& outbox, Counters& counters)
    : socket_(std::move(socket)),
      host_(host),
      outbox_(outbox),
      counters_(counters),
      complaints_(logger),
      visitors_(admission) {}

Requests::~Requests() { stop(); }

Result<std::unique_ptr<Requests>> Requests::open(const Context& context, const Options& options, plugin::TransportHost host,
                                                 const plugin::Host& logger, const Admission& admission, Outbox& outbox,
                                                 Counters& counters) {
    Result<Socket> socket = Socket::open(context, ZMQ_ROUTER);
    if (!socket) {
        return std::move(socket).error();
    }
    Status status = socket->set_public_options(peer_frames_max, static_cast<int64_t>(options.frame_bytes_max));
    if (status) {
        status = socket->set(ZMQ_ROUTER_MANDATORY, 1);
    }
    if (status) {
        status = socket->encrypt(options.keys, Gate::requests_domain);
    }
    if (status) {
        status = socket->bind(options.request_endpoint, "listen.request_endpoint");
    }
    if (!status) {
        return std::move(status).error();
    }
    std::unique_ptr<Requests> requests(new Requests(*std::move(socket), host, logger, admission, outbox, counters));
    requests->endpoint_ = requests->socket_.endpoint();
    return requests;
}

void Requests::start() { thread_ = std::thread(&Requests::run, this); }

void Requests::stop() {
    if (!thread_.joinable()) {
        return;
    }
    stopping_.store(true);
    outbox_.interrupt();
    thread_.join();
    lagging_.clear();
    // What libzmq has queued may still leave while the context ends.
    (void)socket_.set(ZMQ_LINGER, close_max.count());
}

void Requests::run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
        refresh_visitors();
        bool progress = send_queued();
        progress = receive() || progress;
        if (!progress) {  // a short spin here was tried: it costs the core thread more than the wake-up it saves
            wait_for_work(socket_, outbox_, lagging_.empty() ? idle_ms : lagging_retry_ms);
        }
    }
    const Clock::time_point end = Clock::now() + close_max;
    while ((send_queued() || !lagging_.empty()) && Clock::now() < end) {
        if (!lagging_.empty()) {
            wait_for_work(socket_, outbox_, lagging_retry_ms);
        }
    }
}

// Who is not let in any more: nothing is heard from him, and what he asked for is forgotten.
void Requests::refresh_visitors() {
    visitors_.refresh([](const Admitted& admitted, const std::string& key) { return admitted.to_requests(key); },
                      [this](uint64_t connection) { host_.on_close(connection); });
}

bool Requests::receive() {
    Message sender;
    Message body;
    for (int count = 0; count < requests_at_once; ++count) {
        if (!socket_.receive(sender)) {
            return count > 0;
        }
        if (!sender.more() || !socket_.receive(body)) {
            continue;  // libzmq's ROUTER always gives both
        }
        on_message(sender, body);
    }
    return true;
}

void Requests::on_message(const Message& sender, Message& body) {
    const std::optional<uint64_t> connection = connection_of(sender.bytes());
    if (!connection || body.more()) {
        counters_.frames_ignored.fetch_add(1, std::memory_order_relaxed);
        complaints_.disconnect(body, connection ? "a peer sent a message of several frames and was disconnected"
                                                : "a peer chose its own routing id and was disconnected");
        while (body.more() && socket_.receive(body)) {
        }
        return;
    }
    const BytesView key = visitors_.key_of(body);
    if (!visitors_.admitted().to_requests(key)) {
        counters_.frames_ignored.fetch_add(1, std::memory_order_relaxed);
        return complaints_.disconnect(body, "a client whose key is not known any more was disconnected");
    }
    visitors_.note(*connection, key, body);
    counters_.frames_received.fetch_add(1, std::memory_order_relaxed);
    if (!host_.on_frame(*connection, key, body.bytes())) {
        outbox_.flush();  // the refusal
    }
}

bool Requests::send_queued() {
    const bool retried = !lagging_.empty() && retry_lagging();
    if (!outbox_.take(batch_)) {
        return retried;
    }
    for (Outgoing& outgoing : batch_) {
        send(std::move(outgoing));
    }
    batch_.clear();
    return true;
}

void Requests::send(Outgoing outgoing) {
    const uint64_t connection = outgoing.connection;
    if (!lagging_.empty()) {
        if (const auto found = lagging_.find(connection); found != lagging_.end()) {
            Lagging& lagging = found->second;
            lagging.add(std::move(outgoing.frame));
            if (lagging.frames.size() > lagging_frames_max || lagging.bytes > lagging_bytes_max) {
                visitors_.end(connection);
                lose(found);
            }
            return;
        }
    }
    switch (send_now(connection, outgoing.frame)) {
        case Sent::done: return;
        case Sent::full: {
            Lagging& lagging = lagging_[connection];
            lagging.add(std::move(outgoing.frame));
            lagging.since = Clock::now();
            return;
        }
        case Sent::gone:
        case Sent::failed: outbox_.done(1, outgoing.frame.bytes().size()); drop(connection, 1);
    }
}

// Takes the frame only if it was sent.
Sent Requests::send_now(uint64_t connection, plugin::Frame& frame) {
    std::shared_ptr<InFlight> counter;
    if (frame.bytes().size() > Message::copy_bytes_max) {
        counter = in_flight(connection);
        if (counter->load(std::memory_order_relaxed) >= peer_bytes_max) {
            return Sent::full;
        }
    }
    const auto routing_id = routing_id_of(connection);
    Message to(BytesView(routing_id.data(), routing_id.size()));
    if (const Sent sent = socket_.send(to, true); sent != Sent::done) {
        return sent;
    }
    Message body(std::move(frame), outbox_, std::move(counter));
    (void)socket_.send(body, false);  // the first part has claimed the place
    counters_.frames_sent.fetch_add(1, std::memory_order_relaxed);
    return Sent::done;
}

std::shared_ptr<InFlight> Requests::in_flight(uint64_t connection) {
    if (in_flight_.size() >= peers_counted_max) {
        std::erase_if(in_flight_, [](const auto& entry) { return entry.second->load(std::memory_order_relaxed) == 0; });
    }
    std::shared_ptr<InFlight>& counter = in_flight_[connection];
    if (counter == nullptr) {
        counter = std::make_shared<InFlight>(0);
    }
    return counter;
}

// True if something could be sent.
bool Requests::retry_lagging() {
    const Clock::time_point now = Clock::now();
    bool progress = false;
    for (auto entry = lagging_.begin(); entry != lagging_.end();) {
        auto& [connection, lagging] = *entry;
        Sent sent = Sent::done;
        while (!lagging.frames.empty()) {
            const size_t size = lagging.frames.front().bytes().size();
            sent = send_now(connection, lagging.frames.front());
            if (sent != Sent::done) {
                break;
            }
            lagging.frames.pop_front();
            lagging.bytes -= size;
            lagging.since = now;
            progress = true;
        }
        const bool late = sent == Sent::full && now - lagging.since > lag_max;
        if (late) {
            visitors_.end(connection);
        }
        const bool lost = late || sent == Sent::gone || sent == Sent::failed;
        entry = lost ? lose(entry) : lagging.frames.empty() ? lagging_.erase(entry) : std::next(entry);
    }
    return progress;
}

Requests::LaggingOnes::iterator Requests::lose(LaggingOnes::iterator entry) {
    const auto& [connection, lagging] = *entry;
    outbox_.done(lagging.frames.size(), lagging.bytes);
    drop(connection, lagging.frames.size());
    return lagging_.erase(entry);
}

void Requests::drop(uint64_t connection, size_t frames) {
    counters_.sends_refused.fetch_add(frames, std::memory_order_relaxed);
    visitors_.forget(connection);
    host_.on_close(connection);
}

}  // namespace belfry::transports::zmq
