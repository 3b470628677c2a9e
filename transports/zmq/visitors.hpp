// Who is connected, as far as their messages have told: for ending the connections of those who are not let in any more, or
// who do not read.
// One thread.
//
// A socket of libzmq tells neither who comes nor who leaves, so this only grows, up to a bound; then it starts anew, and
// who says nothing afterwards keeps a connection on which it can hear what was sent before, and ask nothing.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "transports/zmq/admission.hpp"
#include "transports/zmq/socket.hpp"

namespace belfry::transports::zmq {

class Visitors {
public:
    explicit Visitors(const Admission& admission) : admission_(admission), admitted_(admission.now()) {}

    const Admitted& admitted() const { return *admitted_; }
    // Whose key the connection has; "" without encryption: there the property that ZAP would have filled is whatever the
    // peer wrote into its own handshake.
    BytesView key_of(const Message& message) const { return admitted_->plain ? BytesView() : message.user_id(); }
    // `id`: what tells this connection from others. `message`: one that came over it.
    void note(uint64_t id, BytesView key, const Message& message) {
        if (visitors_.size() >= visitors_max) visitors_.clear();
        const auto [visitor, is_new] = visitors_.try_emplace(id);
        if (!is_new && visitor->second.key == key) return;
        visitor->second = {std::string(key), zmq_msg_get(message.handle(), ZMQ_SRCFD)};
    }
    void forget(uint64_t id) { visitors_.erase(id); }
    // Ends the connection, if it was noted.
    void end(uint64_t id) {
        const auto found = visitors_.find(id);
        if (found == visitors_.end()) return;
        shut(found->second);
        visitors_.erase(found);
    }
    // If the host has said something new: ends the connection of whom may_stay(admitted, key) denies, then gone(id).
    template <class MayStay, class Gone>
    void refresh(MayStay&& may_stay, Gone&& gone) {
        const uint64_t generation = admission_.generation();
        if (generation == generation_) return;
        generation_ = generation;
        admitted_ = admission_.now();
        for (auto at = visitors_.begin(); at != visitors_.end();) {
            if (may_stay(*admitted_, at->second.key)) {
                ++at;
                continue;
            }
            shut(at->second);
            gone(at->first);
            at = visitors_.erase(at);
        }
    }

private:
    static constexpr size_t visitors_max = 65'536;
    struct Visitor {
        std::string key;
        int descriptor = -1;
    };
    // If the number was used again since, somebody else must reconnect, and does so by itself.
    static void shut(const Visitor& visitor) {
        if (visitor.descriptor >= 0) ::shutdown(visitor.descriptor, SHUT_RDWR);
    }
    const Admission& admission_;
    std::shared_ptr<const Admitted> admitted_;
    uint64_t generation_ = 1;
    std::unordered_map<uint64_t, Visitor> visitors_;
};

}  // namespace belfry::transports::zmq
