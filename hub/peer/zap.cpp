#include "hub/peer/zap.hpp"

#include <vector>

namespace belfry::hub::peer {

namespace {

constexpr size_t key_octets = 32;
constexpr size_t request_parts = 7;  // version, id, domain, address, identity, mechanism, key

std::string z85(BytesView key) {
    char text[curve_key_characters + 1] = {};
    if (key.size() != key_octets) return "";
    return zmq_z85_encode(text, reinterpret_cast<const uint8_t*>(key.data()), key.size()) == nullptr ? "" : text;
}

}  // namespace

Result<Zap> Zap::open(const Context& context, const Roster& roster, std::function<void(const std::string&)> on_refused) {
    auto socket = Socket::open(context, ZMQ_REP);
    if (!socket) return socket.error();
    if (auto set = socket->set(ZMQ_LINGER, 0); !set) return set.error();
    if (auto bound = socket->bind("inproc://zeromq.zap.01", "nothing"); !bound) return bound.error();
    return Zap(std::move(*socket), roster, std::move(on_refused));
}

void Zap::serve() {
    for (;;) {
        std::vector<Bytes> request;
        for (bool more = true; more;) {
            Part part;
            if (!socket_.receive(part)) return;
            request.emplace_back(part.octets());
            more = part.more();
        }
        const std::string key = request.size() == request_parts ? z85(request.back()) : "";
        const uint64_t member = key.empty() ? 0 : roster_->owner_of(key);
        if (member == 0) on_refused_(key);
        // 300 and not 400: after a 400 libzmq would never try again, and a stranger may become a member.
        const std::string code = member != 0 ? "200" : "300";
        socket_.send("1.0", true);
        socket_.send(request.size() > 1 ? BytesView(request[1]) : BytesView(), true);
        socket_.send(code, true);
        socket_.send(member != 0 ? "member" : "not a member", true);
        socket_.send(member != 0 ? std::to_string(member) : "", true);
        socket_.send("");
    }
}

}  // namespace belfry::hub::peer
