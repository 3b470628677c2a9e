// The core: what happened comes in as data, what must be done goes out as data. No thread, clock, file, socket or random
// source; the same inputs in the same order give the same outputs. The daemon and the simulator run this same code.
//
// The one seam it calls itself is the state store, which is its memory.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "hub/base/instant.hpp"
#include "hub/core/access.hpp"
#include "hub/core/member_message.hpp"
#include "hub/core/policies.hpp"
#include "hub/feed/feed.hpp"
#include "hub/model/keyspace.hpp"
#include "hub/plugin/filter.hpp"
#include "hub/raft/raft.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::core {

using ConnectionId = uint64_t;

// Who sent a request.
struct Caller {
    std::shared_ptr<const Bytes> credential;  // of the frame that brought it; none = it had none
    std::shared_ptr<const Bytes> public_key;  // that the frame's sender has proved to have (CURVE's, in Z85); none = none
    PrincipalPointer principal;               // once it is known
    uint64_t version = 0;                     // Access::version() when it was
};

// ---- what happened ----
struct RequestReceived {
    ConnectionId connection = 0;
    protocol::Request request;  // valid (protocol::validate)
    bool checked = false;       // a write: the policies have accepted it
    Caller caller = {};
};
struct EntriesPersisted {
    Index up_to;              // durable, with every vote and truncation queued before
    uint64_t generation = 0;  // of the last Persist that this covers
};
struct PersistFailed {
    Error error;  // no_space only: nothing of the entries from `first` on is kept; anything else stops the shell
    Index first;
};
struct EntriesRead {
    std::vector<raft::Entry> entries;  // the answer to Output.read
};
struct SnapshotPersisted {
    Index index;         // a durable snapshot of the state at this index exists
    uint64_t bytes = 0;  // its length
};
struct SnapshotFailed {
    Error error;
};
// From a member that proved who it is. Any message: what makes no sense is dropped.
struct MessageReceived {
    MemberMessage message;
};
// What Output.fetch asked for is on this machine, whole, verified and durable.
struct SnapshotFetched {
    Index index;
};
struct FetchFailed {  // not to be had there; the leader will offer again
    Index index;
    Error error;
};
// What Output.install asked for is durable, and the state store is at its index.
struct SnapshotInstalled {
    Index index;
};
struct BackupPieceRead {
    ConnectionId connection = 0;
    uint64_t request = 0;
    Index index;
    uint64_t file_bytes = 0;
    Result<Bytes> piece;
};
// The answer to Output.questions.
struct RulesAnswered {
    uint64_t write = 0;
    Status verdict;
};
// The answer to Output.logins.
struct PasswordChecked {
    uint64_t login = 0;
    Status verdict;
};
struct TopicChanged {
    ChannelId channel;
    bool subscribed = false;
};
struct ConnectionClosed {
    ConnectionId connection = 0;
};
struct TimerFired {};
// The process is to end cleanly. A member of several hands its office on and turns clients away, for 2.5 s at most;
// Output.may_end says when nobody waits for it any more.
struct StopAsked {};
// Figures the shell measured, for `status`; kept until the next one.
struct FiguresMeasured {
    std::vector<std::pair<std::string, std::variant<uint64_t, std::string>>> figures;
};

using Input = std::variant<RequestReceived, EntriesPersisted, PersistFailed, EntriesRead, SnapshotPersisted, SnapshotFailed,
                           MessageReceived, SnapshotFetched, FetchFailed, SnapshotInstalled, BackupPieceRead, RulesAnswered,
                           PasswordChecked, TopicChanged, ConnectionClosed, TimerFired, StopAsked, FiguresMeasured>;

