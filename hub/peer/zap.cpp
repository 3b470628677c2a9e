#include "hub/peer/zap.hpp"

#include "sdk/curve/curve_socket.hpp"

namespace belfry::hub::peer {

Result<Zap> Zap::open(const Context& context, const Roster& roster, std::function<void(const std::string&)> on_refused) {
    auto socket = Socket::open(context, ZMQ_REP);
    if (!socket) return socket.error();
    if (auto set = socket->set(ZMQ_LINGER, 0); !set) return set.error();
    if (auto bound = socket->bind(curve::zap_endpoint, "nothing"); !bound) return bound.error();
    return Zap(std::move(*socket), roster, std::move(on_refused));
}

void Zap::serve() {
    using Verdict = curve::ZapVerdict;
    curve::serve_zap(socket_.handle(), [&](const curve::ZapQuestion& question) {
        const uint64_t member = question.public_key.empty() ? 0 : roster_->owner_of(question.public_key);
        if (member != 0) return Verdict{Verdict::Code::admitted, std::to_string(member)};
        on_refused_(question.public_key);
        return Verdict{Verdict::Code::not_now, ""};  // a stranger may become a member
    });
}

}  // namespace belfry::hub::peer
