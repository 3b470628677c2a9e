#include "sdk/protocol/codec.hpp"
#include "sdk/protocol/encode_parts.hpp"

namespace belfry::protocol {
namespace {

using wire::Opcode;

// ---- opcode, then the results as an array ----

void write(Writer& writer, const RangeReply& reply) {
    write_op(writer, Opcode::range);
    writer.array(3);
    writer.key_values(reply.kvs);
    writer.number(reply.count);
    writer.flag(reply.more);
}

void write(Writer& writer, const PutReply& reply) {
    write_op(writer, Opcode::put);
    writer.array(reply.key.empty() ? 1 : 2);
    writer.optional_key_value(reply.previous);
    if (!reply.key.empty()) writer.bytes(reply.key);
}

void write(Writer& writer, const DeleteReply& reply) {
    write_op(writer, Opcode::erase);
    writer.array(2);
    writer.number(reply.deleted);
    writer.key_values(reply.previous);
}

void write(Writer& writer, const ClaimReply& reply) {
    write_op(writer, Opcode::claim);
    writer.array(3);
    writer.array(reply.items.size());
    for (const ClaimedItem& claimed : reply.items) {
        writer.array(2);
        writer.key_value(claimed.item);
        writer.number(claimed.attempts);
    }
    writer.flag(reply.more);
    writer.number(reply.held);
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

void write(Writer& writer, const LeaseGrantReply& reply) {
    write_op(writer, Opcode::lease_grant);
    writer.array(2);
    writer.number(reply.lease.value);
    writer.number(reply.ttl_s);
}

void write(Writer& writer, const LeaseRevokeReply& reply) {
    write_op(writer, Opcode::lease_revoke);
    writer.array(2);
    writer.number(reply.deleted);
    writer.flag(reply.more);
}

void write(Writer& writer, const LeaseKeepAliveReply& reply) {
    write_op(writer, Opcode::lease_keep_alive);
    writer.array(1);
    writer.array(reply.ttl_s.size());
    for (const uint64_t ttl_s : reply.ttl_s) writer.number(ttl_s);
}

void write(Writer& writer, const LeaseFacts& facts) {
    writer.array(4);
    writer.number(facts.lease.value);
    writer.number(facts.ttl_s);
    writer.number(facts.remaining_ms);
    writer.bytes(facts.owner);
}

void write(Writer& writer, const LeaseTimeToLiveReply& reply) {
    write_op(writer, Opcode::lease_time_to_live);
    writer.array(3);
    write(writer, reply.facts);
    writer.array(reply.keys.size());
    for (const Bytes& key : reply.keys) writer.bytes(key);
    writer.flag(reply.more);
}

void write(Writer& writer, const LeasesReply& reply) {
    write_op(writer, Opcode::leases);
    writer.array(2);
    writer.array(reply.leases.size());
    for (const LeaseFacts& facts : reply.leases) write(writer, facts);
    writer.flag(reply.more);
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

}  // namespace

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
