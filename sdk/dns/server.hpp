// The sockets of a Responder: UDP and TCP on one address (RFC 7766), served by one thread.
//
// Bounds: a question that is not known yet waits for `patience`, more of them are answered at once with SERVFAIL; TCP has
// so many connections, each idle for so long, and one more, or want of descriptors, ends the one that was idle longest; a
// client that does not read is not read from. Anybody who reaches the address may ask. An answer can be some ten times its
// question: an address that the world can reach serves those who send questions in others' names, so keep it to the machine
// or its network. Threads: any; the responder's lookup is called on the server's own.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "sdk/dns/responder.hpp"

namespace belfry::dns {

// Waits until a service is known: much less than the 5 s after which resolvers ask again.
inline constexpr std::chrono::milliseconds patience{1500};
inline constexpr size_t waiting_max = 1024;
// Answers too large for UDP are rare.
inline constexpr size_t connections_max = 64;
inline constexpr std::chrono::milliseconds connection_idle_max{10'000};

struct ServerFigures {
    uint64_t questions = 0;  // UDP and TCP
    uint64_t answers = 0;
    uint64_t failures = 0;  // of them SERVFAIL
    uint64_t dropped = 0;   // no questions, or the system could not send
};

class Server {
public:
    // "127.0.0.1:8600", "[::1]:8600"; port 0: the system chooses one. `invalid_argument`: it is no address; `io`: it is
    // taken, or not allowed.
    static Result<std::unique_ptr<Server>> start(const std::string& address, Responder responder);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    uint16_t port() const;
    ServerFigures figures() const;

private:
    class Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    const std::unique_ptr<Impl> impl_;
};

// What start() would say of the address, without a socket.
Status check_address(const std::string& address);

}  // namespace belfry::dns
