// What all our encrypted ZeroMQ sockets have in common: the options of CURVE, and the handler that libzmq asks about every
// new connection (ZAP, ZeroMQ RFC 27). For the wrappers of transports/zmq, hub/peer and sdk/client, which stand on
// different floors: hence raw sockets, and nothing but a header. Where something fails, zmq_errno() says why.
#pragma once

#include <zmq.h>

#include <cerrno>
#include <string>
#include <vector>

#include "sdk/base/curve_keys.hpp"
#include "sdk/base/types.hpp"

namespace belfry::curve {

// The handler's own endpoint. It must be bound before any socket of its context that serves encrypted.
inline constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";

inline bool set_text(void* socket, int option, const std::string& value) {
    return zmq_setsockopt(socket, option, value.data(), value.size()) == 0;
}

// As a server; who may connect, the handler says, who hears the domain.
inline bool serve_encrypted(void* socket, const CurveKeys& keys, const std::string& domain) {
    // ZMQ_ZAP_ENFORCE_DOMAIN, a draft name whose number Debian's binary takes. Without it libzmq lets everybody in when no
    // handler answers.
    constexpr int zap_enforce_domain = 93;
    const int on = 1;
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof on) == 0 &&
           set_text(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key) && set_text(socket, ZMQ_ZAP_DOMAIN, domain) &&
           zmq_setsockopt(socket, zap_enforce_domain, &on, sizeof on) == 0;
}

// As a client of the server with this key.
inline bool connect_encrypted(void* socket, const CurveKeys& keys, const std::string& server_key) {
    return set_text(socket, ZMQ_CURVE_SERVERKEY, server_key) && set_text(socket, ZMQ_CURVE_PUBLICKEY, keys.public_key) &&
           set_text(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key);
}

struct ZapQuestion {
    std::string domain;
    std::string address;     // of the peer
    std::string public_key;  // Z85, proved; empty: it did not come with one
};
struct ZapVerdict {
    enum class Code : int {
        admitted = 200,
        not_now = 300,  // the connection is closed; libzmq's clients try again
        refused = 400,  // libzmq's clients end; who wants to try again builds a new socket
    };
    Code code = Code::refused;
    std::string user_id;  // of an admitted one: each of its messages then has it as "User-Id"
};

// Answers the questions that wait at a ZMQ_REP bound to zap_endpoint. decide(const ZapQuestion&) -> ZapVerdict.
template <class Decide>
void serve_zap(void* socket, Decide&& decide) {
    constexpr size_t key_octets = 32;
    constexpr size_t curve_parts = 7;  // version, id, domain, address, identity, mechanism, key
    for (;;) {
        std::vector<Bytes> parts;
        for (bool more = true; more;) {
            zmq_msg_t part;
            zmq_msg_init(&part);
            int received = 0;
            do {
                received = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT);
            } while (received < 0 && zmq_errno() == EINTR);
            if (received >= 0) parts.emplace_back(static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part));
            more = received >= 0 && zmq_msg_more(&part) != 0;
            zmq_msg_close(&part);
            if (received < 0) return;
        }
        ZapQuestion question;
        if (parts.size() > 3) {
            question.domain = parts[2];
            question.address = parts[3];
        }
        if (parts.size() == curve_parts && parts[5] == "CURVE" && parts[6].size() == key_octets) {
            char text[curve_key_characters + 1] = {};
            zmq_z85_encode(text, reinterpret_cast<const uint8_t*>(parts[6].data()), key_octets);
            question.public_key = text;
        }
        const ZapVerdict verdict = decide(question);
        const Bytes answer[] = {"1.0",
                                parts.size() > 1 ? parts[1] : Bytes(),
                                std::to_string(static_cast<int>(verdict.code)),
                                verdict.code == ZapVerdict::Code::admitted ? "known" : "not known",
                                verdict.user_id,
                                Bytes()};
        for (const Bytes& part : answer) {
            zmq_send(socket, part.data(), part.size(), ZMQ_DONTWAIT | (&part == &answer[5] ? 0 : ZMQ_SNDMORE));
        }
    }
}

}  // namespace belfry::curve
