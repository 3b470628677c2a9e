#include "hub/peer/link.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "sdk/base/endpoint.hpp"

namespace belfry::hub::peer {

namespace {

using namespace std::chrono_literals;

// What is small goes on while what is large is being dropped: without heartbeats a slow member would think us dead.
constexpr size_t small_bytes_max = 4096;
constexpr size_t small_pending_bytes_max = 4 * 1024 * 1024;
constexpr long poll_ms = 1000;
constexpr auto complaint_pause = 1s;
constexpr auto greeting_pause = 1s;
constexpr auto proof_patience = 3s;

bool stays_on_this_machine(const std::string& endpoint) {
    const auto parts = parse_tcp_endpoint(endpoint);
    return parts ? is_loopback(parts->host) : endpoint.starts_with("ipc://");
}

}  // namespace

Peer parse_address(uint64_t id, const std::string& address) {
    const size_t space = address.find(' ');
    if (space == std::string::npos) return {id, address, ""};
    return {id, address.substr(0, space), address.substr(space + 1)};
}

std::string format_address(const std::string& endpoint, const std::string& public_key) {
    return public_key.empty() ? endpoint : endpoint + " " + public_key;
}

// ---- start and end ----

Result<std::unique_ptr<Link>> Link::open(const LinkOptions& options, Hooks hooks) {
    if (options.keys.empty() && !options.insecure && !stays_on_this_machine(options.endpoint)) {
        return Error{Code::denied, "cluster.endpoint = '" + options.endpoint +
                                       "': other machines could reach it, and there are no keys; make some with 'belfry "
                                       "keygen' and set cluster.key_file, or set listen.insecure = true if the network is "
                                       "trusted"};
    }
    std::unique_ptr<Link> link(new Link(options, std::move(hooks)));
    if (auto started = link->start(); !started) return started.error();
    return link;
}

Status Link::start() {
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) return Error{Code::busy, "no file descriptors left for the member link (ulimit -n)"};
    if (!options_.keys.empty()) {
        auto zap = Zap::open(context_, roster_, [this](const std::string& key) {
            ++strangers_;
            if (!proving_) complain("a stranger with the public key '" + key + "' wanted to connect as a member; refused");
        });
        if (!zap) return zap.error();
        zap_ = std::make_unique<Zap>(std::move(*zap));
    }
    auto router = Socket::open(context_, ZMQ_ROUTER);
    if (!router) return router.error();
    Status ready = router->set_link_options(frame_bytes_max);
    if (ready && zap_) ready = router->serve_encrypted(options_.keys);
    if (ready) ready = router->bind(options_.endpoint, "cluster.endpoint");
    if (!ready) return ready;
    endpoint_ = router->last_endpoint();
    router_ = std::move(*router);
    proving_ = zap_ != nullptr;
    thread_ = std::thread([this] { run(); });
    return zap_ ? prove_enforcement() : Status();
}

// libzmq lets everybody in if its handler is not asked, so a stranger knocks before anybody else can.
Status Link::prove_enforcement() {
    std::array<char, curve_key_characters + 1> public_key{}, secret_key{};
    if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
        return Error{Code::incompatible, "this libzmq has no CURVE encryption"};
    }
    auto stranger = Socket::open(context_, ZMQ_DEALER);
    if (!stranger) return stranger.error();
    Status knocked = stranger->set_link_options(frame_bytes_max);
    if (knocked) knocked = stranger->connect_encrypted({public_key.data(), secret_key.data()}, options_.keys.public_key);
    if (knocked) knocked = stranger->connect(endpoint());
    if (!knocked) return knocked;
    const auto end = std::chrono::steady_clock::now() + proof_patience;
    while (strangers_.load() == 0) {
        if (std::chrono::steady_clock::now() > end) {
            return Error{Code::incompatible,
                         "libzmq does not ask who connects to the member link; refusing to run without that"};
        }
        std::this_thread::sleep_for(1ms);
    }
    proving_ = false;
    return {};
}

void Link::stop() {
    stopping_ = true;
    const uint64_t one = 1;
    if (wake_ >= 0) (void)!::write(wake_, &one, sizeof one);
    if (thread_.joinable()) thread_.join();
}

Link::~Link() {
    stop();
    if (wake_ >= 0) ::close(wake_);
}

// ---- out: the core's thread ----

void Link::set_peers(std::vector<Peer> peers) {
    std::erase_if(peers, [&](const Peer& peer) { return peer.id == options_.member || peer.endpoint.empty(); });
    std::erase_if(outgoing_, [&](const auto& entry) {
        return std::find(peers.begin(), peers.end(), entry.second.peer) == peers.end();
    });
    for (const Peer& peer : peers) {
        if (outgoing_.contains(peer.id)) continue;
        auto socket = connect_to(peer, false);
        if (!socket) {
            complain("member " + std::to_string(peer.id) + ": " + socket.error().detail);
            continue;
        }
        Outgoing& outgoing = outgoing_[peer.id];
        outgoing.peer = peer;
        outgoing.socket = std::move(*socket);
    }
    roster_.set(std::move(peers));
}

