// The leases of the log, each from its grant to its end: a part of the truth. Whether one was to end is not decided here
// but by what its holder was told (lease_promises.hpp).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "hub/log/entry.hpp"
#include "sdk/base/error.hpp"

namespace belfry::sim {

class LeaseLives {
public:
    struct Life {
        uint64_t number = 0;  // here: lives are counted from 1
        uint64_t grant = 0;   // the number that the hub gives to its grant
        LeaseId id;
        uint64_t ttl_s = 0;
        Bytes granted_by;                      // the request's comment, like no other
        uint64_t granted_at_ms = 0;            // virtual time at which the first member applied it
        uint64_t ended_at_ms = UINT64_MAX;     // likewise
        std::optional<Bytes> revoked_by = {};  // a comment; none: it has expired, or lives
        size_t deleted = 0;                    // keys that went with it

        bool lives() const { return ended_at_ms == UINT64_MAX; }
        bool expired() const { return !lives() && !revoked_by; }
    };

    // Nothing, if there is such a lease already. One that is granted twice is an error.
    Status grant(const protocol::LeaseGrantRequest& request, const Bytes& comment, uint64_t now_ms);
    // NULL = there is none now.
    Life* living(LeaseId id);
    const Life* living(LeaseId id) const { return const_cast<LeaseLives*>(this)->living(id); }
    Life* meant_by(const hub::log::LeaseRevoke& revoke);
    void end(Life& life, std::optional<Bytes> revoked_by, size_t deleted, uint64_t now_ms);

    const std::vector<Life>& all() const { return all_; }  // by number
    const Life& at(uint64_t number) const { return all_.at(number - 1); }
    const Life* granted_by(const Bytes& comment) const;
    const Life* revoked_by(const Bytes& comment) const;
    // Another one has had this lease's number since.
    bool was_granted_again(const Life& life) const;

private:
    std::vector<Life> all_;
    std::map<LeaseId, uint64_t> living_;  // number of the life
    std::map<Bytes, uint64_t> granted_by_, revoked_by_;
    uint64_t last_grant_ = 0;
};

}  // namespace belfry::sim
