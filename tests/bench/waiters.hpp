// One face for locks and elections of the hub and its peers: those who stand in line for one thing.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace belfry::bench {

// What it does with a peer that fails, or does not answer, is to throw std::runtime_error. One thread at a time.
class Waiter {
public:
    virtual ~Waiter() = default;
    virtual void acquire() = 0;  // stands in line until it is its turn
    virtual void release() = 0;
};

// Three members on this machine, empty at first, with a few connections that all waiters share.
class Peer {
public:
    virtual ~Peer() = default;
    enum class Kind { lock, election };
    // Each with a lease or a place of its own. `name`: what is waited for.
    virtual std::unique_ptr<Waiter> waiter(Kind kind, const std::string& name) = 0;
    virtual size_t in_line(const std::string& name) = 0;  // he whose turn it is among them
};

inline constexpr size_t members_count = 3, connections_count = 4;

std::unique_ptr<Peer> belfry_peer(const std::string& directory);
std::unique_ptr<Peer> etcd_peer(const std::string& directory);
std::unique_ptr<Peer> zookeeper_peer(const std::string& directory);  // only with BELFRY_BENCH_ZOOKEEPER

}  // namespace belfry::bench