// ---- what must be done; the order of the fields is the order in which the shell must act ----
struct Persist {
    std::optional<raft::Vote> vote;       // 1. durable by itself
    std::optional<Index> truncate_after;  // 2.
    std::vector<raft::Entry> entries;     // 3. then sync, then EntriesPersisted{last index, generation}
    uint64_t generation = 0;              // of the log after this
    bool empty() const { return !vote && !truncate_after && entries.empty(); }
};
struct ReadEntries {
    Index first;
    Index last;
    size_t bytes_max = 0;
};
// Fetch the sender's snapshot at this index (or find it here already), then SnapshotFetched; FetchFailed if it has none.
// Another one takes the place of the one under way.
struct Fetch {
    uint64_t from = 0;  // member
    Index index;
};
// Where a log begins: what the next start must know of the entries that are gone.
struct Boundary {
    Index index;  // of the last entry that is gone
    Term term;
    raft::Entry configuration;  // the CHANGE in force there
};
// A piece of a snapshot's file, for a client; answer with BackupPieceRead.
struct ReadBackupPiece {
    ConnectionId connection = 0;
    uint64_t request = 0;
    Index index;
    uint64_t offset = 0;
};
struct OutgoingReply {
    ConnectionId connection = 0;
    protocol::Reply reply;
    Bytes frame;  // if not empty: the reply, encoded already, as a frame of its own; `reply` then has the id alone
};
// What policies ask about a write, of rules that may take their time.
struct WriteQuestions {
    uint64_t write = 0;
    std::vector<RuleQuestion> questions;
};

struct PasswordQuestion {
    uint64_t login = 0;
    Bytes name;
    Bytes password;
};
// One line of the audit log. Never a secret.
struct Audit {
    enum class Event : uint8_t { refused, login, login_refused, administration };
    Event event = Event::refused;
    Bytes principal;    // empty = nobody known
    std::string about;  // the kind of request, or what was changed
    ConnectionId connection = 0;
    Error outcome;  // code ok: done
};

struct Output {
    Persist persist;  // to the log writer, in order
    // After it: replace log and state by the snapshot that was fetched. All that is queued for the log before is void; the
    // log is empty after `index`, and the state store holds the snapshot of it. All of it durable, then SnapshotInstalled.
    // A crash in between must leave the old log and state or, after the next start, the new ones.
    std::optional<Boundary> install;
    // To other members, in order. They leave when persist.vote, and every vote before it, is durable; they need not wait
    // for the rest of `persist`.
    std::vector<MemberMessage> messages;
    std::optional<Fetch> fetch;
    std::optional<std::vector<raft::Member>> members;  // by the newest configuration in the log, when it is another one
    std::optional<ReadEntries> read;                   // from the log store; answer with EntriesRead
    std::optional<ClientKeys> keys;                    // that the transport is to know from now on, before what follows
    std::vector<OutgoingReply> replies;
    size_t reply_bytes = 0;                     // of all replies since clear(), also of those that were sent meanwhile
    std::vector<feed::Message> deliveries;      // to the feed, in order
    std::optional<protocol::JoinMessage> join;  // the answer to joins from now on (after the deliveries)
    bool take_snapshot = false;                 // hot copy of the store; answer with SnapshotPersisted or SnapshotFailed
    std::vector<ReadBackupPiece> backup_pieces;
    std::vector<WriteQuestions> questions;  // ask until one refuses; answer each with RulesAnswered, in any order
    std::vector<PasswordQuestion> logins;   // ask the authority; answer each with PasswordChecked, in any order
    std::vector<Audit> audit;
    std::optional<Boundary> compact_to;  // the log may forget entries up to there, when this is durable
    uint64_t wake_at_ms = UINT64_MAX;    // send TimerFired then
    bool may_end = false;                // after StopAsked
    std::optional<Error> fatal;          // stop the node: say this and exit
    bool fence = false;                  // with `fatal`: nor start again, until somebody has repaired it
    void clear() { *this = Output{}; }
};

// Bugs on purpose: only for the simulator, which must find each of them (docs/simulation.md).
struct Plants {
    bool stale_read = false;            // a member answers from what it has, without asking anybody
    bool reply_before_quorum = false;   // what is on one's own disk counts as committed
    bool forget_tickets = false;        // a write that comes again is done again
    bool deaf_streams = false;          // requests that wait for changes do not hear of every eighth revision
    bool forget_renewals = false;       // a lease is kept alive by the leader alone
    bool renewals_unshared = false;     // that a lease is kept alive is answered before a majority knows
    bool end_leases_unasked = false;    // a new leader ends leases by its own memory
    bool uncertain_as_refused = false;  // a leader that loses its office says that nothing was changed
    model::ClaimPlants claims;
};

