#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"
#include "sdk/protocol/decode_parts.hpp"
#include "sdk/protocol/wire.hpp"

namespace belfry::protocol {
namespace {

using wire::Opcode;

// A hub must not carry out a request of which it understands only a part: the number of arguments is exact.
void arguments(Reader& reader, size_t size) { reader.array("arguments", size, size); }

KeyRange read_range(Reader& reader) {
    KeyRange range;
    range.begin = reader.bytes("range begin");
    range.end = reader.bytes("range end");
    return range;
}

FilterSpec read_filter(Reader& reader) {
    FilterSpec filter;
    filter.kind = reader.bytes("filter kind");
    filter.spec = reader.bytes("filter spec");
    return filter;
}

RangeRequest read_range_request(Reader& reader) {
    arguments(reader, 10);
    RangeRequest op;
    op.range = read_range(reader);
    op.limit = reader.number("limit");
    op.at = read_revision(reader, "at");
    op.min_revision = read_revision(reader, "min revision");
    op.sort_target = static_cast<SortTarget>(reader.number("sort target", 4));
    op.sort_order = static_cast<SortOrder>(reader.number("sort order", 1));
    op.keys_only = reader.flag("keys only");
    op.count_only = reader.flag("count only");
    op.local = reader.flag("local");
    return op;
}

PutRequest read_put(Reader& reader) {
    const size_t size = reader.array("arguments", 4, 6);
    PutRequest op;
    op.key = reader.bytes("key");
    op.value = reader.bytes("value");
    op.lease = {reader.number("lease")};
    op.previous = reader.flag("previous");
    if (size > 4) op.content_type = reader.bytes("content type");
    if (size > 5) op.sequential = reader.flag("sequential");
    return op;
}

DeleteRequest read_delete(Reader& reader) {
    arguments(reader, 3);
    DeleteRequest op;
    op.range = read_range(reader);
    op.previous = reader.flag("previous");
    return op;
}

ClaimRequest read_claim(Reader& reader) {
    arguments(reader, 5);
    ClaimRequest op;
    op.items = reader.bytes("items");
    op.claims = reader.bytes("claims");
    op.lease = {reader.number("lease")};
    op.claimant = reader.number("claimant");
    op.limit = reader.number("limit");
    return op;
}

Compare read_compare(Reader& reader) {
    reader.array("compare", 6, 6);
    Compare compare;
    compare.range = read_range(reader);
    compare.target = static_cast<Compare::Target>(reader.number("compare target", 4));
    compare.op = static_cast<Compare::Op>(reader.number("compare operator", 3));
    compare.number = reader.number("compare number");
    compare.value = reader.bytes("compare value");
    return compare;
}

TxnRequest read_txn(Reader& reader, size_t depth);

TxnOp read_txn_op(Reader& reader, size_t depth) {
    reader.array("operation", 2, 2);
    const uint64_t opcode = reader.number("operation's opcode");
    switch (static_cast<Opcode>(opcode)) {
        case Opcode::range: return {read_range_request(reader)};
        case Opcode::put: return {read_put(reader)};
        case Opcode::erase: return {read_delete(reader)};
        case Opcode::txn: return {read_txn(reader, depth + 1)};
        case Opcode::claim: return {read_claim(reader)};
        default: reader.fail("operation", "a range, put, delete, claim or transaction"); return {};
    }
}

std::vector<TxnOp> read_ops(Reader& reader, const char* what, size_t depth) {
    const size_t size = reader.array(what, 0, limits::txn_ops_max);
    std::vector<TxnOp> ops;
    ops.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) ops.push_back(read_txn_op(reader, depth));
    return ops;
}

TxnRequest read_txn(Reader& reader, size_t depth) {
    TxnRequest op;
    if (depth > limits::txn_depth_max) {
        reader.fail_with(Code::too_large, "transactions are nested deeper than " + std::to_string(limits::txn_depth_max));
        return op;
    }
    arguments(reader, 3);
    const size_t compares = reader.array("compares", 0, limits::txn_ops_max);
    op.compares.reserve(std::min(compares, reserved_max));
    for (size_t i = 0; i < compares && reader.ok(); ++i) op.compares.push_back(read_compare(reader));
    op.then_ops = read_ops(reader, "then operations", depth);
    op.else_ops = read_ops(reader, "else operations", depth);
    return op;
}

CompactRequest read_compact(Reader& reader) {
    arguments(reader, 1);
    return {read_revision(reader, "revision")};
}

HistoryRequest read_history(Reader& reader) {
    arguments(reader, 3);
    HistoryRequest op;
    op.key = reader.bytes("key");
    op.limit = reader.number("limit");
    op.before = read_revision(reader, "before");
    return op;
}

ChangesRequest read_changes(Reader& reader) {
    const size_t given = reader.array("arguments", 5, 6);
    ChangesRequest op;
    op.filter = read_filter(reader);
    op.from = read_revision(reader, "from");
    op.to = read_revision(reader, "to");
    op.limit_bytes = reader.number("limit");
    if (given > 5) op.wait_ms = reader.number("wait");
    return op;
}

SnapshotRequest read_snapshot(Reader& reader) {
    arguments(reader, 5);
    SnapshotRequest op;
    op.filter = read_filter(reader);
    op.at = read_revision(reader, "at");
    op.after_key = reader.bytes("after key");
    op.limit_bytes = reader.number("limit");
    return op;
}

ChannelRequest read_channel(Reader& reader) {
    arguments(reader, 2);
    return {read_filter(reader)};
}

DigestRequest read_digest(Reader& reader) {
    arguments(reader, 3);
    DigestRequest op;
    op.filter = read_filter(reader);
    op.at = read_revision(reader, "at");
    return op;
}

StatusRequest read_status(Reader& reader) {
    arguments(reader, 0);
    return {};
}

MembersRequest read_members(Reader& reader) {
    arguments(reader, 0);
    return {};
}

MemberChangeRequest read_member_change(Reader& reader) {
    arguments(reader, 3);
    MemberChangeRequest op;
    op.kind = static_cast<MemberChangeRequest::Kind>(reader.number("kind", 2));
    op.id = reader.number("member");
    op.address = reader.bytes("address");
    return op;
}

LeaderTransferRequest read_leader_transfer(Reader& reader) {
    arguments(reader, 1);
    return {reader.number("member")};
}

BackupRequest read_backup(Reader& reader) {
    arguments(reader, 3);
    BackupRequest op;
    op.index = reader.number("index");
    op.offset = reader.number("offset");
    op.at_least = reader.number("at least");
    return op;
}

RecordChangeRequest read_record_change(Reader& reader) {
    arguments(reader, 4);
    RecordChangeRequest op;
    op.name = reader.bytes("name");
    op.remove = reader.flag("remove");
    op.content = reader.bytes("content");
    if (reader.array("expected", 0, 1) == 1) op.expected = reader.number("expected version");
    return op;
}

RecordsRequest read_records(Reader& reader) {
    arguments(reader, 2);
    RecordsRequest op;
    op.prefix = reader.bytes("prefix");
    op.after = reader.bytes("after");
    return op;
}

PluginsRequest read_plugins(Reader& reader) {
    arguments(reader, 0);
    return {};
}

AuthenticateRequest read_authenticate(Reader& reader) {
    arguments(reader, 3);
    AuthenticateRequest op;
    op.name = reader.bytes("name");
    op.password = reader.bytes("password");
    op.valid_ms = reader.number("valid");
    return op;
}

LeaseGrantRequest read_lease_grant(Reader& reader) {
    arguments(reader, 2);
    LeaseGrantRequest op;
    op.lease = {reader.number("lease")};
    op.ttl_s = reader.number("time to live");
    return op;
}

LeaseRevokeRequest read_lease_revoke(Reader& reader) {
    arguments(reader, 1);
    return {{reader.number("lease")}};
}

LeaseKeepAliveRequest read_lease_keep_alive(Reader& reader) {
    arguments(reader, 1);
    LeaseKeepAliveRequest op;
    const size_t size = reader.array("leases", 1, limits::leases_kept_alive_max);
    for (size_t i = 0; i < size && reader.ok(); ++i) op.leases.push_back({reader.number("lease")});
    return op;
}

LeaseTimeToLiveRequest read_lease_time_to_live(Reader& reader) {
    arguments(reader, 3);
    LeaseTimeToLiveRequest op;
    op.lease = {reader.number("lease")};
    op.keys = reader.flag("keys");
    op.after = reader.bytes("after");
    return op;
}

LeasesRequest read_leases(Reader& reader) {
    arguments(reader, 1);
    return {{reader.number("after")}};
}

RequestOp read_op(Reader& reader) {
    const uint64_t opcode = reader.number("opcode");
    switch (opcode <= 0xff ? static_cast<Opcode>(opcode) : Opcode::error) {
        case Opcode::range: return read_range_request(reader);
        case Opcode::put: return read_put(reader);
        case Opcode::erase: return read_delete(reader);
        case Opcode::txn: return read_txn(reader, 1);
        case Opcode::compact: return read_compact(reader);
        case Opcode::history: return read_history(reader);
        case Opcode::changes: return read_changes(reader);
        case Opcode::snapshot: return read_snapshot(reader);
        case Opcode::channel: return read_channel(reader);
        case Opcode::digest: return read_digest(reader);
        case Opcode::status: return read_status(reader);
        case Opcode::members: return read_members(reader);
        case Opcode::member_change: return read_member_change(reader);
        case Opcode::leader_transfer: return read_leader_transfer(reader);
        case Opcode::backup: return read_backup(reader);
        case Opcode::record_change: return read_record_change(reader);
        case Opcode::records: return read_records(reader);
        case Opcode::plugins: return read_plugins(reader);
        case Opcode::authenticate: return read_authenticate(reader);
        case Opcode::lease_grant: return read_lease_grant(reader);
        case Opcode::lease_revoke: return read_lease_revoke(reader);
        case Opcode::lease_keep_alive: return read_lease_keep_alive(reader);
        case Opcode::lease_time_to_live: return read_lease_time_to_live(reader);
        case Opcode::leases: return read_leases(reader);
        case Opcode::claim:
        case Opcode::error: break;
    }
    reader.fail_with(Code::unsupported, "opcode " + std::to_string(opcode) + " is not one this hub knows");
    return StatusRequest{};
}

Ticket read_ticket(Reader& reader) {
    reader.array("ticket", 3, 3);
    Ticket ticket;
    ticket.session = reader.number("session");
    ticket.sequence = reader.number("sequence");
    ticket.acknowledged = reader.number("acknowledged");
    return ticket;
}

Request read_request(Reader& reader) {
    const size_t fields = reader.array("request", 5, 7);
    Request request;
    request.id = reader.number("id");
    request.author = reader.bytes("author");
    request.comment = reader.bytes("comment");
    request.op = read_op(reader);
    if (fields < 6) return request;
    if (reader.next_is_flag()) {
        request.dry_run = reader.flag("dry run");
    } else {
        request.ticket = read_ticket(reader);
    }
    if (fields > 6) request.labels = read_labels(reader, 1, limits::labels_max);
    return request;
}

}  // namespace

