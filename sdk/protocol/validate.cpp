#include <algorithm>

#include "sdk/base/content_type.hpp"
#include "sdk/base/labels.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::protocol {
namespace {

constexpr size_t envelope_bytes = 24;  // of one request, key or event: ids, revisions, sizes
constexpr size_t filter_kind_bytes_max = 64;
constexpr size_t member_address_bytes_max = 512;

Error invalid(std::string detail) { return {Code::invalid_argument, std::move(detail)}; }

Error too_large(const std::string& what, size_t size, size_t most) {
    return {Code::too_large,
            what + " has " + std::to_string(size) + " octets; at most " + std::to_string(most) + " allowed"};
}

Status check_size(const char* what, size_t size, size_t most) {
    if (size > most) return too_large(what, size, most);
    return {};
}

Status check_key(BytesView key) {
    if (key.empty()) return invalid("key is empty; a key has 1 to " + std::to_string(limits::key_bytes_max) + " octets");
    return check_size("key", key.size(), limits::key_bytes_max);
}

Status check(const KeyRange& range) {
    if (range.is_one()) return check_key(range.begin);
    if (range.begin.empty()) return invalid("range begin is empty; write one zero octet for the first key");
    // The successor of a longest key is one octet longer.
    if (Status status = check_size("range begin", range.begin.size(), limits::key_bytes_max + 1); !status) return status;
    if (Status status = check_size("range end", range.end.size(), limits::key_bytes_max + 1); !status) return status;
    if (!range.is_open() && range.end < range.begin) return invalid("range end is before its begin");
    return {};
}

Status check(const FilterSpec& filter) {
    if (filter.kind.empty()) return invalid("filter kind is empty; write prefix, exact or another filter's name");
    if (Status status = check_size("filter kind", filter.kind.size(), filter_kind_bytes_max); !status) return status;
    return check_size("filter spec", filter.spec.size(), limits::filter_spec_bytes_max);
}

Status check(const RangeRequest& op) { return check(op.range); }

Status check(const PutRequest& op) {
    if (Status status = check_key(op.key); !status) return status;
    if (op.sequential && op.key.size() + limits::sequence_bytes > limits::key_bytes_max) {
        return too_large("the beginning of a sequential key", op.key.size(),
                         limits::key_bytes_max - limits::sequence_bytes);
    }
    if (Status status = check_content_type(op.content_type); !status) return status;
    return check_size("value", op.value.size(), limits::value_bytes_max);
}

Status check(const DeleteRequest& op) { return check(op.range); }

Status check(const ClaimRequest& op) {
    if (op.items.empty() || op.claims.empty()) return invalid("claim: a prefix is empty");
    if (Status status = check_size("claim: items' prefix", op.items.size(), limits::key_bytes_max); !status) return status;
    if (op.claims.size() > op.items.size()) return invalid("claim: the claims' prefix is longer than the items'");
    if (op.items.starts_with(op.claims)) return invalid("claim: the items are within the claims");
    if (op.lease.value == 0) return invalid("claim: without a lease");
    if (op.limit >= 1 && op.limit <= limits::claim_items_max) return {};
    return invalid("claim: of " + std::to_string(op.limit) + " items; 1 to " + std::to_string(limits::claim_items_max) +
                   " are allowed");
}

// What one pass over a transaction gathers: the keys that one run of it may put.
struct TxnCheck {
    size_t ops = 0;

