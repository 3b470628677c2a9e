#include "sdk/base/limits.hpp"
#include "sdk/protocol/codec.hpp"
#include "sdk/protocol/decode_parts.hpp"
#include "sdk/protocol/wire.hpp"

namespace belfry::protocol {
namespace {

using wire::Opcode;

// A newer hub may answer with more than this build knows: elements at the end are passed over.
class Results {
public:
    Results(Reader& reader, size_t known) : reader_(reader), more_(reader.array("results", known)) {
        more_ = reader_.ok() ? more_ - known : 0;
    }
    ~Results() { reader_.skip(reader_.ok() ? more_ : 0); }
    // One more that a newer hub sends: true if it is there; it is then to be read.
    bool next() {
        if (!reader_.ok() || more_ == 0) return false;
        --more_;
        return true;
    }
    Results(const Results&) = delete;
    Results& operator=(const Results&) = delete;

private:
    Reader& reader_;
    size_t more_;
};

RangeReply read_range(Reader& reader) {
    const Results results(reader, 3);
    RangeReply reply;
    reply.kvs = read_key_values(reader, "keys");
    reply.count = reader.number("count");
    reply.more = reader.flag("more");
    return reply;
}

PutReply read_put(Reader& reader) {
    Results results(reader, 1);
    PutReply reply;
    if (!reader.take_nil()) reply.previous = read_key_value(reader);
    if (results.next()) reply.key = reader.bytes("key");
    return reply;
}

DeleteReply read_delete(Reader& reader) {
    const Results results(reader, 2);
    DeleteReply reply;
    reply.deleted = reader.number("deleted");
    reply.previous = read_key_values(reader, "previous");
    return reply;
}

ClaimReply read_claim(Reader& reader) {
    const Results results(reader, 3);
    ClaimReply reply;
    const size_t size = reader.array("items", 0);
    reply.items.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        const size_t fields = reader.array("item", 2);
        ClaimedItem claimed;
        claimed.item = read_key_value(reader);
        claimed.attempts = reader.number("attempts");
        reader.skip(reader.ok() ? fields - 2 : 0);
        reply.items.push_back(std::move(claimed));
    }
    reply.more = reader.flag("more");
    reply.held = reader.number("held");
    return reply;
}

TxnReply read_txn(Reader& reader, size_t depth);

TxnOpReply read_txn_op(Reader& reader, size_t depth) {
    const size_t size = reader.array("operation's reply", 2);
    const uint64_t opcode = reader.number("operation's opcode");
    TxnOpReply reply;
    switch (opcode <= 0xff ? static_cast<Opcode>(opcode) : Opcode::error) {
        case Opcode::range: reply.reply = read_range(reader); break;
        case Opcode::put: reply.reply = read_put(reader); break;
        case Opcode::erase: reply.reply = read_delete(reader); break;
        case Opcode::txn: reply.reply = read_txn(reader, depth + 1); break;
        case Opcode::claim: reply.reply = read_claim(reader); break;
        default: reader.fail("operation's reply", "that of a range, put, delete, claim or transaction");
    }
    reader.skip(reader.ok() ? size - 2 : 0);
    return reply;
}

TxnReply read_txn(Reader& reader, size_t depth) {
    TxnReply reply;
    if (depth > limits::txn_depth_max) return reader.fail("transaction", "nested less deep"), reply;
    const Results results(reader, 2);
    reply.succeeded = reader.flag("succeeded");
    const size_t size = reader.array("operations' replies", 0, limits::txn_ops_max);
    reply.replies.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) reply.replies.push_back(read_txn_op(reader, depth));
    return reply;
}

HistoryReply read_history(Reader& reader) {
    const Results results(reader, 3);
    HistoryReply reply;
    const size_t size = reader.array("versions", 0);
    reply.versions.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        const size_t fields = reader.array("version", 5);
        HistoryVersion version;
        version.type = static_cast<EventType>(reader.number("event type", 1));
        version.kv = read_key_value(reader);
        version.time_ms = reader.number("time");
        version.author = reader.bytes("author");
        version.comment = reader.bytes("comment");
        if (reader.ok() && fields > 5) version.labels = read_labels(reader, 0, SIZE_MAX);
        reader.skip(reader.ok() && fields > 6 ? fields - 6 : 0);
        reply.versions.push_back(std::move(version));
    }
    reply.more = reader.flag("more");
    reply.compacted = reader.flag("compacted");
    return reply;
}

