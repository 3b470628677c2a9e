// libzmq's sockets as they are, for hubs that tests make up.
#pragma once

#include <zmq.h>

#include <string>

#include "sdk/base/types.hpp"

namespace belfry::test {

// Where a socket that was bound to port "*" is.
inline std::string endpoint_of(void* socket) {
    char text[256];
    size_t size = sizeof text;
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size);
    return text;
}

// False: nothing is there.
inline bool receive(void* socket, Bytes& frame) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    const bool got = zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0;
    if (got) frame.assign(static_cast<char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    zmq_msg_close(&message);
    return got;
}

// At once: what was not sent yet is lost.
inline void close(void* socket) {
    const int none = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_close(socket);
}

}  // namespace belfry::test