    Status txn(const TxnRequest& op, size_t depth, std::vector<BytesView>& puts);
    Status branch(const std::vector<TxnOp>& ops_of_branch, size_t depth, std::vector<BytesView>& puts);
};

Status TxnCheck::txn(const TxnRequest& op, size_t depth, std::vector<BytesView>& puts) {
    if (depth > limits::txn_depth_max) {
        return Error{Code::too_large, "transactions are nested deeper than " + std::to_string(limits::txn_depth_max)};
    }
    ops += op.compares.size() + op.then_ops.size() + op.else_ops.size();
    if (ops > limits::txn_ops_max) {
        return Error{Code::too_large,
                     "transaction has more than " + std::to_string(limits::txn_ops_max) + " operations and compares"};
    }
    for (const Compare& compare : op.compares) {
        if (Status status = check(compare.range); !status) return status;
        if (Status status = check_size("compare value", compare.value.size(), limits::value_bytes_max); !status)
            return status;
    }
    std::vector<BytesView> other_puts;
    if (Status status = branch(op.then_ops, depth, puts); !status) return status;
    if (Status status = branch(op.else_ops, depth, other_puts); !status) return status;
    puts.insert(puts.end(), other_puts.begin(), other_puts.end());
    std::sort(puts.begin(), puts.end());
    puts.erase(std::unique(puts.begin(), puts.end()), puts.end());  // one branch runs, not both
    return {};
}

Status TxnCheck::branch(const std::vector<TxnOp>& ops_of_branch, size_t depth, std::vector<BytesView>& puts) {
    for (const TxnOp& op : ops_of_branch) {
        Status status;
        if (const auto* put = std::get_if<PutRequest>(&op.op)) {
            status = check(*put);
            if (!put->sequential) puts.push_back(put->key);
        } else if (const auto* inner = std::get_if<TxnRequest>(&op.op)) {
            std::vector<BytesView> inner_puts;
            status = txn(*inner, depth + 1, inner_puts);
            puts.insert(puts.end(), inner_puts.begin(), inner_puts.end());
        } else if (const auto* erase = std::get_if<DeleteRequest>(&op.op)) {
            status = check(*erase);
        } else if (const auto* range = std::get_if<RangeRequest>(&op.op)) {
            status = check(*range);
        } else if (const auto* claim = std::get_if<ClaimRequest>(&op.op)) {
            status = check(*claim);
        }
        if (!status) return status;
    }
    std::sort(puts.begin(), puts.end());
    const auto twice = std::adjacent_find(puts.begin(), puts.end());
    if (twice != puts.end()) return invalid("key '" + Bytes(*twice) + "' is put twice in one transaction");
    return {};
}

Status check(const TxnRequest& op) {
    std::vector<BytesView> puts;
    return TxnCheck{}.txn(op, 1, puts);
}

Status check(const CompactRequest& op) {
    if (op.revision.value == 0) return invalid("compact: revision 0 does not exist");
    return {};
}

Status check(const HistoryRequest& op) { return check_key(op.key); }

Status check(const ChangesRequest& op) {
    if (op.wait_ms > 0 && op.to.value != 0)
        return invalid("changes: up to a revision that is named there is nothing to wait for");
    if (op.wait_ms > limits::stream_wait_ms_max) {
        return invalid("changes: a wait of " + std::to_string(op.wait_ms) + " ms; at most " +
                       std::to_string(limits::stream_wait_ms_max) + " are allowed");
    }
    if (op.to.value != 0 && op.to < op.from) {
        return invalid("changes: `to` " + std::to_string(op.to.value) + " is before `from` " +
                       std::to_string(op.from.value));
    }
    return check(op.filter);
}

Status check(const SnapshotRequest& op) {
    if (Status status = check_size("after key", op.after_key.size(), limits::key_bytes_max); !status) return status;
    return check(op.filter);
}

Status check(const ChannelRequest& op) { return check(op.filter); }
Status check(const DigestRequest& op) { return check(op.filter); }
Status check(const MembersRequest&) { return {}; }

Status check(const MemberChangeRequest& op) {
    if (op.id == 0 || op.id > INT64_MAX) return invalid("a member's id is a number from 1 to 9223372036854775807");
    const bool adds = op.kind == MemberChangeRequest::Kind::add;
    if (adds && op.address.empty()) return invalid("a member that is added needs its address");
    if (op.address.find_first_of(std::string_view("\0\n\r,", 4)) != std::string::npos) {
        return invalid("an address holds neither a comma nor a line's end");
    }
    return check_size("address", op.address.size(), member_address_bytes_max);
}

Status check(const LeaderTransferRequest& op) {
    if (op.id > INT64_MAX) return invalid("a member's id is a number from 1 to 9223372036854775807");
    return {};
}

Status check(const StatusRequest&) { return {}; }
Status check(const BackupRequest&) { return {}; }
Status check(const PluginsRequest&) { return {}; }

Status check(const RecordChangeRequest& op) {
    if (op.name.empty()) return invalid("a record's name is empty");
    if (op.remove && !op.content.empty()) return invalid("a record that is removed has no content");
    if (Status status = check_size("record name", op.name.size(), limits::record_name_bytes_max); !status) return status;
    return check_size("record", op.content.size(), limits::record_content_bytes_max);
}

Status check(const RecordsRequest& op) {
    if (Status status = check_size("prefix", op.prefix.size(), limits::record_name_bytes_max); !status) return status;
    return check_size("after", op.after.size(), limits::record_name_bytes_max);
}

Status check(const AuthenticateRequest& op) {
    if (op.name.empty() != op.password.empty()) return invalid("authenticate: name and password, or neither");
    if (Status status = check_size("name", op.name.size(), limits::author_bytes_max); !status) return status;
    if (Status status = check_size("password", op.password.size(), limits::password_bytes_max); !status) return status;
    if (op.valid_ms <= limits::token_valid_ms_max) return {};
    return invalid("authenticate: a token is good for 12 hours at most");
}

Status check(const LeaseGrantRequest& op) {
    if (op.lease.value > limits::lease_chosen_max) {
        return invalid("a lease's number that is chosen is at most " + std::to_string(limits::lease_chosen_max));
    }
    if (op.ttl_s >= 1 && op.ttl_s <= limits::lease_ttl_s_max) return {};
    return invalid("lease: a time to live of " + std::to_string(op.ttl_s) + " s; 1 to " +
                   std::to_string(limits::lease_ttl_s_max) + " are allowed");
}

Status check_lease(LeaseId lease) { return lease.value != 0 ? Status() : Status(invalid("lease 0 does not exist")); }
Status check(const LeaseRevokeRequest& op) { return check_lease(op.lease); }

Status check(const LeaseKeepAliveRequest& op) {
    if (!op.leases.empty() && op.leases.size() <= limits::leases_kept_alive_max) return {};
    return invalid("lease keep alive: of 1 to " + std::to_string(limits::leases_kept_alive_max) + " leases");
}

Status check(const LeaseTimeToLiveRequest& op) {
    if (Status status = check_size("after", op.after.size(), limits::key_bytes_max); !status) return status;
    return check_lease(op.lease);
}

Status check(const LeasesRequest&) { return {}; }

Status check(const Ticket& ticket, const RequestOp& op) {
    if (ticket == Ticket()) return {};
    if (ticket.session == 0) return invalid("ticket: session 0 has no writes; choose a random number");
    if (!can_change(op)) return invalid("ticket: only writes have one");
    if (ticket.acknowledged >= ticket.sequence) {
        return invalid("ticket: write " + std::to_string(ticket.sequence) + " is not above the acknowledged " +
                       std::to_string(ticket.acknowledged));
    }
    if (ticket.sequence - ticket.acknowledged <= limits::session_window_max) return {};
    return invalid("ticket: write " + std::to_string(ticket.sequence) + " is more than " +
                   std::to_string(limits::session_window_max) + " above the acknowledged " +
                   std::to_string(ticket.acknowledged));
}

Status check(const Labels& labels, const RequestOp& op) {
    const bool of_keys = std::holds_alternative<PutRequest>(op) || std::holds_alternative<DeleteRequest>(op) ||
                         std::holds_alternative<TxnRequest>(op);
    if (!labels.empty() && !of_keys) return invalid("labels: only puts, deletes and transactions have them");
    return check_labels(labels);
}

// ---- changes ----

bool can_change(const TxnRequest& txn);

bool can_change(const std::vector<TxnOp>& ops) {
    return std::any_of(ops.begin(), ops.end(), [](const TxnOp& op) {
        if (const auto* nested = std::get_if<TxnRequest>(&op.op)) return can_change(*nested);
        return !std::holds_alternative<RangeRequest>(op.op);
    });
}

bool can_change(const TxnRequest& txn) { return can_change(txn.then_ops) || can_change(txn.else_ops); }

// ---- sizes ----

size_t bytes_of(const FilterSpec& filter) { return filter.kind.size() + filter.spec.size(); }
size_t bytes_of(const KeyRange& range) { return range.begin.size() + range.end.size(); }
size_t bytes_of(const RangeRequest& op) { return bytes_of(op.range); }
size_t bytes_of(const PutRequest& op) { return op.key.size() + op.value.size() + op.content_type.size(); }
size_t bytes_of(const DeleteRequest& op) { return bytes_of(op.range); }
size_t bytes_of(const ClaimRequest& op) { return op.items.size() + op.claims.size(); }
size_t bytes_of(const CompactRequest&) { return 0; }
size_t bytes_of(const HistoryRequest& op) { return op.key.size(); }
size_t bytes_of(const ChangesRequest& op) { return bytes_of(op.filter); }
size_t bytes_of(const SnapshotRequest& op) { return bytes_of(op.filter) + op.after_key.size(); }
size_t bytes_of(const ChannelRequest& op) { return bytes_of(op.filter); }
size_t bytes_of(const DigestRequest& op) { return bytes_of(op.filter); }
size_t bytes_of(const StatusRequest&) { return 0; }
size_t bytes_of(const MembersRequest&) { return 0; }
size_t bytes_of(const MemberChangeRequest& op) { return op.address.size(); }
size_t bytes_of(const LeaderTransferRequest&) { return 0; }
size_t bytes_of(const BackupRequest&) { return 0; }
size_t bytes_of(const PluginsRequest&) { return 0; }
size_t bytes_of(const RecordChangeRequest& op) { return op.name.size() + op.content.size(); }
size_t bytes_of(const AuthenticateRequest& op) { return op.name.size() + op.password.size(); }
size_t bytes_of(const LeaseGrantRequest&) { return 0; }
size_t bytes_of(const LeaseRevokeRequest&) { return 0; }
size_t bytes_of(const LeaseKeepAliveRequest& op) { return op.leases.size() * sizeof(LeaseId); }
size_t bytes_of(const LeaseTimeToLiveRequest& op) { return op.after.size(); }
size_t bytes_of(const LeasesRequest&) { return 0; }
size_t bytes_of(const RecordsRequest& op) { return op.prefix.size() + op.after.size(); }

size_t bytes_of(const TxnRequest& op) {
    size_t bytes = 0;
    for (const Compare& compare : op.compares) bytes += envelope_bytes + bytes_of(compare.range) + compare.value.size();
    for (const auto* ops : {&op.then_ops, &op.else_ops}) {
        for (const TxnOp& inner : *ops) {
            bytes += envelope_bytes + std::visit([](const auto& some) { return bytes_of(some); }, inner.op);
        }
    }
    return bytes;
}

size_t bytes_of(const std::vector<KeyValue>& kvs) {
    size_t bytes = envelope_bytes;
    for (const KeyValue& kv : kvs) bytes += approximate_bytes(kv);
    return bytes;
}
size_t bytes_of(const RangeReply& reply) { return bytes_of(reply.kvs); }
size_t bytes_of(const PutReply& reply) {
    return envelope_bytes + reply.key.size() + (reply.previous ? approximate_bytes(*reply.previous) : 0);
}
size_t bytes_of(const DeleteReply& reply) { return bytes_of(reply.previous); }
size_t bytes_of(const ClaimReply& reply) {
    size_t bytes = envelope_bytes;
    for (const ClaimedItem& claimed : reply.items) bytes += envelope_bytes + approximate_bytes(claimed.item);
    return bytes;
}

size_t bytes_of(const TxnReply& reply) {
    size_t bytes = envelope_bytes;
    for (const TxnOpReply& inner : reply.replies) {
        bytes += std::visit([](const auto& some) { return bytes_of(some); }, inner.reply);
    }
    return bytes;
}

size_t bytes_of(const ChangesReply& reply) {
    size_t bytes = envelope_bytes;
    for (const ChangeSet& change : reply.changes) bytes += approximate_bytes(change);
    return bytes;
}

size_t bytes_of(const HistoryReply& reply) {
    size_t bytes = envelope_bytes;
    for (const HistoryVersion& version : reply.versions) {
        bytes +=
            approximate_bytes(version.kv) + version.author.size() + version.comment.size() + labels_bytes(version.labels);
    }
    return bytes;
}

size_t bytes_of(const RecordsReply& reply) {
    size_t bytes = envelope_bytes;
    for (const Record& record : reply.records) bytes += 2 * envelope_bytes + record.name.size() + record.content.size();
    return bytes;
}

size_t bytes_of(const LeaseTimeToLiveReply& reply) {
    size_t bytes = envelope_bytes + reply.facts.owner.size();
    for (const Bytes& key : reply.keys) bytes += envelope_bytes + key.size();
    return bytes;
}

size_t bytes_of(const LeasesReply& reply) {
    size_t bytes = envelope_bytes;
    for (const LeaseFacts& facts : reply.leases) bytes += 2 * envelope_bytes + facts.owner.size();
    return bytes;
}

}  // namespace