ChangesReply read_changes(Reader& reader) {
    Results results(reader, 4);
    ChangesReply reply;
    reply.from = read_revision(reader, "from");
    reply.to = read_revision(reader, "to");
    reply.changes = read_change_sets(reader);
    reply.more = reader.flag("more");
    if (results.next()) reply.epoch = reader.number("epoch");
    return reply;
}

SnapshotReply read_snapshot(Reader& reader) {
    Results results(reader, 3);
    SnapshotReply reply;
    reply.at = read_revision(reader, "at");
    reply.kvs = read_key_values(reader, "keys");
    reply.more = reader.flag("more");
    if (results.next()) reply.after_key = reader.bytes("after key");
    if (results.next()) reply.epoch = reader.number("epoch");
    return reply;
}

ChannelReply read_channel(Reader& reader) {
    Results results(reader, 4);
    ChannelReply reply;
    reply.channel = {reader.number("channel")};
    reply.from = read_revision(reader, "from");
    reply.incarnation = reader.number("incarnation");
    reply.mark_sequence = reader.number("mark sequence");
    if (results.next()) reply.exact = reader.flag("exact");
    if (results.next()) reply.stream = reader.flag("stream");
    return reply;
}

DigestReply read_digest(Reader& reader) {
    const Results results(reader, 3);
    DigestReply reply;
    reply.at = read_revision(reader, "at");
    reply.digest = reader.number("digest");
    reply.count = reader.number("count");
    return reply;
}

StatusReply read_status(Reader& reader) {
    const Results results(reader, 1);
    StatusReply reply;
    const size_t size = reader.array("figures", 0);
    reply.figures.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        const size_t fields = reader.array("figure", 2);
        std::string name(reader.bytes("name"));
        if (reader.next_is_number()) {
            reply.figures.emplace_back(std::move(name), reader.number("figure"));
        } else {
            reply.figures.emplace_back(std::move(name), std::string(reader.bytes("figure")));
        }
        reader.skip(reader.ok() ? fields - 2 : 0);
    }
    return reply;
}

CompactReply read_compact(Reader& reader) {
    const Results results(reader, 0);
    return {};
}

MembersReply read_members(Reader& reader) {
    const Results results(reader, 5);
    MembersReply reply;
    reply.cluster = reader.number("cluster");
    reply.leader = reader.number("leader");
    reply.term = reader.number("term");
    reply.last = reader.number("last");
    const size_t size = reader.array("members", 0);
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        const size_t fields = reader.array("member", 4);
        MemberFacts& member = reply.members.emplace_back();
        member.id = reader.number("id");
        member.address = reader.bytes("address");
        member.votes = reader.flag("votes");
        member.match = reader.number("match");
        reader.skip(reader.ok() ? fields - 4 : 0);
    }
    return reply;
}

BackupReply read_backup(Reader& reader) {
    const Results results(reader, 8);
    BackupReply reply;
    reply.at_least = reader.number("at least");
    reply.cluster = reader.number("cluster");
    reply.index = reader.number("index");
    reply.term = reader.number("term");
    reply.at = read_revision(reader, "at");
    reply.store = reader.bytes("store");
    reply.bytes = reader.number("octets");
    reply.piece = reader.bytes("piece");
    return reply;
}

RecordChangeReply read_record_change(Reader& reader) {
    const Results results(reader, 1);
    return {reader.number("version")};
}

RecordsReply read_records(Reader& reader) {
    const Results results(reader, 2);
    RecordsReply reply;
    const size_t size = reader.array("records", 0);
    reply.records.reserve(std::min(size, reserved_max));
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        const size_t fields = reader.array("record", 5);
        Record record;
        record.name = reader.bytes("name");
        record.content = reader.bytes("content");
        record.version = reader.number("version");
        record.time_ms = reader.number("time");
        record.author = reader.bytes("author");
        reader.skip(reader.ok() ? fields - 5 : 0);
        reply.records.push_back(std::move(record));
    }
    reply.more = reader.flag("more");
    return reply;
}

PluginsReply read_plugins(Reader& reader) {
    const Results results(reader, 2);
    PluginsReply reply;
    reply.member = reader.number("member");
    const size_t size = reader.array("plugins", 0);
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        const size_t fields = reader.array("plugin", 6);
        PluginFacts& plugin = reply.plugins.emplace_back();
        plugin.name = reader.bytes("name");
        plugin.version = reader.bytes("version");
        plugin.kind = reader.bytes("kind");
        plugin.origin = reader.bytes("origin");
        plugin.sha256 = reader.bytes("sha256");
        plugin.used = reader.flag("used");
        reader.skip(reader.ok() ? fields - 6 : 0);
    }
    return reply;
}

