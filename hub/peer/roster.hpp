// Whom the link knows: members by id, and by their keys. Shared by the threads of the link.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/error.hpp"

namespace belfry::hub::peer {

struct Peer {
    uint64_t id = 0;
    std::string endpoint;
    std::string public_key;  // Z85; empty = none is known
    friend bool operator==(const Peer&, const Peer&) = default;
};

// A member's address as Raft's configuration keeps it: "ENDPOINT" or "ENDPOINT KEY".
Peer parse_address(uint64_t id, const std::string& address);
std::string format_address(const std::string& endpoint, const std::string& public_key);

class Roster {
public:
    void set(std::vector<Peer> peers) {
        const std::lock_guard lock(mutex_);
        peers_ = std::move(peers);
    }
    bool knows(uint64_t id) const {
        return find([&](const Peer& peer) { return peer.id == id; }) != 0;
    }
    // Whose key this is; 0 = nobody's.
    uint64_t owner_of(const std::string& public_key) const {
        return find([&](const Peer& peer) { return peer.public_key == public_key; });
    }

private:
    template <class Predicate>
    uint64_t find(Predicate predicate) const {
        const std::lock_guard lock(mutex_);
        for (const Peer& peer : peers_) {
            if (predicate(peer)) return peer.id;
        }
        return 0;
    }
    mutable std::mutex mutex_;
    std::vector<Peer> peers_;
};

}  // namespace belfry::hub::peer