bool can_change(const RequestOp& op) {
    if (const auto* txn = std::get_if<TxnRequest>(&op)) return can_change(*txn);
    return std::holds_alternative<PutRequest>(op) || std::holds_alternative<DeleteRequest>(op) ||
           std::holds_alternative<CompactRequest>(op) || std::holds_alternative<RecordChangeRequest>(op) ||
           std::holds_alternative<LeaseGrantRequest>(op) || std::holds_alternative<LeaseRevokeRequest>(op);
}

Status validate(const Request& request) {
    if (Status status = check_size("author", request.author.size(), limits::author_bytes_max); !status) return status;
    if (Status status = check_size("comment", request.comment.size(), limits::comment_bytes_max); !status) return status;
    if (Status status = std::visit([](const auto& op) { return check(op); }, request.op); !status) return status;
    if (Status status = check(request.ticket, request.op); !status) return status;
    if (Status status = check(request.labels, request.op); !status) return status;
    if (request.dry_run && !can_change(request.op)) return invalid("dry run: only writes have one");
    if (request.dry_run && request.ticket.session != 0) return invalid("dry run: without a ticket");
    return check_size("request", approximate_bytes(request), limits::frame_bytes_max);
}

size_t approximate_bytes(const Request& request) {
    return 2 * envelope_bytes + request.author.size() + request.comment.size() + labels_bytes(request.labels) +
           std::visit([](const auto& op) { return bytes_of(op); }, request.op);
}

