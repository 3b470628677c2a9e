// What a write would look at and answer with, asked at the door: by this a transaction that would keep every member busy
// for long is refused there, and log entries are cut. Nothing of it is asked where a command is applied.
//
// Keys are counted as the state is now; what is on its way may add some. So nothing of more than one key counts as little,
// and answers count as long as they may be.
#include <algorithm>
#include <string>

#include "hub/model/keyspace.hpp"
#include "sdk/protocol/policy.hpp"

namespace belfry::hub::model {

using protocol::DeleteRequest;
using protocol::PutRequest;
using protocol::TxnOp;
using protocol::TxnRequest;

namespace {

// A range of any kind counts as this many keys at least, however few it finds now: it comes into one log entry with 15
// others.
constexpr size_t range_keys_min = hub::limits::scan_keys_max / 16;

}  // namespace

// What ranges of one command show is bounded together, and so is what it replaces.
Reach Keyspace::Prospect::reach() const {
    return {
        std::max(keys, ranges > 0 ? range_keys_min : 0) + erased * erased_key_weight,
        std::min(shown, belfry::limits::range_reply_bytes_max) + std::min(replaced, change_record_bytes_max) + handed_out};
}

Result<Reach> Keyspace::check_reach(const TxnRequest& request, size_t keys_max) {
    Prospect prospect{keys_max};
    if (Status looked = look_ahead(request, prospect); !looked) return looked.error();
    if (!prospect.beyond()) return prospect.reach();
    return Error{Code::too_large, "transaction: its compares and ranges would look at more than " +
                                      std::to_string(keys_max) + " keys; ask for narrower ranges, or in several steps"};
}

Result<Reach> Keyspace::check_reach(const protocol::RequestOp& op, size_t keys_max) {
    if (const auto* txn = std::get_if<TxnRequest>(&op)) return check_reach(*txn, keys_max);
    if (const auto* put = std::get_if<PutRequest>(&op)) {
        return Reach{0, put->previous ? belfry::limits::value_bytes_max : 0};
    }
    if (const auto* erase = std::get_if<DeleteRequest>(&op)) {
        Prospect prospect{keys_max};
        if (Status looked = look_ahead(*erase, prospect); !looked) return looked.error();
        return prospect.reach();
    }
    if (const auto* revoke = std::get_if<protocol::LeaseRevokeRequest>(&op)) {
        const auto keys = keys_of_lease(revoke->lease, {}, leased_keys_at_once);
        if (!keys) return keys.error();
        return Reach{keys->size() * erased_key_weight, 0};
    }
    if (std::holds_alternative<protocol::CompactRequest>(op)) return Reach{compaction_drops_at_once * erased_key_weight, 0};
    // A new quota counts the keys that it is about.
    const auto* record = std::get_if<protocol::RecordChangeRequest>(&op);
    const bool may_count = record != nullptr && !record->remove && record->name.starts_with(protocol::policy_prefix);
    return Reach{may_count ? hub::limits::scan_keys_max : 0, 0};
}

Status Keyspace::look_ahead(const TxnRequest& request, Prospect& prospect) {
    for (const protocol::Compare& compare : request.compares) {
        if (Status looked = look_ahead(compare, prospect); !looked || prospect.beyond()) return looked;
    }
    for (const auto* branch : {&request.then_ops, &request.else_ops}) {
        for (const TxnOp& item : *branch) {
            if (Status looked = look_ahead(item, prospect); !looked || prospect.beyond()) return looked;
        }
    }
    return {};
}

Status Keyspace::look_ahead(const TxnOp& item, Prospect& prospect) {
    if (const auto* range = std::get_if<protocol::RangeRequest>(&item.op)) return look_ahead(*range, prospect);
    if (const auto* erase = std::get_if<DeleteRequest>(&item.op)) return look_ahead(*erase, prospect);
    if (const auto* nested = std::get_if<TxnRequest>(&item.op)) return look_ahead(*nested, prospect);
    if (const auto* claim = std::get_if<protocol::ClaimRequest>(&item.op)) {
        prospect.keys += 2 * belfry::limits::claims_standing_max + claim->limit;
        prospect.handed_out += belfry::limits::claim_bytes_max;
        return {};
    }
    prospect.replaced += std::get<PutRequest>(item.op).previous ? belfry::limits::value_bytes_max : 0;
    return {};
}

// As far as it goes until it is refused as too large.
Status Keyspace::look_ahead(const DeleteRequest& erase, Prospect& prospect) {
    const bool is_one = erase.range.is_one();
    if (erase.previous) prospect.replaced += is_one ? belfry::limits::value_bytes_max : change_record_bytes_max;
    if (is_one) return {};
    ++prospect.ranges;
    size_t visible = 0;
    size_t recorded = 0;
    const auto visit = [&](BytesView key, const Version& version) {
        ++prospect.erased;
        visible += key.size() + event_envelope_bytes;
        recorded += key.size() + version.value.size();
        return visible <= change_set_bytes_max && recorded <= change_record_bytes_max &&
               prospect.erased * erased_key_weight <= prospect.keys_max;
    };
    return scan_current(erase.range, Direction::forward, visit);
}

}  // namespace belfry::hub::model
