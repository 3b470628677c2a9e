// Claims: items of a queue are handed out, each to one holder at a time (docs/queues.md). Who holds what is said by
// ordinary keys; the one thing that only the state machine can do is to choose items and mark them in one step, so that any
// number of workers may ask at once. The claims that stand and the items are two lists in one order, walked side by side.
#include <algorithm>
#include <string>

#include "hub/model/keyspace.hpp"
#include "sdk/protocol/claim.hpp"

namespace belfry::hub::model {

using protocol::ClaimedItem;
using protocol::ClaimReply;
using protocol::ClaimRequest;

struct Keyspace::Claims {
    struct One {
        Bytes rest;  // of the key, behind the prefix
        bool held = false;
        bool is_new = false;  // changed by this transaction: it stays as it is
        uint64_t attempts = 0;
    };
    std::vector<One> all;
    bool cut = false;  // there are more than may stand: whoever put them by hand waits until these are done
};

void Keyspace::plant(const ClaimPlants& plants) {
    plants_ = plants;
    plants_.begun = meta_.revision;
}

// Whether whoever is named there, since this revision, has it still: the lease is the one that it was, and lives.
bool Keyspace::holds(const protocol::ClaimMark& mark, Revision since, LeaseId claimant) const {
    if (plants_.claim_for_ever) return mark.lease != LeaseId{};
    if (plants_.claim_own_again && mark.lease == claimant) return false;
    if (plants_.claim_begun_anew && since <= plants_.begun) return false;
    const Lease* const lease = leases_.find(mark.lease);
    return lease != nullptr && (lease->number == mark.grant || plants_.claim_inherited) && !lease->is_ending;
}

Result<Keyspace::Claims> Keyspace::standing_claims(const ClaimRequest& request) {
    Claims claims;
    const BytesView prefix = request.claims;
    const auto visit = [&](BytesView key, const Version& version) {
        claims.cut = claims.all.size() == belfry::limits::claims_standing_max;
        if (claims.cut) return false;
        const protocol::ClaimMark mark = protocol::decode_claim(version.value).value_or(protocol::ClaimMark());
        const bool held = holds(mark, version.mod, request.lease);
        claims.all.push_back({Bytes(key.substr(prefix.size())), held, version.mod == meta_.revision.next(), mark.attempts});
        return true;
    };
    if (Status scanned = scan_current(KeyRange::prefix(prefix), Direction::forward, visit); !scanned)
        return scanned.error();
    return claims;
}

Result<ClaimReply> Keyspace::claim(const ClaimRequest& request) {
    if (!leases_.lives(request.lease)) {
        return Error{Code::not_found, "claim: there is no lease " + std::to_string(request.lease.value) +
                                          "; it was not granted, or has ended"};
    }
    const Result<Claims> claims = standing_claims(request);
    if (!claims) return claims.error();
    ClaimReply reply;
    std::vector<Bytes> orphans;  // claims of items that are gone
    size_t octets = 0;
    size_t room = belfry::limits::claims_standing_max - claims->all.size();  // for claims of items that had none
    bool waits_for_room = false;
    auto claim = claims->all.begin();
    const auto pass = [&] {
        if (!claim->is_new && orphans.size() < belfry::limits::claim_items_max && !plants_.keep_orphans)
            orphans.push_back(request.claims + claim->rest);
        ++claim;
    };
    const auto is_taken = [&](const Claims::One& one) { return one.held || (one.is_new && !plants_.claim_given_back); };
    const auto hand_out = [&](BytesView key, const Version& version, uint64_t attempts) {
        const size_t more = key.size() + version.value.size() + version.content_type.size();
        const bool fits =
            reply.items.size() < request.limit && (reply.items.empty() || octets + more <= belfry::limits::claim_bytes_max);
        if (!fits) return !(reply.more = true);
        octets += more;
        reply.items.push_back({to_key_value(key, version), attempts + 1});
        return true;
    };
    // The item that this claim is of.
    const auto meet = [&](BytesView key, const Version& version) {
        const Claims::One& one = *claim++;
        reply.held += is_taken(one) ? 1 : 0;
        return is_taken(one) || hand_out(key, version, plants_.forget_attempts ? 0 : one.attempts);
    };
    const auto visit = [&](BytesView key, const Version& version) {
        const BytesView rest = key.substr(request.items.size());
        while (claim != claims->all.end() && claim->rest < rest) pass();
        if (claim != claims->all.end() && claim->rest == rest) return meet(key, version);
        if (plants_.claim_behind_last && !claims->all.empty() && rest < claims->all.back().rest) return true;
        waits_for_room = room == 0 || claims->cut;
        if (waits_for_room) return !(reply.more = true);
        if (!hand_out(key, version, 0)) return false;
        --room;
        return true;
    };
    const KeyRange items = KeyRange::prefix(request.items);
    if (Status scanned = scan_current(items, Direction::forward, visit); !scanned) return scanned.error();
    // What has a claim already needs no room, and claims of items that are gone make some.
    while (waits_for_room && claim != claims->all.end()) {
        const Bytes key = request.items + claim->rest;
        const auto item = current(key);
        if (!item) return item.error();
        if (!*item) {
            pass();
        } else if (!meet(key, **item)) {
            break;
        }
    }
    while ((!reply.more || plants_.sweep_claims) && claim != claims->all.end()) pass();
    if (Status put = put_claims(request, reply.items); !put) return put.error();
    if (Status erased = erase_claims(orphans); !erased) return erased.error();
    return reply;
}

// Takes from the list what cannot be claimed any more in this transaction, which has erased its claim.
Status Keyspace::put_claims(const ClaimRequest& request, std::vector<ClaimedItem>& items) {
    const uint64_t grant = leases_.find(request.lease)->number;
    std::vector<ClaimedItem> claimed;
    for (ClaimedItem& item : items) {
        const Bytes key = request.claims + item.item.key.substr(request.items.size());
        const Result<Revision> erased = tombstone(key);
        if (!erased) return erased.error();
        if (*erased == meta_.revision.next()) continue;
        const protocol::ClaimMark mark{request.lease, grant, request.claimant, item.attempts};
        if (const auto put = this->put({key, protocol::encode_claim(mark), {}}); !put) return put.error();
        claimed.push_back(std::move(item));
    }
    items = std::move(claimed);
    return {};
}

Status Keyspace::erase_claims(const std::vector<Bytes>& keys) {
    for (const Bytes& key : keys) {
        if (const auto erased = erase({KeyRange::one(key)}); !erased) return erased.error();
    }
    return {};
}

}  // namespace belfry::hub::model