size_t approximate_bytes(const Reply& reply) {
    const size_t bytes = 2 * envelope_bytes + reply.error.detail.size();
    if (const auto* put = std::get_if<PutReply>(&reply.result)) return bytes + bytes_of(*put);
    if (const auto* range = std::get_if<RangeReply>(&reply.result)) return bytes + bytes_of(*range);
    if (const auto* erase = std::get_if<DeleteReply>(&reply.result)) return bytes + bytes_of(*erase);
    if (const auto* txn = std::get_if<TxnReply>(&reply.result)) return bytes + bytes_of(*txn);
    if (const auto* lease = std::get_if<LeaseTimeToLiveReply>(&reply.result)) return bytes + bytes_of(*lease);
    if (const auto* leases = std::get_if<LeasesReply>(&reply.result)) return bytes + bytes_of(*leases);
    if (const auto* snapshot = std::get_if<SnapshotReply>(&reply.result)) return bytes + bytes_of(snapshot->kvs);
    if (const auto* changes = std::get_if<ChangesReply>(&reply.result)) return bytes + bytes_of(*changes);
    if (const auto* history = std::get_if<HistoryReply>(&reply.result)) return bytes + bytes_of(*history);
    if (const auto* records = std::get_if<RecordsReply>(&reply.result)) return bytes + bytes_of(*records);
    return bytes;
}

size_t approximate_bytes(const KeyValue& kv) {
    return 2 * envelope_bytes + kv.key.size() + kv.value.size() + kv.content_type.size();
}

size_t approximate_bytes(const ChangeSet& change) {
    size_t bytes = envelope_bytes + change.author.size() + change.comment.size() + labels_bytes(change.labels);
    for (const Event& event : change.events) bytes += approximate_bytes(event.kv);
    return bytes;
}

}  // namespace belfry::protocol
