#include "sdk/dns/datagram.hpp"

#include <cstring>

#include "sdk/dns/message.hpp"

namespace belfry::dns {
namespace {

// The interface is not kept: the way back is as the routes say.
template <class Information>
void keep(const cmsghdr& told, Information information, Sender& sender) {
    cmsghdr header = told;
    header.cmsg_len = CMSG_LEN(sizeof(information));
    std::memcpy(sender.control.data(), &header, sizeof(header));
    std::memcpy(sender.control.data() + CMSG_LEN(0), &information, sizeof(information));
    sender.control_size = CMSG_SPACE(sizeof(information));
}

template <class Information>
Information information_in(const cmsghdr& told) {
    Information information;
    std::memcpy(&information, CMSG_DATA(&told), sizeof(information));
    return information;
}

void keep_address(msghdr& message, Sender& sender) {
    for (const cmsghdr* told = CMSG_FIRSTHDR(&message); told != nullptr;
         told = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(told))) {
        if (told->cmsg_level == IPPROTO_IP && told->cmsg_type == IP_PKTINFO) {
            auto information = information_in<in_pktinfo>(*told);
            information.ipi_ifindex = 0;
            return keep(*told, information, sender);
        }
        if (told->cmsg_level == IPPROTO_IPV6 && told->cmsg_type == IPV6_PKTINFO) {
            auto information = information_in<in6_pktinfo>(*told);
            information.ipi6_ifindex = 0;
            return keep(*told, information, sender);
        }
    }
}

}  // namespace

bool tell_addresses(int socket, sa_family_t family) {
    const int yes = 1;
    if (family == AF_INET6) return ::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof(yes)) == 0;
    return ::setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes)) == 0;
}

std::optional<Bytes> receive_datagram(int socket, Sender& sender) {
    std::array<char, message_octets_max> octets;
    alignas(cmsghdr) std::array<char, 256> told{};
    iovec piece{octets.data(), octets.size()};
    msghdr message{};
    message.msg_name = &sender.peer.address;
    message.msg_namelen = sizeof(sender.peer.address);
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = told.data();
    message.msg_controllen = told.size();
    const ssize_t size = ::recvmsg(socket, &message, 0);
    if (size < 0) return {};
    sender.peer.size = message.msg_namelen;
    keep_address(message, sender);
    return Bytes(octets.data(), static_cast<size_t>(size));
}

bool send_datagram(int socket, const Sender& to, BytesView octets) {
    Sender own = to;  // sendmsg takes nothing const
    iovec piece{const_cast<char*>(octets.data()), octets.size()};
    msghdr message{};
    message.msg_name = &own.peer.address;
    message.msg_namelen = own.peer.size;
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = own.control_size == 0 ? nullptr : own.control.data();
    message.msg_controllen = own.control_size;
    return ::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
}

}  // namespace belfry::dns
