// Commands about leases. What a lease takes with it when it ends is one change set, or several if it is much.
#include <algorithm>
#include <string>

#include "hub/model/keyspace.hpp"

namespace belfry::hub::model {

Result<protocol::LeaseGrantReply> Keyspace::grant(const protocol::LeaseGrantRequest& request, BytesView owner) {
    if (leases_.find(request.lease) != nullptr) {
        return Error{Code::conflict, "lease grant: there is a lease " + std::to_string(request.lease.value) + " already"};
    }
    if (leases_.all().size() >= belfry::limits::leases_max) {
        return Error{Code::busy, "lease grant: there are " + std::to_string(belfry::limits::leases_max) +
                                     " leases, as many as there may be; nothing was changed"};
    }
    const uint64_t number = std::max(meta_.last_lease_number + 1, request.lease.value);
    meta_.last_lease_number = number;
    const LeaseId id = request.lease.value != 0 ? request.lease : LeaseId{number};
    meta_.format = std::max(meta_.format, meta_format_leases);
    const Lease lease{number, request.ttl_s, false, Bytes(owner)};
    tell_digest_of_lease(id, lease);
    if (Status set = leases_.set(id, lease); !set) return set.error();
    return protocol::LeaseGrantReply{id, request.ttl_s};
}

// Of the lease that the leader has looked at: whether it may be revoked was asked of that one.
Result<protocol::LeaseRevokeReply> Keyspace::revoke(const log::LeaseRevoke& revoke) {
    const Lease* const lease = leases_.find(revoke.lease);
    if (lease == nullptr || lease->number != revoke.number) {
        return Error{Code::not_found,
                     "there is no lease " + std::to_string(revoke.lease.value) + "; it was not granted, or has ended"};
    }
    protocol::LeaseRevokeReply reply;
    if (Status ended = end_lease(revoke.lease, reply); !ended) return ended.error();
    return reply;
}

// In the order of the command, as far as it goes. What is left is proposed again.
Result<protocol::LeaseRevokeReply> Keyspace::expire(const log::LeaseExpiry& expiry) {
    protocol::LeaseRevokeReply reply;
    for (const log::LeaseRevoke& one : expiry.leases) {
        const Lease* const lease = leases_.find(one.lease);
        if (lease == nullptr || lease->number != one.number) continue;  // ended meanwhile
        if (Status ended = end_lease(one.lease, reply); !ended) return ended.error();
        if (reply.more) break;
    }
    return reply;
}

// Its keys first, as many as the command's change set takes; then the lease.
Status Keyspace::end_lease(LeaseId id, protocol::LeaseRevokeReply& reply) {
    const size_t room = leased_keys_at_once - static_cast<size_t>(reply.deleted);
    auto keys = leases_.keys(id, {}, room + 1);
    if (!keys) return keys.error();
    const Bytes tombstone = encode_deleted(meta_.revision.next());
    size_t erased = 0;
    for (const Bytes& key : *keys) {
        const auto version = current(key);
        if (!version) return version.error();
        if (!version->has_value() || (*version)->lease != id) return damaged("leases", 0);
        const size_t more = key.size() + (*version)->value.size() + (*version)->content_type.size() + event_envelope_bytes;
        const bool fits = erased < room && change_.size() + more <= change_record_bytes_max &&
                          visible_bytes_ + more <= change_set_bytes_max;
        if (!fits) break;
        if (Status status = record_erase(key, **version); !status) return status;
        if (Status status = store_.erase(table_current, key); !status) return status;
        if (Status status = store_.put(table_deleted, key, tombstone); !status) return status;
        if (Status status = leases_.bind(id, {}, key); !status) return status;
        ++erased;
    }
    meta_.key_count -= erased;
    reply.deleted += erased;
    reply.more = erased < keys->size();
    Lease lease = *leases_.find(id);
    lease.is_ending = true;
    tell_digest_of_lease(id, lease);
    return reply.more ? leases_.set(id, std::move(lease)) : leases_.remove(id);
}

// No revision of the keys, but the digest tells of it.
void Keyspace::tell_digest_of_lease(LeaseId id, const Lease& lease) {
    Bytes facts(view(revision_key({id.value})));
    encode_lease(lease, facts);
    fold_into_digest(hash64(facts));
}

}  // namespace belfry::hub::model
