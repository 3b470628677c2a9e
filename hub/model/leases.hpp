// Leases: which there are, and which keys are bound to them. A part of the state machine, changed by commands alone. When a
// lease ends by itself is not decided here but by the leader, who proposes it (hub/core/lease_keeper.hpp, docs/leases.md).
//
// table 6 leases   u64 lease, big-endian          -> u8 format (1), varint number, varint ttl_s, u8 flags (1 = ending),
//                                                    bytes owner
//                  u64 lease, big-endian, key     -> empty: the key is bound to it
//
// All leases are in memory, their keys are not. One thread.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "hub/model/records.hpp"
#include "hub/plugin/state_store.hpp"

namespace belfry::hub::model {

inline constexpr uint8_t lease_format = 1;

struct Lease {
    uint64_t number = 0;  // of its grant: greater than that of every lease before; its id, if the hub chose that
    uint64_t ttl_s = 0;
    bool is_ending = false;  // it was revoked or expired, and some of its keys are left
    Bytes owner;             // who was granted it
    friend bool operator==(const Lease&, const Lease&) = default;
};

class Leases {
public:
    using Map = std::map<uint64_t, Lease>;  // by LeaseId

    explicit Leases(plugin::StateStore& store) : store_(store) {}

    // Everything, from the store.
    Status load();
    // After a rollback: what changed since the last commit, from the store.
    Status reload();
    void committed() { uncommitted_.clear(); }

    const Map& all() const { return leases_; }
    const Lease* find(LeaseId id) const;
    // To which a key may be bound.
    bool lives(LeaseId id) const;

    // ---- inside the store's open batch ----
    Status set(LeaseId id, Lease lease);
    // REQUIRES: no key is bound to it.
    Status remove(LeaseId id);
    // The key is bound to `to` from now on, and no more to `from`. A lease that there is not, such as 0, has no keys; a key
    // that named one before it was granted (an older release did not look) is bound by its next put.
    Status bind(LeaseId from, LeaseId to, BytesView key);
    // The lease's keys after this one, in their order, so many at most.
    Result<std::vector<Bytes>> keys(LeaseId id, BytesView after, size_t most);

private:
    Status load_one(LeaseId id);
    plugin::StateStore& store_;
    Map leases_;
    std::vector<LeaseId> uncommitted_;  // changed since the last commit
};

void encode_lease(const Lease& lease, Bytes& out);  // appends
// Any octets; `corrupt` for what no hub writes.
Result<Lease> decode_lease(BytesView record);

}  // namespace belfry::hub::model