struct Options {
    uint64_t member_id = 1;
    uint64_t epoch = 0;        // identity of this log lineage
    uint64_t incarnation = 0;  // random per process start
    unsigned seed = 1;
    std::string store_plugin;                    // whose images snapshots are
    std::vector<protocol::PluginFacts> plugins;  // what this member runs, for those who ask
    Bytes root_token;                            // who shows it is root; empty = nobody is
    Bytes entropy;          // auth::secret_bytes random octets, per process start; empty: it makes no key for tokens
    bool reachable = true;  // other members can be told where this one is
    // The first voters of a new cluster (id, address), the same list on each of them. Looked at only if the log is empty;
    // then an empty list means: this member joins a cluster that exists, and waits to hear from its leader.
    std::vector<std::pair<uint64_t, std::string>> bootstrap = {{1, "local"}};
    unsigned election_timeout_ms = 300;
    unsigned heartbeat_timeout_ms = 30;
    Index snapshot_at_start;  // of the newest snapshot on this machine; 0 = none
    // Take a snapshot when the log has grown by so much; by as much as the last snapshot was long if that is more, up to
    // the multiple.
    uint64_t snapshot_log_bytes = 256ull * 1024 * 1024;
    uint64_t snapshot_log_multiple_max = 16;
    uint64_t log_trailing_entries = 1024;  // kept behind a snapshot, and as many more as these octets hold
    uint64_t log_trailing_bytes = 64ull * 1024 * 1024;
    uint64_t snapshot_bytes_at_start = 0;  // length of the last snapshot; 0 = none
    uint64_t log_bytes_at_start = 0;       // what the log holds already; counts towards the next snapshot
    uint64_t keep_revisions = 100'000;     // automatic compaction by count; 0 = off
    uint64_t keep_ms = 0;                  // automatic compaction by age; 0 = off
    size_t rounds_in_flight_max = limits::rounds_in_flight_max;
    uint64_t round_keys_max = limits::round_keys_max;  // looked at in one round; more than 0, as the next
    size_t round_reply_bytes_max = limits::round_reply_bytes_max;
    uint64_t lease_pace_us = limits::lease_pace_us;  // for each lease that there is
    Plants plants;
    // Of log entries: what this release reads, and what every release does. Others only in tests.
    uint64_t entry_format = log::entry_format;
    uint64_t entry_format_of_all = log::entry_format_of_all;
    bool guard_sole_voter = true;  // docs/raft.md, D5; false only in the test that shows what it is for
};

class Core {
public:
    // `store` is open and is what the log's prefix up to its applied index adds up to; filters: all kinds, "prefix" among
    // them; `authority`: none = everybody may do everything. All outlive the core.
    Core(Options options, plugin::StateStore& store, const plugin::Filters& filters, CompileRule compile_rule = no_rules,
         plugin::Authority* authority = nullptr);
    ~Core();

    // Once, first. Writes the bootstrap entry if the log is new and this member does not join a cluster.
    Status start(raft::Restored restored, Instant now, Output& output);
    // Takes one thing that happened; appends what must be done because of it.
    void step(Input input, Instant now, Output& output);
    // Ends a round: proposes what waits, applies what is committed and durable, publishes. The shell calls it once after
    // each run of steps.
    void flush(Instant now, Output& output);
    // Before a clean end: the store gets what its open batch holds, so that the next start need not apply it again. A full
    // store is no error here. No step or flush may follow.
    Status settle();

    Revision revision() const;
    Index applied() const;
    raft::Role role() const;
    Term term() const;
    // "ready", or what is amiss: "starting", "no leader", "installing a snapshot", "store full", "log full"; static text.
    const char* state() const;
    // Members whose filters, validators or authentication are not this one's; "2 3". They have said so, lately or not.
    std::string unlike_members() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace belfry::hub::core
