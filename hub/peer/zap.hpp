// Who may connect: the handler that libzmq asks about every new encrypted connection (ZeroMQ RFC 27). The answer names the
// member, which libzmq then attaches to each of the connection's messages as its User-Id.
#pragma once

#include <functional>

#include "hub/peer/roster.hpp"
#include "hub/peer/socket.hpp"

namespace belfry::hub::peer {

class Zap {
public:
    // `on_refused`: with the key of a stranger.
    static Result<Zap> open(const Context& context, const Roster& roster,
                            std::function<void(const std::string&)> on_refused);
    void* handle() const { return socket_.handle(); }
    void serve();  // answers what waits

private:
    Zap(Socket socket, const Roster& roster, std::function<void(const std::string&)> on_refused)
        : socket_(std::move(socket)), roster_(&roster), on_refused_(std::move(on_refused)) {}
    Socket socket_;
    const Roster* roster_;
    std::function<void(const std::string&)> on_refused_;
};

}  // namespace belfry::hub::peer