AuthenticateReply read_authenticate(Reader& reader) {
    const Results results(reader, 3);
    AuthenticateReply reply;
    reply.token = reader.bytes("token");
    reply.valid_ms = reader.number("valid");
    reply.principal = reader.bytes("principal");
    return reply;
}

LeaseGrantReply read_lease_grant(Reader& reader) {
    const Results results(reader, 2);
    LeaseGrantReply reply;
    reply.lease = {reader.number("lease")};
    reply.ttl_s = reader.number("time to live");
    return reply;
}

LeaseRevokeReply read_lease_revoke(Reader& reader) {
    const Results results(reader, 2);
    LeaseRevokeReply reply;
    reply.deleted = reader.number("deleted");
    reply.more = reader.flag("more");
    return reply;
}

LeaseKeepAliveReply read_lease_keep_alive(Reader& reader) {
    const Results results(reader, 1);
    LeaseKeepAliveReply reply;
    const size_t size = reader.array("times to live", 0, limits::leases_kept_alive_max);
    for (size_t i = 0; i < size && reader.ok(); ++i) reply.ttl_s.push_back(reader.number("time to live"));
    return reply;
}

LeaseFacts read_lease_facts(Reader& reader) {
    const size_t fields = reader.array("lease", 4);
    LeaseFacts facts;
    facts.lease = {reader.number("lease")};
    facts.ttl_s = reader.number("time to live");
    facts.remaining_ms = reader.number("remaining");
    facts.owner = reader.bytes("owner");
    reader.skip(reader.ok() ? fields - 4 : 0);
    return facts;
}

LeaseTimeToLiveReply read_lease_time_to_live(Reader& reader) {
    const Results results(reader, 3);
    LeaseTimeToLiveReply reply;
    reply.facts = read_lease_facts(reader);
    const size_t size = reader.array("keys", 0, limits::leases_page_max);
    for (size_t i = 0; i < size && reader.ok(); ++i) reply.keys.emplace_back(reader.bytes("key"));
    reply.more = reader.flag("more");
    return reply;
}

LeasesReply read_leases(Reader& reader) {
    const Results results(reader, 2);
    LeasesReply reply;
    const size_t size = reader.array("leases", 0, limits::leases_page_max);
    for (size_t i = 0; i < size && reader.ok(); ++i) reply.leases.push_back(read_lease_facts(reader));
    reply.more = reader.flag("more");
    return reply;
}

Error read_error(Reader& reader) {
    const Results results(reader, 2);
    const uint64_t code = reader.number("code", INT32_MAX);
    if (reader.ok() && code == 0) reader.fail("code", "that of an error");
    return {static_cast<Code>(code), std::string(reader.bytes("detail"))};
}

ReplyResult read_result(Reader& reader, uint64_t opcode) {
    switch (opcode <= 0xff ? static_cast<Opcode>(opcode) : Opcode::error) {
        case Opcode::range: return read_range(reader);
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
        case Opcode::member_change:
        case Opcode::leader_transfer:
        case Opcode::claim:
        case Opcode::error: break;
    }
    reader.fail("opcode", "one that was asked for");
    return CompactReply{};
}

Reply read_reply(Reader& reader) {
    const size_t fields = reader.array("reply", 4);
    Reply reply;
    reply.id = reader.number("id");
    reply.revision = read_revision(reader, "revision");
    const uint64_t opcode = reader.number("opcode");
    if (opcode == static_cast<uint64_t>(Opcode::error)) {
        reply.error = read_error(reader);
    } else {
        reply.result = read_result(reader, opcode);
    }
    reader.skip(reader.ok() ? fields - 4 : 0);
    return reply;
}

}  // namespace

Result<std::vector<Reply>> decode_replies(BytesView frame) {
    TokenBuffer tokens;
    if (Status status = tokenize(frame, tokens.get()); !status) return Error{Code::corrupt, status.error().detail};
    Reader reader(tokens.get(), Code::corrupt);
    reader.array("frame", 2);
    if (!read_version(reader)) return reader.error();
    const size_t size = reader.array("replies", 0);
    std::vector<Reply> replies;
    replies.reserve(std::min(size, frame.size() / 16 + 1));
    for (size_t i = 0; i < size && reader.ok(); ++i) {
        reader.enter("reply", i);
        replies.push_back(read_reply(reader));
    }
    if (!reader.ok()) return reader.error();
    return replies;
}

}  // namespace belfry::protocol
