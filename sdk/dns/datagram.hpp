// Datagrams that are answered from the address that they were sent to: on a wildcard address the system would choose
// another one, by its routes, and a resolver takes no answer from whom it has not asked.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <string_view>

#include "sdk/base/types.hpp"

namespace belfry::dns {

struct Peer {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
};

// Who sent a datagram, and the address of ours that he sent it to, as sendmsg takes it.
struct Sender {
    Peer peer;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
    size_t control_size = 0;  // 0: the system chooses
};

// The system tells from now on which address was asked. False: it cannot.
bool tell_addresses(int socket, sa_family_t family);
// None: nothing is there.
std::optional<Bytes> receive_datagram(int socket, Sender& sender);
// False: the system could not send it.
bool send_datagram(int socket, const Sender& to, BytesView octets);

}  // namespace belfry::dns