Result<std::vector<Request>> decode_requests(BytesView frame) {
    auto decoded = decode_request_frame(frame);
    if (!decoded) return std::move(decoded).error();
    return std::move(decoded->requests);
}

Result<RequestFrame> decode_request_frame(BytesView frame) {
    if (frame.size() > limits::frame_bytes_max) {
        return Error{Code::too_large, "a frame of requests has " + std::to_string(frame.size()) + " octets; at most " +
                                          std::to_string(limits::frame_bytes_max) + " allowed"};
    }
    TokenBuffer tokens;
    if (Status status = tokenize(frame, tokens.get()); !status) return std::move(status).error();
    Reader reader(tokens.get(), Code::invalid_argument);
    const size_t fields = reader.array("frame", 2);
    if (!read_version(reader)) return reader.error();
    const size_t size = reader.array("requests", 0, limits::frame_requests_max);
    RequestFrame decoded;
    std::vector<Request>& requests = decoded.requests;
    requests.reserve(std::min(size, frame.size() / 16 + 1));
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        reader.enter("request", i);
        requests.push_back(read_request(reader));
    }
    if (fields > 2 && reader.ok()) decoded.credential = reader.bytes("credential");
    if (!reader.ok()) return reader.error();
    if (decoded.credential.size() > limits::credential_bytes_max) {
        return Error{Code::too_large,
                     "the frame's credential has more than " + std::to_string(limits::credential_bytes_max) + " octets"};
    }
    return decoded;
}

std::vector<uint64_t> salvage_request_ids(BytesView frame) {
    std::vector<uint64_t> ids;
    TokenBuffer tokens;
    (void)tokenize(frame.substr(0, limits::frame_bytes_max), tokens.get());
    Reader reader(tokens.get(), Code::invalid_argument);
    reader.array("frame", 2);
    reader.number("version");
    const size_t size = reader.array("requests", 0);
    for (size_t i = 0; i < size && ids.size() < limits::frame_requests_max; ++i) {
        const size_t fields = reader.array("request", 1);
        const uint64_t id = reader.number("id");
        if (!reader.ok()) break;
        ids.push_back(id);
        reader.skip(fields - 1);
    }
    return ids;
}

}  // namespace belfry::protocol
