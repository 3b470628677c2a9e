#include "hub/log/entry.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "hub/base/labels.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/quota.hpp"

namespace belfry::hub::log {

namespace {

using protocol::ClaimRequest;
using protocol::CompactRequest;
using protocol::Compare;
using protocol::DeleteRequest;
using protocol::LeaseGrantRequest;
using protocol::PutRequest;
using protocol::RangeRequest;
using protocol::RecordChangeRequest;
using protocol::Ticket;
using protocol::TxnOp;
using protocol::TxnRequest;

// On disk since 1.0; never reuse one.
enum Kind : uint8_t {
    kind_put = 1,
    kind_delete = 2,
    kind_txn = 3,
    kind_compact = 4,
    kind_range = 5,
    kind_record = 6,
    kind_lease_grant = 7,
    kind_lease_revoke = 8,
    kind_lease_expiry = 9,
    kind_claim = 10,
};
constexpr uint8_t flag_ticket = 128, flag_labels = 64;                            // beside the kind of a command
constexpr uint8_t flag_previous = 1, flag_content_type = 2, flag_sequential = 4;  // of a put; of a delete the first
constexpr uint8_t flag_remove = 1, flag_expected = 2;
constexpr uint8_t flag_keys_only = 1, flag_count_only = 2, flag_local = 4;
constexpr size_t header_bytes = 1 + 8 + 4;

void write(Writer& out, const KeyRange& range) {
    out.bytes(range.begin);
    out.bytes(range.end);
}

void write(Writer& out, const PutRequest& put) {
    out.bytes(put.key);
    out.bytes(put.value);
    out.varint(put.lease.value);
    const bool has_type = !put.content_type.empty();
    out.u8(static_cast<uint8_t>((put.previous ? flag_previous : 0) | (has_type ? flag_content_type : 0) |
                                (put.sequential ? flag_sequential : 0)));
    if (has_type) out.bytes(put.content_type);
}

void write(Writer& out, const DeleteRequest& erase) {
    write(out, erase.range);
    out.u8(erase.previous ? flag_previous : 0);
}

void write(Writer& out, const CompactRequest& compact) { out.varint(compact.revision.value); }

void write(Writer& out, const RecordChangeRequest& change) {
    out.bytes(change.name);
    out.bytes(change.content);
    out.u8(static_cast<uint8_t>((change.remove ? flag_remove : 0) | (change.expected ? flag_expected : 0)));
    if (change.expected) out.varint(*change.expected);
}

void write(Writer& out, const LeaseGrantRequest& grant) {
    out.varint(grant.lease.value);
    out.varint(grant.ttl_s);
}

void write(Writer& out, const LeaseRevoke& revoke) {
    out.varint(revoke.lease.value);
    out.varint(revoke.number);
}

void write(Writer& out, const LeaseExpiry& expiry) {
    out.varint(expiry.leases.size());
    for (const LeaseRevoke& one : expiry.leases) write(out, one);
}

void write(Writer& out, const RangeRequest& range) {
    write(out, range.range);
    out.varint(range.limit);
    out.varint(range.at.value);
    out.varint(range.min_revision.value);
    out.u8(static_cast<uint8_t>(range.sort_target));
    out.u8(static_cast<uint8_t>(range.sort_order));
    out.u8(static_cast<uint8_t>((range.keys_only ? flag_keys_only : 0) | (range.count_only ? flag_count_only : 0) |
                                (range.local ? flag_local : 0)));
}

void write(Writer& out, const ClaimRequest& claim) {
    out.bytes(claim.items);
    out.bytes(claim.claims);
    out.varint(claim.lease.value);
    out.varint(claim.claimant);
    out.varint(claim.limit);
}

void write(Writer& out, const Compare& compare) {
    write(out, compare.range);
    out.u8(static_cast<uint8_t>(compare.target));
    out.u8(static_cast<uint8_t>(compare.op));
    out.varint(compare.number);
    out.bytes(compare.value);
}

void write(Writer& out, const Ticket& ticket) {
    out.u64(ticket.session);
    out.varint(ticket.sequence);
    out.varint(ticket.sequence - ticket.acknowledged);
}

constexpr Kind kind_of(const PutRequest&) { return kind_put; }
constexpr Kind kind_of(const DeleteRequest&) { return kind_delete; }
constexpr Kind kind_of(const TxnRequest&) { return kind_txn; }
constexpr Kind kind_of(const CompactRequest&) { return kind_compact; }
constexpr Kind kind_of(const RangeRequest&) { return kind_range; }
constexpr Kind kind_of(const ClaimRequest&) { return kind_claim; }
constexpr Kind kind_of(const RecordChangeRequest&) { return kind_record; }
constexpr Kind kind_of(const LeaseGrantRequest&) { return kind_lease_grant; }
constexpr Kind kind_of(const LeaseRevoke&) { return kind_lease_revoke; }
constexpr Kind kind_of(const LeaseExpiry&) { return kind_lease_expiry; }

void write(Writer& out, const TxnRequest& txn);

void write(Writer& out, const std::vector<TxnOp>& ops) {
    out.varint(ops.size());
    for (const TxnOp& item : ops) {
        std::visit(
            [&](const auto& op) {
                out.u8(kind_of(op));
                write(out, op);
            },
            item.op);
    }
}

void write(Writer& out, const TxnRequest& txn) {
    out.varint(txn.compares.size());
    for (const Compare& compare : txn.compares) write(out, compare);
    write(out, txn.then_ops);
    write(out, txn.else_ops);
}

// ---- reading ----

uint8_t read_below(Reader& in, uint8_t bound) {
    const uint8_t number = in.u8();
    if (number >= bound) in.fail();
    return number;
}

// Every item takes an octet at least, so a count beyond what is left is a lie and nothing is allocated for it.
size_t read_count(Reader& in) {
    const uint64_t count = in.varint();
    if (count > in.remaining()) in.fail();
    return in.ok() ? static_cast<size_t>(count) : 0;
}

KeyRange read_range(Reader& in) {
    KeyRange range;
    range.begin = in.bytes();
    range.end = in.bytes();
    return range;
}

PutRequest read_put(Reader& in) {
    PutRequest put;
    put.key = in.bytes();
    put.value = in.bytes();
    put.lease.value = in.varint();
    const uint8_t flags = read_below(in, (flag_previous | flag_content_type | flag_sequential) + 1);
    put.previous = (flags & flag_previous) != 0;
    put.sequential = (flags & flag_sequential) != 0;
    if ((flags & flag_content_type) == 0) return put;
    put.content_type = in.bytes();
    if (put.content_type.empty()) in.fail();  // one spelling
    return put;
}

DeleteRequest read_delete(Reader& in) {
    DeleteRequest erase;
    erase.range = read_range(in);
    erase.previous = read_below(in, flag_previous + 1) != 0;
    return erase;
}

RangeRequest read_range_request(Reader& in) {
    RangeRequest range;
    range.range = read_range(in);
    range.limit = in.varint();
    range.at.value = in.varint();
    range.min_revision.value = in.varint();
    range.sort_target = static_cast<protocol::SortTarget>(read_below(in, 5));
    range.sort_order = static_cast<protocol::SortOrder>(read_below(in, 2));
    const uint8_t flags = read_below(in, 8);
    range.keys_only = (flags & flag_keys_only) != 0;
    range.count_only = (flags & flag_count_only) != 0;
    range.local = (flags & flag_local) != 0;
    return range;
}

ClaimRequest read_claim(Reader& in) {
    ClaimRequest claim;
    claim.items = in.bytes();
    claim.claims = in.bytes();
    claim.lease.value = in.varint();
    claim.claimant = in.varint();
    claim.limit = in.varint();
    return claim;
}

Compare read_compare(Reader& in) {
    Compare compare;
    compare.range = read_range(in);
    compare.target = static_cast<Compare::Target>(read_below(in, 5));
    compare.op = static_cast<Compare::Op>(read_below(in, 4));
    compare.number = in.varint();
    compare.value = in.bytes();
    return compare;
}

TxnRequest read_txn(Reader& in, size_t depth);

std::vector<TxnOp> read_ops(Reader& in, size_t depth) {
    std::vector<TxnOp> ops;
    for (size_t left = read_count(in); left > 0 && in.ok(); --left) {
        switch (in.u8()) {
            case kind_put: ops.push_back({read_put(in)}); break;
            case kind_delete: ops.push_back({read_delete(in)}); break;
            case kind_range: ops.push_back({read_range_request(in)}); break;
            case kind_txn: ops.push_back({read_txn(in, depth + 1)}); break;
            case kind_claim: ops.push_back({read_claim(in)}); break;
            default: in.fail();
        }
    }
    return ops;
}

TxnRequest read_txn(Reader& in, size_t depth) {
    TxnRequest txn;
    // A bound of its own, far above what validate() lets in: the stack must not depend on what a disk says.
    if (depth > 4 * belfry::limits::txn_depth_max) in.fail();
    for (size_t left = read_count(in); left > 0 && in.ok(); --left) txn.compares.push_back(read_compare(in));
    txn.then_ops = read_ops(in, depth);
    txn.else_ops = read_ops(in, depth);
    return txn;
}

RecordChangeRequest read_record_change(Reader& in) {
    RecordChangeRequest change;
    change.name = in.bytes();
    change.content = in.bytes();
    const uint8_t flags = read_below(in, (flag_remove | flag_expected) + 1);
    change.remove = (flags & flag_remove) != 0;
    if ((flags & flag_expected) != 0) change.expected = in.varint();
    return change;
}

LeaseGrantRequest read_lease_grant(Reader& in) {
    const LeaseId lease{in.varint()};
    return {lease, in.varint()};
}

LeaseRevoke read_lease_revoke(Reader& in) {
    const LeaseId lease{in.varint()};
    return {lease, in.varint()};
}

LeaseExpiry read_lease_expiry(Reader& in) {
    LeaseExpiry expiry;
    for (size_t left = read_count(in); left > 0 && in.ok(); --left) expiry.leases.push_back(read_lease_revoke(in));
    return expiry;
}

Ticket read_ticket(Reader& in) {
    Ticket ticket;
    ticket.session = in.u64();
    ticket.sequence = in.varint();
    const uint64_t ahead = in.varint();
    if (ticket.session == 0 || ahead == 0 || ahead > ticket.sequence || ahead > belfry::limits::session_window_max) {
        in.fail();
    }
    ticket.acknowledged = ticket.sequence - ahead;
    return ticket;
}

Command read_command(Reader& in) {
    Command command;
    uint8_t kind = in.u8();
    if ((kind & flag_ticket) != 0) command.ticket = read_ticket(in);
    command.author = in.bytes();
    command.comment = in.bytes();
    if ((kind & flag_labels) != 0) command.labels = read_labels(in);
    kind &= static_cast<uint8_t>(~(flag_ticket | flag_labels));
    switch (kind) {
        case kind_put: command.op = read_put(in); break;
        case kind_delete: command.op = read_delete(in); break;
        case kind_txn: command.op = read_txn(in, 1); break;
        case kind_compact: command.op = CompactRequest{{in.varint()}}; break;
        case kind_record: command.op = read_record_change(in); break;
        case kind_lease_grant: command.op = read_lease_grant(in); break;
        case kind_lease_revoke: command.op = read_lease_revoke(in); break;
        case kind_lease_expiry: command.op = read_lease_expiry(in); break;
        default: in.fail();
    }
    return command;
}

// Has the command an operation of this kind, in any branch, that is such?
template <class Op>
using IsSuch = bool(const Op& op);
bool has_content_type(const PutRequest& put) { return !put.content_type.empty(); }
bool has_lease(const PutRequest& put) { return put.lease.value != 0; }
bool is_sequential(const PutRequest& put) { return put.sequential; }
bool is_any(const ClaimRequest&) { return true; }

template <class Op>
bool any_op(const TxnRequest& txn, IsSuch<Op>& is_such) {
    const auto one = [&](const TxnOp& item) {
        if (const auto* op = std::get_if<Op>(&item.op)) return is_such(*op);
        const auto* nested = std::get_if<TxnRequest>(&item.op);
        return nested != nullptr && any_op(*nested, is_such);
    };
    return std::any_of(txn.then_ops.begin(), txn.then_ops.end(), one) ||
           std::any_of(txn.else_ops.begin(), txn.else_ops.end(), one);
}

bool any_put(const Command& command, IsSuch<PutRequest>& is_such) {
    if (const auto* put = std::get_if<PutRequest>(&command.op)) return is_such(*put);
    const auto* txn = std::get_if<TxnRequest>(&command.op);
    return txn != nullptr && any_op(*txn, is_such);
}

bool is_about_queues(const Command& command) {
    const auto* txn = std::get_if<TxnRequest>(&command.op);
    return any_put(command, is_sequential) || (txn != nullptr && any_op<ClaimRequest>(*txn, is_any));
}

bool is_about_leases(const Command& command) {
    return std::holds_alternative<LeaseGrantRequest>(command.op) || std::holds_alternative<LeaseRevoke>(command.op) ||
           std::holds_alternative<LeaseExpiry>(command.op) || (!command.names_any_lease && any_put(command, has_lease));
}

}  // namespace

uint8_t format_of(const Command& command) {
    if (is_about_queues(command)) return 8;
    if (is_about_leases(command)) return entry_format_leases;
    if (!command.labels.empty()) return 6;
    if (any_put(command, has_content_type)) return 4;
    if (const auto* change = std::get_if<RecordChangeRequest>(&command.op)) {
        // Who does not keep quotas must not apply what sets one.
        const auto quota = protocol::quota_of(change->name, change->content);
        return quota.ok() && quota->has_value() ? 5 : 3;
    }
    return command.ticket.session != 0 ? 2 : 1;
}

void EntryBuilder::add(const Command& command) {
    if (body_.empty()) body_.assign(header_bytes, '\0');
    Writer out(body_);
    const bool has_ticket = command.ticket.session != 0;
    const bool has_labels = !command.labels.empty();
    format_ = std::max(format_, format_of(command));
    std::visit(
        [&](const auto& op) {
            out.u8(static_cast<uint8_t>(kind_of(op) | (has_ticket ? flag_ticket : 0) | (has_labels ? flag_labels : 0)));
            if (has_ticket) write(out, command.ticket);
            out.bytes(command.author);
            out.bytes(command.comment);
            if (has_labels) write_labels(out, command.labels);
            write(out, op);
        },
        command.op);
    ++count_;
}

Bytes EntryBuilder::take(uint64_t time_ms) {
    Bytes header;
    Writer out(header);
    out.u8(std::exchange(format_, uint8_t{1}));
    out.u64(time_ms);
    out.u32(count_);
    if (body_.empty()) body_.assign(header_bytes, '\0');
    body_.replace(0, header_bytes, header);
    count_ = 0;
    return std::exchange(body_, Bytes());
}

Result<CommandEntry> decode_entry(BytesView payload) {
    Reader in(payload);
    const uint8_t format = in.u8();
    if (in.ok() && format > entry_format) {
        return Error{Code::incompatible, "log entry of format " + std::to_string(format) + "; this hub reads up to " +
                                             std::to_string(entry_format) + ": run a newer one"};
    }
    if (format == 0) in.fail();
    CommandEntry entry;
    entry.time_ms = in.u64();
    const uint32_t count = in.u32();
    if (count > in.remaining()) in.fail();
    if (in.ok()) entry.commands.reserve(std::min<size_t>(count, in.remaining() / 4));
    uint8_t needed = 1;
    for (uint32_t i = 0; i < count && in.ok(); ++i) {
        entry.commands.push_back(read_command(in));
        entry.commands.back().names_any_lease = format < entry_format_leases;
        needed = std::max(needed, format_of(entry.commands.back()));
    }
    if (needed != format) in.fail();
    if (in.ok() && !in.at_end()) in.fail();
    if (!in.ok()) return Error{Code::corrupt, "log entry: not understood at octet " + std::to_string(in.offset())};
    return entry;
}

}  // namespace belfry::hub::log
