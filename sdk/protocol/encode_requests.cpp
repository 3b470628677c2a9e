#include "sdk/protocol/codec.hpp"
#include "sdk/protocol/encode_parts.hpp"

namespace belfry::protocol {
namespace {

using wire::Opcode;

// ---- opcode, then the arguments as an array ----

void write(Writer& writer, const KeyRange& range) {
    writer.bytes(range.begin);
    writer.bytes(range.end);
}

void write(Writer& writer, const FilterSpec& filter) {
    writer.text(filter.kind);
    writer.bytes(filter.spec);
}

void write(Writer& writer, const RangeRequest& op) {
    write_op(writer, Opcode::range);
    writer.array(10);
    write(writer, op.range);
    writer.number(op.limit);
    writer.number(op.at);
    writer.number(op.min_revision);
    writer.number(static_cast<uint64_t>(op.sort_target));
    writer.number(static_cast<uint64_t>(op.sort_order));
    writer.flag(op.keys_only);
    writer.flag(op.count_only);
    writer.flag(op.local);
}

void write(Writer& writer, const PutRequest& op) {
    write_op(writer, Opcode::put);
    const bool has_type = op.sequential || !op.content_type.empty();
    writer.array(op.sequential ? 6 : has_type ? 5 : 4);  // hubs before content types know four
    writer.bytes(op.key);
    writer.bytes(op.value);
    writer.number(op.lease.value);
    writer.flag(op.previous);
    if (has_type) writer.text(op.content_type);
    if (op.sequential) writer.flag(op.sequential);
}

void write(Writer& writer, const DeleteRequest& op) {
    write_op(writer, Opcode::erase);
    writer.array(3);
    write(writer, op.range);
    writer.flag(op.previous);
}

void write(Writer& writer, const ClaimRequest& op) {
    write_op(writer, Opcode::claim);
    writer.array(5);
    writer.bytes(op.items);
    writer.bytes(op.claims);
    writer.number(op.lease.value);
    writer.number(op.claimant);
    writer.number(op.limit);
}

void write(Writer& writer, const Compare& compare) {
    writer.array(6);
    write(writer, compare.range);
    writer.number(static_cast<uint64_t>(compare.target));
    writer.number(static_cast<uint64_t>(compare.op));
    writer.number(compare.number);
    writer.bytes(compare.value);
}

void write(Writer& writer, const TxnRequest& op);

void write(Writer& writer, const std::vector<TxnOp>& ops) {
    writer.array(ops.size());
    for (const TxnOp& op : ops) {
        writer.array(2);
        std::visit([&](const auto& inner) { write(writer, inner); }, op.op);
    }
}

void write(Writer& writer, const TxnRequest& op) {
    write_op(writer, Opcode::txn);
    writer.array(3);
    writer.array(op.compares.size());
    for (const Compare& compare : op.compares) write(writer, compare);
    write(writer, op.then_ops);
    write(writer, op.else_ops);
}

void write(Writer& writer, const CompactRequest& op) {
    write_op(writer, Opcode::compact);
    writer.array(1);
    writer.number(op.revision);
}

void write(Writer& writer, const HistoryRequest& op) {
    write_op(writer, Opcode::history);
    writer.array(3);
    writer.bytes(op.key);
    writer.number(op.limit);
    writer.number(op.before);
}

void write(Writer& writer, const ChangesRequest& op) {
    write_op(writer, Opcode::changes);
    writer.array(op.wait_ms == 0 ? 5 : 6);  // older hubs know five
    write(writer, op.filter);
    writer.number(op.from);
    writer.number(op.to);
    writer.number(op.limit_bytes);
    if (op.wait_ms > 0) writer.number(op.wait_ms);
}

void write(Writer& writer, const SnapshotRequest& op) {
    write_op(writer, Opcode::snapshot);
    writer.array(5);
    write(writer, op.filter);
    writer.number(op.at);
    writer.bytes(op.after_key);
    writer.number(op.limit_bytes);
}

void write(Writer& writer, const ChannelRequest& op) {
    write_op(writer, Opcode::channel);
    writer.array(2);
    write(writer, op.filter);
}

void write(Writer& writer, const DigestRequest& op) {
    write_op(writer, Opcode::digest);
    writer.array(3);
    write(writer, op.filter);
    writer.number(op.at);
}

void write(Writer& writer, const MembersRequest&) {
    write_op(writer, Opcode::members);
    writer.array(0);
}

void write(Writer& writer, const MemberChangeRequest& op) {
    write_op(writer, Opcode::member_change);
    writer.array(3);
    writer.number(static_cast<uint64_t>(op.kind));
    writer.number(op.id);
    writer.text(op.address);
}

void write(Writer& writer, const LeaderTransferRequest& op) {
    write_op(writer, Opcode::leader_transfer);
    writer.array(1);
    writer.number(op.id);
}

void write(Writer& writer, const BackupRequest& op) {
    write_op(writer, Opcode::backup);
    writer.array(3);
    writer.number(op.index);
    writer.number(op.offset);
    writer.number(op.at_least);
}

void write(Writer& writer, const RecordChangeRequest& op) {
    write_op(writer, Opcode::record_change);
    writer.array(4);
    writer.bytes(op.name);
    writer.flag(op.remove);
    writer.bytes(op.content);
    writer.array(op.expected ? 1 : 0);
    if (op.expected) writer.number(*op.expected);
}

void write(Writer& writer, const RecordsRequest& op) {
    write_op(writer, Opcode::records);
    writer.array(2);
    writer.bytes(op.prefix);
    writer.bytes(op.after);
}

void write(Writer& writer, const PluginsRequest&) {
    write_op(writer, Opcode::plugins);
    writer.array(0);
}

void write(Writer& writer, const AuthenticateRequest& op) {
    write_op(writer, Opcode::authenticate);
    writer.array(3);
    writer.bytes(op.name);
    writer.bytes(op.password);
    writer.number(op.valid_ms);
}

void write(Writer& writer, const LeaseGrantRequest& op) {
    write_op(writer, Opcode::lease_grant);
    writer.array(2);
    writer.number(op.lease.value);
    writer.number(op.ttl_s);
}

void write(Writer& writer, const LeaseRevokeRequest& op) {
    write_op(writer, Opcode::lease_revoke);
    writer.array(1);
    writer.number(op.lease.value);
}

void write(Writer& writer, const LeaseKeepAliveRequest& op) {
    write_op(writer, Opcode::lease_keep_alive);
    writer.array(1);
    writer.array(op.leases.size());
    for (const LeaseId lease : op.leases) writer.number(lease.value);
}

void write(Writer& writer, const LeaseTimeToLiveRequest& op) {
    write_op(writer, Opcode::lease_time_to_live);
    writer.array(3);
    writer.number(op.lease.value);
    writer.flag(op.keys);
    writer.bytes(op.after);
}

void write(Writer& writer, const LeasesRequest& op) {
    write_op(writer, Opcode::leases);
    writer.array(1);
    writer.number(op.after.value);
}

void write(Writer& writer, const StatusRequest&) {
    write_op(writer, Opcode::status);
    writer.array(0);
}

void write(Writer& writer, const Ticket& ticket) {
    writer.array(3);
    writer.number(ticket.session);
    writer.number(ticket.sequence);
    writer.number(ticket.acknowledged);
}

}  // namespace

Bytes encode_requests(std::span<const Request> requests, BytesView credential) {
    Bytes out;
    size_t size = wire::frame_head_bytes + credential.size() + 8;
    for (const Request& request : requests) size += approximate_bytes(request);
    out.reserve(size);
    begin_frame(out);
    set_count(out, requests.size());
    Writer writer(out);
    for (const Request& request : requests) {
        const bool numbered = request.ticket.session != 0;
        const bool labelled = !request.labels.empty();
        writer.array(labelled ? 7 : numbered || request.dry_run ? 6 : 5);
        writer.number(request.id);
        writer.bytes(request.author);
        writer.bytes(request.comment);
        std::visit([&](const auto& op) { write(writer, op); }, request.op);
        if (numbered) {
            write(writer, request.ticket);
        } else if (labelled || request.dry_run) {
            writer.flag(request.dry_run);
        }
        if (labelled) write(writer, request.labels);
    }
    if (!credential.empty()) {
        out[0] = '\x93';
        writer.bytes(credential);
    }
    return out;
}

}  // namespace belfry::protocol
