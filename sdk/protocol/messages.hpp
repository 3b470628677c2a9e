// The native protocol's messages as types. The octets are protocol/codec.hpp's business, their description
// docs/protocol.md's. Words and meanings follow etcd v3 where etcd has the thing.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sdk/base/error.hpp"
#include "sdk/base/key_range.hpp"
#include "sdk/base/types.hpp"

namespace belfry::protocol {

// First element of every frame; another one is refused with both numbers named.
inline constexpr uint32_t protocol_version = 1;

// ---- requests ----

enum class SortTarget : uint8_t { key = 0, create = 1, mod = 2, version = 3, value = 4 };
enum class SortOrder : uint8_t { ascending = 0, descending = 1 };

struct RangeRequest {
    KeyRange range;
    uint64_t limit = 0;     // 0 = up to limits::range_reply_bytes_max
    Revision at;            // 0 = newest
    Revision min_revision;  // wait until at least this much is applied; `unavailable` if it does not come in time
    SortTarget sort_target = SortTarget::key;
    SortOrder sort_order = SortOrder::ascending;
    bool keys_only = false;
    bool count_only = false;
    bool local = false;  // true = this member's applied state, no consensus
};

struct PutRequest {
    Bytes key;
    Bytes value;
    LeaseId lease;
    bool previous = false;    // answer with the key's previous value
    Bytes content_type = {};  // sdk/base/content_type.hpp; empty = not said: a value does not inherit the last one's
    // `key` is only a beginning, and the hub adds the revision and a number (protocol/sequence.hpp): a key that is behind
    // all that were put so below the same beginning. The answer names it.
    bool sequential = false;
};

struct DeleteRequest {
    KeyRange range;
    bool previous = false;
};

struct Compare {
    enum class Target : uint8_t { version = 0, create = 1, mod = 2, value = 3, lease = 4 };
    enum class Op : uint8_t { equal = 0, greater = 1, less = 2, not_equal = 3 };
    KeyRange range;  // over more than one key: true only if it holds for each
    Target target = Target::version;
    Op op = Op::equal;
    uint64_t number = 0;  // for all targets but value
    Bytes value;          // for value
};

// Hands out keys, each to one holder at a time: in key order, the first `limit` keys below `items` that nobody holds. For
// each the key `claims` + the rest of its name is put; its value says who holds it (protocol/claim.hpp), its revision is
// the transaction's. An item is held as long as the lease of its claim lives; later claims pass it over, and hand it out
// again when the lease has ended. Only in transactions. See docs/queues.md.
struct ClaimRequest {
    Bytes items;   // a prefix
    Bytes claims;  // a prefix too, as long at most; neither is within the other
    LeaseId lease;
    uint64_t claimant = 0;  // repeated in the claim's value: tells several apart that share a lease
    uint64_t limit = 1;     // 1 to limits::claim_items_max
};

struct TxnRequest;
struct TxnOp;  // variant of RangeRequest, PutRequest, DeleteRequest, TxnRequest, ClaimRequest

struct TxnRequest {
    std::vector<Compare> compares;  // all must hold; none = true
    std::vector<TxnOp> then_ops;
    std::vector<TxnOp> else_ops;
};

struct TxnOp {
    std::variant<RangeRequest, PutRequest, DeleteRequest, TxnRequest, ClaimRequest> op;
};

struct CompactRequest {
    Revision revision;  // reads below it are refused afterwards
};

// The revisions of one key, newest first.
struct HistoryRequest {
    Bytes key;
    uint64_t limit = 0;  // 0 = all that compaction left
    Revision before;     // 0 = from the newest; otherwise only older than this (to page)
};

// A topic filter: kind is a filter plugin's word ("exact", "prefix", "glob"), spec its text.
struct FilterSpec {
    std::string kind = "prefix";
    Bytes spec;
    friend bool operator==(const FilterSpec&, const FilterSpec&) = default;
};

// Change sets in (from, to], restricted to the filter's keys. Catch-up, `watch --rev`, `diff` and audit all read this.
struct ChangesRequest {
    FilterSpec filter;
    Revision from;
    Revision to;               // 0 = newest
    uint64_t limit_bytes = 0;  // 0 = limits::chunk_bytes; one change set at least is given
    // With `to` 0: if there is none yet, wait for one so long, then answer that there was none (a private stream,
    // docs/feed.md). At most limits::stream_wait_ms_max.
    uint64_t wait_ms = 0;
};

// One chunk of the filter's state at a revision, in key order. The client asks for the next: credit by request.
struct SnapshotRequest {
    FilterSpec filter;
    Revision at;      // 0 = newest; then repeat the answer's `at`
    Bytes after_key;  // empty = from the start
    uint64_t limit_bytes = 0;
};

// Declares interest in a filter: the hub publishes its channel from now on (docs/protocol.md, "join").
struct ChannelRequest {
    FilterSpec filter;
};

// StateDigest of the filter's keys at a revision.
struct DigestRequest {
    FilterSpec filter;
    Revision at;  // 0 = newest
};

struct StatusRequest {};

// ---- the cluster; any member takes these, the leader answers ----

struct MembersRequest {};

// One member at a time. A new one starts as a learner: it gets everything and has no vote; the leader makes it a voter when
// it has caught up.
struct MemberChangeRequest {
    enum class Kind : uint8_t { add = 0, promote = 1, remove = 2 };
    Kind kind = Kind::add;
    uint64_t id = 0;      // never used before, if it is to be added
    std::string address;  // of one that is added: "ENDPOINT" or "ENDPOINT PUBLIC_KEY"
};

struct LeaderTransferRequest {
    uint64_t id = 0;  // 0 = the voter that holds most
};

// A copy of the whole state, for a backup: a file (docs/formats.md, "Snapshots") in pieces.
struct BackupRequest {
    uint64_t index = 0;  // of the copy, as an answer named it; 0 = of one that holds all that was acknowledged before
    uint64_t offset = 0;
    uint64_t at_least = 0;  // with index 0, when the copy was not ready: that answer's
};

// ---- the hub's own records: replicated like keys, in a space of their own that no range of keys sees ----

// The name says what it is: "policy/app/*/db" (sdk/protocol/policy.hpp). Checked before it is taken.
struct RecordChangeRequest {
    Bytes name;
    bool remove = false;
    Bytes content;
    std::optional<uint64_t> expected;  // the version that it must have; 0 = there must be none
};

// In order of names; the client asks for the next page after the last one.
struct RecordsRequest {
    Bytes prefix;
    Bytes after;  // empty = from the start
};

// The plugins of the member that is asked; it answers for itself.
struct PluginsRequest {};

// ---- who asks (docs/auth.md) ----

// Shows a password, or (name empty) asks for a newer token under the frame's credential. The answer is a token: what the
// client puts into its frames from then on, to any member.
struct AuthenticateRequest {
    Bytes name;
    Bytes password;
    uint64_t valid_ms = 0;  // how long the token should be good; 0 = 5 minutes
};

// ---- leases (docs/leases.md); any member takes these, the leader answers ----

// A lease lives until nobody has kept it alive for its time to live; then it ends, and with it the keys that were put with
// it.
struct LeaseGrantRequest {
    // 0 = the hub chooses one that no lease ever had; at most limits::lease_chosen_max; `conflict` if there is this one.
    LeaseId lease;
    uint64_t ttl_s = 0;  // 1 to limits::lease_ttl_s_max
};

// Ends it now. Of many or large keys a part may go with one change set: ask again while the answer says `more`.
struct LeaseRevokeRequest {
    LeaseId lease;
};

// Each of them lives for another time to live, from some moment after this was sent.
struct LeaseKeepAliveRequest {
    std::vector<LeaseId> leases;  // 1 to limits::leases_kept_alive_max
};

struct LeaseTimeToLiveRequest {
    LeaseId lease;
    bool keys = false;  // name the keys bound to it too, in pages
    Bytes after;        // this key
};

// In order of numbers; the client asks for the next page after the last one.
struct LeasesRequest {
    LeaseId after;
};

using RequestOp = std::variant<RangeRequest, PutRequest, DeleteRequest, TxnRequest, CompactRequest, HistoryRequest,
                               ChangesRequest, SnapshotRequest, ChannelRequest, DigestRequest, StatusRequest,
                               MembersRequest, MemberChangeRequest, LeaderTransferRequest, BackupRequest, PluginsRequest,
                               RecordChangeRequest, RecordsRequest, AuthenticateRequest, LeaseGrantRequest,
                               LeaseRevokeRequest, LeaseKeepAliveRequest, LeaseTimeToLiveRequest, LeasesRequest>;

// Which write of which client this is: whoever sends it again, under the same ticket, has it done once and hears the answer
// again (docs/protocol.md, "Sessions").
struct Ticket {
    uint64_t session = 0;       // the client's, random; 0 = of no session: done as often as it comes
    uint64_t sequence = 0;      // from 1, another one for each write; they may arrive in any order
    uint64_t acknowledged = 0;  // below sequence: no write up to here is waited for or sent again any more
    friend bool operator==(const Ticket&, const Ticket&) = default;
};

struct Request {
    uint64_t id = 0;  // the client's; the reply repeats it
    Bytes author;     // who says to make the change; a claim, which the principal replaces where the hub asks who he is
    Bytes comment;
    RequestOp op;
    Ticket ticket = {};  // of what can_change()
    // Of what can_change(), and then without a ticket: everything is checked and answered as if, and nothing is done.
    bool dry_run = false;
    Labels labels = {};  // of a put, delete or transaction
};

// ---- replies ----

struct RangeReply {
    std::vector<KeyValue> kvs;
    uint64_t count = 0;  // keys in the range, whatever the limit
    bool more = false;
};

struct PutReply {
    std::optional<KeyValue> previous;
    Bytes key = {};  // of a sequential put: the whole
};

struct DeleteReply {
    uint64_t deleted = 0;
    std::vector<KeyValue> previous;
};

struct ClaimedItem {
    KeyValue item;
    uint64_t attempts = 0;  // how often it was handed out, this time included
};
struct ClaimReply {
    std::vector<ClaimedItem> items;  // in key order
    bool more = false;               // there are others that nobody holds
    uint64_t held = 0;               // claims that stood already, of leases that live
};

struct TxnReply;
struct TxnOpReply;
struct TxnReply {
    bool succeeded = false;  // which branch ran
    std::vector<TxnOpReply> replies;
};
struct TxnOpReply {
    std::variant<RangeReply, PutReply, DeleteReply, TxnReply, ClaimReply> reply;
};

struct CompactReply {};

struct HistoryVersion {
    EventType type = EventType::put;
    KeyValue kv;
    uint64_t time_ms = 0;
    Bytes author;
    Bytes comment;
    Labels labels = {};
};
struct HistoryReply {
    std::vector<HistoryVersion> versions;
    bool more = false;       // older ones exist
    bool compacted = false;  // older ones existed
};

struct ChangesReply {
    Revision from;  // these are all matching changes in (from, to]
    Revision to;
    std::vector<ChangeSet> changes;
    bool more = false;   // ask again from `to`
    uint64_t epoch = 0;  // the log's identity; 0 = an older hub, which does not say and does not wait
};

struct SnapshotReply {
    Revision at;
    std::vector<KeyValue> kvs;
    bool more = false;     // ask again after after_key, even if `kvs` is empty
    Bytes after_key = {};  // with `more`: all keys up to here were looked at; empty from an older hub: the last of `kvs`
    uint64_t epoch = 0;    // as in ChangesReply
};

struct ChannelReply {
    ChannelId channel;  // unless `exact` perhaps a broader one than asked for; the client filters exactly or fetches
    Revision from;      // everything after this revision is published on the channel; nothing of it is newer so far
    uint64_t incarnation = 0;
    uint64_t mark_sequence = 0;  // of the last mark before this answer: later marks prove completeness from here on
    bool exact = false;          // the channel is this filter's own; older hubs do not say
    // The feed does not serve whoever asked: no channel was opened, ask for changes and wait (ChangesRequest::wait_ms).
    bool stream = false;
};

struct DigestReply {
    Revision at;
    uint64_t digest = 0;
    uint64_t count = 0;
};

// Figures for an operator: dotted names in a fixed order ("revision", "log.bytes", "latency.fsync_us.p99") and numbers or
// texts. New names may appear; none changes its meaning.
struct StatusReply {
    std::vector<std::pair<std::string, std::variant<uint64_t, std::string>>> figures;
};

// Answers everything about the cluster: as it is afterwards.
struct MemberFacts {
    uint64_t id = 0;
    std::string address;
    bool votes = false;
    uint64_t match = 0;  // the newest log entry that the leader knows it to hold; 0 = unknown
};
struct MembersReply {
    uint64_t cluster = 0;
    uint64_t leader = 0;
    uint64_t term = 0;
    uint64_t last = 0;  // the leader's newest log entry
    std::vector<MemberFacts> members;
};

struct BackupReply {
    uint64_t at_least = 0;  // the copy is being made: ask again with this; then all the rest is empty
    uint64_t cluster = 0;
    uint64_t index = 0;  // log entry that the copy is at; one index, one content, on every member
    uint64_t term = 0;   // of that entry
    Revision at;         // 0 = not known
    std::string store;   // the plugin whose image it is
    uint64_t bytes = 0;  // of the file
    Bytes piece;         // from `offset` on; empty at the end
};

struct RecordChangeReply {
    uint64_t version = 0;  // counts the changes of this record from 1; 0 = it is gone
};

struct Record {
    Bytes name;
    Bytes content;
    uint64_t version = 0;
    uint64_t time_ms = 0;  // of its last change
    Bytes author;
};
struct RecordsReply {
    std::vector<Record> records;
    bool more = false;
};

// One interface of one plugin.
struct PluginFacts {
    std::string name;
    std::string version;
    std::string kind;    // "state store", "filter 'glob'"
    std::string origin;  // path on that member, or "built in"
    std::string sha256;  // of the file; empty if built in
    bool used = false;   // else it is only there to be chosen
};
struct PluginsReply {
    uint64_t member = 0;
    std::vector<PluginFacts> plugins;
};

struct AuthenticateReply {
    Bytes token;            // empty: this hub asks nobody who he is
    uint64_t valid_ms = 0;  // from the answer on
    Bytes principal;
};

struct LeaseGrantReply {
    LeaseId lease;
    uint64_t ttl_s = 0;
};

struct LeaseRevokeReply {
    uint64_t deleted = 0;  // keys
    bool more = false;     // some are left; the lease is ending, and the hub goes on with them
};

struct LeaseKeepAliveReply {
    std::vector<uint64_t> ttl_s;  // of each that was asked for; 0 = there is none, or it has ended
};

struct LeaseFacts {
    LeaseId lease;
    uint64_t ttl_s = 0;
    uint64_t remaining_ms = 0;  // by the leader's clock; 0 = it is ending
    Bytes owner;                // who was granted it
};

struct LeaseTimeToLiveReply {
    LeaseFacts facts;
    std::vector<Bytes> keys;
    bool more = false;  // keys
};

struct LeasesReply {
    std::vector<LeaseFacts> leases;
    bool more = false;
};

using ReplyResult = std::variant<RangeReply, PutReply, DeleteReply, TxnReply, CompactReply, HistoryReply, ChangesReply,
                                 SnapshotReply, ChannelReply, DigestReply, StatusReply, MembersReply, BackupReply,
                                 PluginsReply, RecordChangeReply, RecordsReply, AuthenticateReply, LeaseGrantReply,
                                 LeaseRevokeReply, LeaseKeepAliveReply, LeaseTimeToLiveReply, LeasesReply>;

struct Reply {
    uint64_t id = 0;
    Revision revision;  // of the hub when it answered; for a write, the write's own
    Error error;        // code ok = `result` is set
    ReplyResult result;
};

// ---- feed ----

// One message of a channel: all changes of the channel in (from, to].
struct FeedMessage {
    ChannelId channel;
    uint64_t epoch = 0;        // the log's identity; another one = drop the state and start again
    uint64_t incarnation = 0;  // of the publishing process
    Revision from;
    Revision to;
    bool fetch = false;              // changes were too large to publish: `changes` is empty, ask the hub for (from, to]
    std::vector<ChangeSet> changes;  // in revision order; only the matching events of each
};

// The hub is at `revision`; these channels changed since the mark before the previous one. A channel that is not named and
// was quiet in `sequence` and `sequence - 1` is complete up to `revision`.
struct MarkMessage {
    uint64_t epoch = 0;
    uint64_t incarnation = 0;
    uint64_t sequence = 0;
    Revision revision;
    std::vector<std::pair<ChannelId, Revision>> changed;  // channel, its last message's `to`
};

struct JoinMessage {
    uint64_t epoch = 0;
    uint64_t incarnation = 0;
    Revision revision;
    uint64_t spread_ms = 0;  // wait a random part of this before asking for catch-up
};

}  // namespace belfry::protocol
