#include "sdk/protocol/codec.hpp"
#include "sdk/protocol/wire.hpp"
#include "sdk/protocol/writer.hpp"

namespace belfry::protocol {
namespace {

using wire::Opcode;

void write_op(Writer& writer, Opcode opcode) { writer.number(static_cast<uint64_t>(opcode)); }

void write(Writer& writer, const KeyRange& range) {
    writer.bytes(range.begin);
    writer.bytes(range.end);
}

void write(Writer& writer, const FilterSpec& filter) {
    writer.text(filter.kind);
    writer.bytes(filter.spec);
}

// ---- requests: opcode, then the arguments as an array ----

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
    writer.array(op.content_type.empty() ? 4 : 5);  // hubs before content types know four
    writer.bytes(op.key);
    writer.bytes(op.value);
    writer.number(op.lease.value);
    writer.flag(op.previous);
    if (!op.content_type.empty()) writer.text(op.content_type);
}

void write(Writer& writer, const DeleteRequest& op) {
    write_op(writer, Opcode::erase);
    writer.array(3);
    write(writer, op.range);
    writer.flag(op.previous);
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

void write(Writer& writer, const StatusRequest&) {
    write_op(writer, Opcode::status);
    writer.array(0);
}

void write(Writer& writer, const Labels& labels) {
    writer.array(labels.size());
    for (const Bytes& label : labels) writer.bytes(label);
}

void write(Writer& writer, const Ticket& ticket) {
    writer.array(3);
    writer.number(ticket.session);
    writer.number(ticket.sequence);
    writer.number(ticket.acknowledged);
}

// ---- replies: opcode, then the results as an array ----

void write(Writer& writer, const RangeReply& reply) {
    write_op(writer, Opcode::range);
    writer.array(3);
    writer.key_values(reply.kvs);
    writer.number(reply.count);
    writer.flag(reply.more);
}

void write(Writer& writer, const PutReply& reply) {
    write_op(writer, Opcode::put);
    writer.array(1);
    writer.optional_key_value(reply.previous);
}

void write(Writer& writer, const DeleteReply& reply) {
    write_op(writer, Opcode::erase);
    writer.array(2);
    writer.number(reply.deleted);
    writer.key_values(reply.previous);
}

void write(Writer& writer, const TxnReply& reply) {
    write_op(writer, Opcode::txn);
    writer.array(2);
    writer.flag(reply.succeeded);
    writer.array(reply.replies.size());
    for (const TxnOpReply& inner : reply.replies) {
        writer.array(2);
        std::visit([&](const auto& result) { write(writer, result); }, inner.reply);
    }
}

void write(Writer& writer, const CompactReply&) {
    write_op(writer, Opcode::compact);
    writer.array(0);
}

void write(Writer& writer, const HistoryReply& reply) {
    write_op(writer, Opcode::history);
    writer.array(3);
    writer.array(reply.versions.size());
    for (const HistoryVersion& version : reply.versions) {
        writer.array(version.labels.empty() ? 5 : 6);
        writer.number(static_cast<uint64_t>(version.type));
        writer.key_value(version.kv);
        writer.number(version.time_ms);
        writer.bytes(version.author);
        writer.bytes(version.comment);
        if (!version.labels.empty()) write(writer, version.labels);
    }
    writer.flag(reply.more);
    writer.flag(reply.compacted);
}

void write_change_set(Writer& writer, const ChangeSet& change) {
    writer.array(change.labels.empty() ? 5 : 6);
    writer.number(change.revision);
    writer.number(change.time_ms);
    writer.bytes(change.author);
    writer.bytes(change.comment);
    writer.array(change.events.size());
    for (const Event& event : change.events) {
        const bool is_put = event.type == EventType::put;
        writer.array(is_put ? 1 + Writer::key_value_size(event.kv) : 3);
        writer.number(static_cast<uint64_t>(event.type));
        if (is_put) {
            writer.key_value_fields(event.kv);
        } else {
            writer.bytes(event.kv.key);
            writer.number(event.kv.mod_revision);
        }
    }
    if (!change.labels.empty()) write(writer, change.labels);
}

void write_after_from(Writer& writer, const ChangesReply& reply) {
    writer.number(reply.to);
    writer.array(reply.changes.size());
    for (const ChangeSet& change : reply.changes) write_change_set(writer, change);
    writer.flag(reply.more);
    writer.number(reply.epoch);
}

void write_until_from(Writer& writer, Revision from) {
    write_op(writer, Opcode::changes);
    writer.array(5);
    writer.number(from);
}

void write(Writer& writer, const ChangesReply& reply) {
    write_until_from(writer, reply.from);
    write_after_from(writer, reply);
}

void write(Writer& writer, const SnapshotReply& reply) {
    write_op(writer, Opcode::snapshot);
    writer.array(5);
    writer.number(reply.at);
    writer.key_values(reply.kvs);
    writer.flag(reply.more);
    writer.bytes(reply.after_key);
    writer.number(reply.epoch);
}

void write(Writer& writer, const ChannelReply& reply) {
    write_op(writer, Opcode::channel);
    writer.array(6);
    writer.number(reply.channel.value);
    writer.number(reply.from);
    writer.number(reply.incarnation);
    writer.number(reply.mark_sequence);
    writer.flag(reply.exact);
    writer.flag(reply.stream);
}

void write(Writer& writer, const DigestReply& reply) {
    write_op(writer, Opcode::digest);
    writer.array(3);
    writer.number(reply.at);
    writer.number(reply.digest);
    writer.number(reply.count);
}

void write(Writer& writer, const StatusReply& reply) {
    write_op(writer, Opcode::status);
    writer.array(1);
    writer.array(reply.figures.size());
    for (const auto& [name, figure] : reply.figures) {
        writer.array(2);
        writer.text(name);
        if (const auto* number = std::get_if<uint64_t>(&figure)) {
            writer.number(*number);
        } else {
            writer.text(*std::get_if<std::string>(&figure));
        }
    }
}

void write(Writer& writer, const MembersReply& reply) {
    write_op(writer, Opcode::members);
    writer.array(5);
    writer.number(reply.cluster);
    writer.number(reply.leader);
    writer.number(reply.term);
    writer.number(reply.last);
    writer.array(reply.members.size());
    for (const MemberFacts& member : reply.members) {
        writer.array(4);
        writer.number(member.id);
        writer.text(member.address);
        writer.flag(member.votes);
        writer.number(member.match);
    }
}

void write(Writer& writer, const BackupReply& reply) {
    write_op(writer, Opcode::backup);
    writer.array(8);
    writer.number(reply.at_least);
    writer.number(reply.cluster);
    writer.number(reply.index);
    writer.number(reply.term);
    writer.number(reply.at);
    writer.text(reply.store);
    writer.number(reply.bytes);
    writer.bytes(reply.piece);
}

void write(Writer& writer, const RecordChangeReply& reply) {
    write_op(writer, Opcode::record_change);
    writer.array(1);
    writer.number(reply.version);
}

void write(Writer& writer, const RecordsReply& reply) {
    write_op(writer, Opcode::records);
    writer.array(2);
    writer.array(reply.records.size());
    for (const Record& record : reply.records) {
        writer.array(5);
        writer.bytes(record.name);
        writer.bytes(record.content);
        writer.number(record.version);
        writer.number(record.time_ms);
        writer.bytes(record.author);
    }
    writer.flag(reply.more);
}

void write(Writer& writer, const PluginsReply& reply) {
    write_op(writer, Opcode::plugins);
    writer.array(2);
    writer.number(reply.member);
    writer.array(reply.plugins.size());
    for (const PluginFacts& plugin : reply.plugins) {
        writer.array(6);
        for (const std::string* text : {&plugin.name, &plugin.version, &plugin.kind, &plugin.origin, &plugin.sha256})
            writer.text(*text);
        writer.flag(plugin.used);
    }
}

void write(Writer& writer, const AuthenticateReply& reply) {
    write_op(writer, Opcode::authenticate);
    writer.array(3);
    writer.bytes(reply.token);
    writer.number(reply.valid_ms);
    writer.bytes(reply.principal);
}

void write_reply_head(Writer& writer, uint64_t id, Revision revision) {
    writer.array(4);
    writer.number(id);
    writer.number(revision);
}

void write(Writer& writer, const Reply& reply) {
    write_reply_head(writer, reply.id, reply.revision);
    if (reply.error.code == Code::ok) {
        return std::visit([&](const auto& result) { write(writer, result); }, reply.result);
    }
    write_op(writer, Opcode::error);
    writer.array(2);
    writer.number(static_cast<uint64_t>(reply.error.code));
    writer.text(reply.error.detail);
}

// An array whose count is filled in when it is known: always in msgpack's longest form.
constexpr size_t open_array_bytes = 5;

size_t open_array(Bytes& out) {
    const size_t at = out.size();
    out.append("\xdd\0\0\0\0", open_array_bytes);
    return at;
}

void close_array(Bytes& out, size_t at, size_t count) {
    for (size_t octet = 0; octet < 4; ++octet) out[at + 4 - octet] = static_cast<char>(count >> (8 * octet));
}

void begin_frame(Bytes& out) {
    static_assert(protocol_version < 0x80);
    out += '\x92';
    out += static_cast<char>(protocol_version);
    open_array(out);
}

void set_count(Bytes& out, size_t count) { close_array(out, wire::frame_head_bytes - open_array_bytes, count); }

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

Bytes encode_replies(std::span<const Reply> replies) {
    ReplyFrame frame;
    for (const Reply& reply : replies) frame.add(reply);
    if (frame.empty()) {
        Bytes out;
        begin_frame(out);
        return out;
    }
    return frame.take();
}

void ReplyFrame::add(const Reply& reply) {
    if (count_++ == 0) begin_frame(body_);
    Writer writer(body_);
    write(writer, reply);
}

Bytes ReplyFrame::take() {
    if (count_ > 0) set_count(body_, count_);
    count_ = 0;
    Bytes frame;
    frame.swap(body_);
    return frame;
}

RangeFrame::RangeFrame(uint64_t request_id, Revision revision) {
    begin_frame(body_);
    set_count(body_, 1);
    Writer writer(body_);
    write_reply_head(writer, request_id, revision);
    write_op(writer, Opcode::range);
    writer.array(3);
    items_at_ = open_array(body_);
}

void RangeFrame::add(const Item& item) {
    if (items_++ == 0) body_.reserve(body_.size() + expected_ * Writer::key_value_bytes_max(item));
    Writer writer(body_);
    writer.key_value(item);
}

Bytes RangeFrame::take(uint64_t count, bool more) && {
    close_array(body_, items_at_, items_);
    Writer writer(body_);
    writer.number(count);
    writer.flag(more);
    return std::move(body_);
}

SharedChanges::SharedChanges(Revision revision, const ChangesReply& reply) : revision_(revision) {
    Writer writer(tail_);
    write_after_from(writer, reply);
}

Bytes SharedChanges::frame(uint64_t request_id, Revision from) const {
    constexpr size_t head_bytes_max = 64;
    Bytes out;
    out.reserve(head_bytes_max + tail_.size());
    begin_frame(out);
    set_count(out, 1);
    Writer writer(out);
    write_reply_head(writer, request_id, revision_);
    write_until_from(writer, from);
    out += tail_;
    return out;
}

void append_change_set(const ChangeSet& change, Bytes& out) {
    Writer writer(out);
    write_change_set(writer, change);
}

}  // namespace belfry::protocol
