#include "transports/zmq/gate.hpp"

#include <array>
#include <chrono>

namespace belfry::transports::zmq {

namespace {

constexpr std::chrono::seconds proof_max{3};
constexpr std::chrono::milliseconds let_in_max{50};  // a stranger that is refused and gets in all the same, does so at once
constexpr size_t refused_in_proof_max = 1024;        // others may knock meanwhile

}  // namespace

Gate::Gate(Socket socket, const Admission& admission, const plugin::Host& logger)
    : socket_(std::move(socket)), admission_(admission), complaints_(logger) {}

Result<std::unique_ptr<Gate>> Gate::open(const Context& context, const Admission& admission, const plugin::Host& logger) {
    Result<Socket> socket = Socket::open(context, ZMQ_REP);
    if (!socket) {
        return std::move(socket).error();
    }
    Status status = socket->set(ZMQ_LINGER, 0);
    if (status) {
        status = socket->bind(curve::zap_endpoint, "nothing");
    }
    if (!status) {
        return std::move(status).error();
    }
    std::unique_ptr<Gate> gate(new Gate(*std::move(socket), admission, logger));
    gate->thread_ = std::thread(&Gate::run, gate.get());
    return gate;
}

Gate::~Gate() {
    stopping_ = true;
    wake_.interrupt();
    thread_.join();
}

void Gate::run() {
    while (!stopping_) {
        curve::serve_zap(socket_.handle(), [this](const curve::ZapQuestion& question) { return decide(question); });
        std::array<zmq_pollitem_t, 2> waits{
            {{socket_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, wake_.wake_fd(), ZMQ_POLLIN, 0}}};
        zmq_poll(waits.data(), static_cast<int>(waits.size()), idle_ms);
    }
}

curve::ZapVerdict Gate::decide(const curve::ZapQuestion& question) {
    using Code = curve::ZapVerdict::Code;
    if (proving_) {
        const std::lock_guard lock(mutex_);
        if (refused_in_proof_.size() < refused_in_proof_max)
            refused_in_proof_.emplace(question.domain, question.public_key);
        return {Code::not_now, ""};
    }
    const auto admitted = admission_.now();
    const std::string& key = question.public_key;
    const bool to_feed = question.domain == feed_domain;
    const bool known_domain = to_feed || question.domain == requests_domain;
    if (known_domain && !key.empty() && (to_feed ? admitted->to_feed(key) : admitted->to_requests(key))) {
        return {Code::admitted, key};
    }
    refused_.fetch_add(1, std::memory_order_relaxed);
    // The SDK asks over the other socket whether the feed is for it; that it tries is no event.
    if (!to_feed) {
        complaints_.say("a client was refused: its key is not known", "key " + key + ", peer " + question.address);
    }
    return {admitted->told ? Code::refused : Code::not_now, ""};
}

bool Gate::was_refused(const std::string& domain, const std::string& key) const {
    const std::lock_guard lock(mutex_);
    return refused_in_proof_.contains({domain, key});
}

Status Gate::prove(const Context& context, const std::string& endpoint, const std::string& domain,
                   const CurveKeys& server) {
    using Clock = std::chrono::steady_clock;
    std::array<char, curve_key_characters + 1> public_key{}, secret_key{};
    if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
        return Error{Code::incompatible, "transport_zmq: this libzmq has no CURVE encryption"};
    }
    Result<Socket> stranger = Socket::open(context, domain == feed_domain ? ZMQ_SUB : ZMQ_DEALER);
    if (!stranger) {
        return std::move(stranger).error();
    }
    (void)stranger->set(ZMQ_LINGER, 0);
    (void)stranger->set(ZMQ_IMMEDIATE, 1);  // it can send only when it is in
    const bool knocks =
        curve::connect_encrypted(stranger->handle(), {public_key.data(), secret_key.data()}, server.public_key) &&
        zmq_connect(stranger->handle(), endpoint.c_str()) == 0;
    if (!knocks) {
        return Error{Code::io,
                     "transport_zmq: cannot test who is let in at " + endpoint + ": " + zmq_strerror(zmq_errno())};
    }
    const auto refuse_to_run = [&](const std::string& why) {
        return Error{Code::incompatible, "transport_zmq: libzmq does not keep strangers out of " + endpoint + " (" + why +
                                             "); the hub will not run like that"};
    };
    Clock::time_point end = Clock::now() + proof_max;
    for (bool refused = false; Clock::now() < end;) {
        zmq_pollitem_t in{stranger->handle(), 0, ZMQ_POLLOUT, 0};
        if (zmq_poll(&in, 1, 1) > 0 && domain != feed_domain) {
            return refuse_to_run("a key made up on the spot got in");
        }
        if (!refused && was_refused(domain, public_key.data())) {
            refused = true;
            end = Clock::now() + let_in_max;
        }
    }
    return was_refused(domain, public_key.data()) ? Status() : refuse_to_run("it does not ask whose keys are known");
}

}  // namespace belfry::transports::zmq