Result<Socket> Link::connect_to(const Peer& peer, bool patient) const {
    auto socket = Socket::open(context_, ZMQ_DEALER);
    if (!socket) return socket;
    Status ready = socket->set_link_options(frame_bytes_max);
    if (ready && patient) ready = socket->set(ZMQ_IMMEDIATE, 0);
    if (ready && zap_) {
        if (peer.public_key.empty()) return Error{Code::denied, "its public key is not known"};
        ready = socket->connect_encrypted(options_.keys, peer.public_key);
    }
    if (ready) ready = socket->connect(peer.endpoint);
    if (!ready) return ready.error();
    return socket;
}

Bytes Link::frame_for(uint64_t peer, FrameKind kind, BytesView body) const {
    return encode_frame({kind, options_.cluster, options_.member, options_.directory, peer}, body);
}

void Link::greet(std::chrono::steady_clock::time_point now) {
    if (now - greeted_at_ < greeting_pause) return;
    greeted_at_ = now;
    for (auto& [peer, outgoing] : outgoing_) {
        const auto kind = acquaintances_.refuses(peer) ? FrameKind::not_recognised : FrameKind::greeting;
        outgoing.socket.send(frame_for(peer, kind, {}), outgoing.pending);
    }
}

void Link::send(const core::MemberMessage& message) {
    greet(std::chrono::steady_clock::now());
    const auto found = outgoing_.find(message.peer);
    if (found == outgoing_.end()) return;
    Outgoing& outgoing = found->second;
    if (acquaintances_.refuses(message.peer)) return;  // the greeting says so
    Bytes frame = frame_for(message.peer, FrameKind::member_message, core::encode_member_message(message));
    const size_t room = options_.pending_bytes_max + (frame.size() <= small_bytes_max ? small_pending_bytes_max : 0);
    const bool fits = outgoing.pending->load(std::memory_order_relaxed) + frame.size() <= room;
    const bool sent = fits && outgoing.socket.send(std::move(frame), outgoing.pending);
    (sent ? counters_.sent : counters_.dropped).fetch_add(1, std::memory_order_relaxed);
}

// ---- in: the link's thread ----

void Link::run() {
    while (!stopping_) {
        receive();
        std::array<zmq_pollitem_t, 3> items{{{router_.handle(), 0, ZMQ_POLLIN, 0},
                                             {nullptr, wake_, ZMQ_POLLIN, 0},
                                             {zap_ ? zap_->handle() : nullptr, -1, ZMQ_POLLIN, 0}}};
        zmq_poll(items.data(), zap_ ? 3 : 2, poll_ms);
    }
}

void Link::receive() {
    if (zap_) zap_->serve();
    for (;;) {
        Part identity;
        if (!router_.receive(identity)) return;
        for (bool more = identity.more(); more;) {
            Part part;
            if (!router_.receive(part)) return;
            more = part.more();
            if (!more) take(part);
        }
    }
}

void Link::take(Part& part) {
    const auto refuse = [&](const std::string& who, const std::string& why) {
        counters_.refused.fetch_add(1, std::memory_order_relaxed);
        complain(who + ": " + why);
    };
    const auto frame = decode_frame(part.octets());
    const std::string user = zap_ ? part.property("User-Id") : "";
    if (!frame) return refuse("somebody sent what is no member's frame", frame.error().detail);
    const FrameHead& head = frame->head;
    const std::string who = "member " + std::to_string(head.sender);
    if (zap_ && user != std::to_string(head.sender)) return refuse(who, "its key belongs to member " + user);
    if (head.cluster != options_.cluster) {
        return refuse(who, "it belongs to another cluster (" + std::to_string(head.cluster) + ", this one is " +
                               std::to_string(options_.cluster) + "); is its data directory an old one?");
    }
    if (head.receiver != options_.member) {
        return refuse(who, "it takes this member for member " + std::to_string(head.receiver) +
                               "; the addresses in cluster.members are mixed up");
    }
    if (!roster_.knows(head.sender)) return refuse(who, "it is not a member of this cluster");
    if (!acquaintances_.recognise(head.sender, head.directory)) {
        return refuse(who,
                      "it comes with another data directory than before, so what it promised is lost; start it with its "
                      "old one, or give the machine a new member: belfry member replace " +
                          std::to_string(head.sender) + " NEW");
    }
    counters_.received.fetch_add(1, std::memory_order_relaxed);
    if (head.kind == FrameKind::not_recognised) return hooks_.on_not_recognised(head.sender);
    if (head.kind == FrameKind::snapshot) return hooks_.on_snapshot_frame(head.sender, Bytes(frame->body));
    if (head.kind != FrameKind::member_message) return;  // of a newer release
    auto message = core::decode_member_message(head.sender, frame->body);
    if (!message) return refuse(who, message.error().detail);
    hooks_.on_message(std::move(*message));
}

void Link::complain(const std::string& sentence) {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(complaint_mutex_);
    if (now - complained_at_ < complaint_pause) return;
    complained_at_ = now;
    hooks_.on_complaint(sentence);
}

}  // namespace belfry::hub::peer
