// The parts of the core and what they share. Private to hub/core.
//
//   core.cpp        the round: inputs to parts, time
//   effects.cpp     what raft says: entries, truncations, messages, office
//   members.cpp     what other members say; their snapshots
//   requests.cpp    a request in: to the proposer, to the leader, to the gate, or answered at once
//   apply.cpp       committed and durable entries -> key space -> replies and feed; when the store commits; reading entries
//                   back after a restart
//   callers.cpp     who asks, and may he; passwords and tokens
//   access.*        users, roles, tokens            permit.cpp         what each kind of request needs
//   guesses.*       wrong passwords
//   leading.cpp     what only a leader does, and when      round.*       how much one round takes on
//   writes.cpp      what policies say of a write; dry runs
//   disk.cpp        what the disk said: durable, full, snapshot taken
//   policies.*      which values keys may take
//   proposer.*      waiting writes -> entries        waiting_reads.*   reads that wait for a revision
//   streams.cpp     private streams                   waiting_changes.*  requests that wait for a change
//   read_gate.*     linearizable reads               forwarder.*       requests that only the leader can answer
//   administration.cpp  members in and out             office.cpp         the leader's office handed on; a clean stop
//   replicator.*    entries into messages            member_message.*  what members say, as octets
//   agreement.*     do the members agree?            releases.*        what can all of them read?
//   leases.cpp      kept alive, ended                 lease_keeper.*    what members remember of that
//   compaction.*    automatic compaction             invariants.cpp    what must always hold
//   status.cpp      figures
//
// Entries:  submitted ─▶ durable ─▶ committed ─▶ applied ─▶ in the store ─▶ snapshot ─▶ forgotten
//           last_index   persisted_ commit_index applied_   (held_)                   boundary
// pending_ holds applied_+1 .. loaded_; entries after loaded_ are taken from the replicator's memory, or read back from the
// log, when their turn comes. What is not durable is always in the replicator's memory.
#pragma once

#include <map>

#include "hub/core/agreement.hpp"
#include "hub/core/compaction.hpp"
#include "hub/core/core.hpp"
#include "hub/core/forwarder.hpp"
#include "hub/core/guesses.hpp"
#include "hub/core/lease_keeper.hpp"
#include "hub/core/proposer.hpp"
#include "hub/core/read_gate.hpp"
#include "hub/core/releases.hpp"
#include "hub/core/replicator.hpp"
#include "hub/core/round.hpp"
#include "hub/core/waiting_changes.hpp"
#include "hub/core/waiting_reads.hpp"

namespace belfry::hub::core {

// Requests that another member forwarded come on a connection of this kind; transports' numbers are small.
inline constexpr ConnectionId member_connection_bit = 1ull << 63;

// The end of a sentence about what another member's client asked for.
inline constexpr const char* too_large_to_forward =
    "its answer is too large for the way through another member; ask the leader itself, or in several steps";

// The least format of log entries that whoever leads must read for this request; 0 = any. writes.cpp
uint64_t format_of(const protocol::Request& request);

class Core::Impl {
public:
    Impl(Options options, plugin::StateStore& store, const plugin::Filters& filters, CompileRule compile_rule,
         plugin::Authority* authority);

    Status start(raft::Restored restored, Instant now, Output& output);
    void step(Input input, Instant now, Output& output);
    void flush(Instant now, Output& output);
    Status settle();

    Revision revision() const { return keyspace_.revision(); }
    Index applied() const { return applied_; }
    const char* state() const;  // status.cpp
    std::string unlike_members() const { return releases_.unlike(members_); }
    Term term() const { return raft_ ? raft_->term() : Term{}; }
    raft::Role role() const { return raft_ ? raft_->role() : raft::Role::unavailable; }

private:
    // An entry that is in memory and not yet applied.
    struct Pending {
        raft::Entry entry;
        std::optional<log::CommandEntry> commands;  // decoded; this member's own entries come with it
        std::vector<Client> clients;                // one per command, or none
    };
    struct Counters {
        uint64_t puts = 0, deletes = 0, txns = 0, compactions = 0, ranges = 0, other_reads = 0, refused = 0;
        uint64_t entries_applied = 0, commands_applied = 0, batches_applied = 0, snapshots_failed = 0, denied = 0;
        uint64_t leases_kept_alive = 0, leases_expired = 0;
    };
    // What one run of applies leads to, once all of it succeeded.
    struct Batch {
        Index last;
        size_t entries = 0;
        size_t bytes = 0;
        std::vector<std::pair<ChangeSet, feed::ValuesBefore>> changes;
        std::vector<OutgoingReply> replies;
        size_t reply_bytes = 0;
        std::vector<StateDigest> digests;
        bool changed_policies = false;
        std::vector<plugin::Authority::Record> changed_access;
        std::vector<Audit> audit;
        std::vector<LeaseId> granted, ending;
        size_t leases_expired = 0;
        bool ended_leases = false;  // or tried to
    };
    // Entries that are applied and told, in the store's open batch. Kept because a failing store forgets that batch.
    struct Held {
        std::vector<raft::Entry> entries;
        size_t bytes = 0;
        uint64_t commit_at_ms = UINT64_MAX;
    };
    // What must not go back from one round to the next (invariants.cpp).
    struct Facts {
        Revision revision, compacted;
        Index applied, commit, persisted;
        Term term;
    };

    // core.cpp
    Status load_state();
    Status start_raft(raft::Restored& restored, Instant now, Output& output);
    void check_ready();
    bool has_time(Round::Work kind, const Output& output);
    uint64_t cluster_time_ms(Instant now) const;
    uint64_t next_entry_time(Instant now);
    size_t uncommitted_bytes() const;
    void propose(Instant now, Output& output);
    void refuse_proposals(const Error& why, Output& output);
    void compact_by_itself(Instant now, Output& output);
    bool speaks() const;
    void publish(Instant now, Output& output);
    uint64_t next_wake_ms(Instant now);
    void stop(Error error, Output& output);
    void stop_unless(const Status& status, Output& output);

    // effects.cpp
    void take_effects(raft::Effects& effects, Output& output);
    void append(raft::Entry entry, Output& output);
    void load(const raft::Entry& entry);
    Pending* pending_of(Index index);
    void truncate_after(Index last_kept, Output& output);
    void watch_office(Instant now, Output& output);
    void append_nothing(Instant now, Output& output);
    void leave_office(Output& output);
    void tell_uncertain(std::deque<Pending>& entries, Index first, const std::string& why, Output& output);
    void hand_over_proposals(Output& output);
    Index can_apply_to() const;
    bool alone() const { return raft_->sole_voter() && role() == raft::Role::leader; }

    // members.cpp
    void on(MessageReceived& input, Instant now, Output& output);
    void on(SnapshotFetched& input, Instant now, Output& output);
    void on(FetchFailed& input, Instant now, Output& output);
    void on(SnapshotInstalled& input, Instant now, Output& output);
    void on_raft(raft::Message& message, Instant now, Output& output);
    void on_offer(raft::Message& message, Instant now, Output& output);
    void take_own_forwards(Instant now, Output& output);
    void on_forwarded(uint64_t peer, ForwardedRequests& forwarded, Instant now, Output& output);
    void begin_install(const raft::Install& install, Output& output);
    void offer_snapshot(Index index);
    void send_to_members(Instant now, Output& output);
    void send_replies(uint64_t peer, std::vector<protocol::Reply>& replies, Output& output);
    void check_agreement(Output& output);

    // administration.cpp
    struct Task {
        RequestReceived request;
        uint64_t deadline_ms = 0;
        Index change;  // the entry of the membership change, once it is proposed
    };
    struct Transfer {
        uint64_t to = 0;
        uint64_t give_up_ms = 0;
    };
    void add_task(RequestReceived& input, Instant now, Output& output);
    void administer(Instant now, Output& output);
    void end_tasks_elsewhere(Instant now, Output& output);
    bool work_on(Task& task, Instant now, Output& output);
    bool change_members(Task& task, const protocol::MemberChangeRequest& op, Instant now, Output& output);
    bool propose_change(Task& task, const raft::MemberChange& change, Instant now, Output& output);
    bool transfer_to(Task& task, uint64_t id, Instant now, Output& output);
    void promote_learners(Instant now, Output& output);
    void answer_members(const RequestReceived& asked, Output& output);
    void on_members(const RequestReceived& asked, Output& output);
    uint64_t administration_wake_ms(Instant now) const;

    // backup.cpp
    void on_backup(const RequestReceived& input, Instant now, Output& output);
    void read_copy(const RequestReceived& input, Index index, uint64_t offset, Output& output);
    void on(BackupPieceRead& input, Instant now, Output& output);
    void keep_copy(Index index);

    // office.cpp
    bool has_other_voters() const;
    uint64_t best_follower() const;
    void begin_transfer(uint64_t to, Instant now);
    Status go_on_transferring(Instant now, Output& output);
    bool disk_hinders(Instant now) const;
    void watch_disk(Instant now);
    void resign(Instant now, Output& output);
    uint64_t office_wake_ms(Instant now) const;
    void on(StopAsked& input, Instant now, Output& output);
    bool turns_away(const RequestReceived& input, Output& output);
    bool may_end(Instant now);

    // requests.cpp
    void on(RequestReceived& input, Instant now, Output& output);
    bool knows_newest() const;
    void read_at_gate(RequestReceived& input, Instant now, Output& output);
    void on_read(RequestReceived& input, Instant now, Output& output);
    void forward(RequestReceived& input, Instant now, Output& output);
    void answer_gated_reads(Instant now, Output& output);
    void deliver(OutgoingReply reply, Output& output);
    void route(OutgoingReply reply, Output& output);
    void on_range(RequestReceived& input, Instant now, Output& output);
    void answer_range(uint64_t connection, uint64_t request, const protocol::RangeRequest& range, Output& output);
    void try_out(RequestReceived& input, Instant now, Output& output);
    void on_channel(const RequestReceived& input, Instant now, Output& output);
    template <class Request, class Read>
    void on_filtered_read(const RequestReceived& input, const Request& request, Read read, Output& output);
    template <class T>
    void answer(uint64_t connection, uint64_t request, Result<T> result, Output& output);
    void answer(uint64_t connection, uint64_t request, Error error, Output& output);
    void answer_waiting_reads(Instant now, Output& output);
    Status can_read() const;
    Status state_is_whole() const;
    Status can_write_now() const;
    Result<std::shared_ptr<const plugin::Filter>> compile(const protocol::FilterSpec& spec);
    protocol::StatusReply status() const;  // status.cpp

    // streams.cpp
    void on_changes(RequestReceived& input, Instant now, Output& output);
    void answer_streams(Instant now, Output& output);
    void answer_touched(const WaitingChanges::Touched& touched, Output& output);
    void ask_streams_again(Instant now, Output& output);

    // callers.cpp
    struct Login {
        ConnectionId connection = 0;
        uint64_t request = 0;
        Bytes name;  // empty: a newer token for a known caller
        uint64_t valid_ms = 0;
        PrincipalPointer user = {};  // as it was when the password was taken in; none = there was none of this name
    };
    bool knows_caller(RequestReceived& input, Instant now, Output& output);
    Status identify(RequestReceived& input, Instant now);
    Status identify_forwarded(const Caller& caller) const;
    Status identify_client(Caller& caller, Instant now);
    bool is_permitted(RequestReceived& input, Instant now, Output& output);
    bool is_still_permitted(RequestReceived& input, Instant now, Output& output);
    bool administrates(const Caller& caller) const;
    void tell_keys(Output& output);
    bool may_have_feed(const Caller& caller) const;
    bool refuse_caller(const RequestReceived& input, const Error& why, Output& output);
    void audit_administration(const RequestReceived& input, std::string about, Output& output);
    void on_authenticate(RequestReceived& input, Instant now, Output& output);
    void on(PasswordChecked& input, Instant now, Output& output);
    void give_token(const Login& login, const Bytes& name, Instant now, Output& output);
    void make_secret(Instant now);
    Status load_access();

    // leading.cpp
    void lead(RequestReceived& input, Instant now, Output& output);
    void lead_now(RequestReceived& input, Instant now, Output& output);
    bool knows_policies() const;
    bool must_wait(RequestReceived& input, Output& output);
    bool can_resume() const;
    void resume_early_writes(Instant now, Output& output);
    void resume(RequestReceived& write, Instant now, Output& output);

    // writes.cpp
    struct Asked {  // slow rules are looking at it
        RequestReceived write;
        size_t bytes = 0;  // and of what they are shown
    };
    void on_write(RequestReceived& input, Instant now, Output& output);
    bool check_policies(RequestReceived& input, Output& output);
    void on(RulesAnswered& input, Instant now, Output& output);
    Status may_write(uint64_t format) const;
    Status all_can_read(const log::Command& command);
    void count(const protocol::RequestOp& op);
    Status load_policies();
    Status load_allowed_format();

    // leases.cpp
    bool knows_leases() const;
    void keep_alive(RequestReceived& input, Instant now, Output& output);
    bool may_use_lease(const Caller& caller, const model::Lease& lease) const;
    bool may_revoke(const RequestReceived& input, Output& output);
    void name_lease(log::Command& command) const;
    void answer_keep_alives(Instant now, Output& output);
    void hand_over_keep_alives(Output& output);
    void on_lease_read(const RequestReceived& input, Instant now, Output& output);
    protocol::LeaseFacts facts_of(LeaseId id, const model::Lease& lease, Instant now) const;
    protocol::LeasesReply list_leases(const RequestReceived& input, LeaseId after, Instant now) const;
    bool may_expire_leases() const;
    void expire_leases(Instant now);
    void expiry_ended();
    void note_leases(const log::Command& command, const model::Applied& applied, Batch& batch);
    void tell_lease_clock(const Batch& batch, Instant now);

    // apply.cpp
    void apply(Instant now, Output& output);
    Status apply_batch(Index limit, Batch& batch, Instant now, const Output& output);
    Status decode(Pending& pending);
    Status apply_entry(Pending& pending, Batch& batch);
    Status apply_again(const raft::Entry& entry);
    void note_records(const log::Command& command, const model::Applied& applied, Batch& batch);
    Status commit_state(Index index);
    Status commit_held();
    Status restore_held();
    Status forget_batch();
    void finish(Batch& batch, Instant now, Output& output);
    void on_apply_error(const Error& error, Instant now, Output& output);
    void read_back(Output& output);
    void on(EntriesRead& input, Instant now, Output& output);

    // disk.cpp
    void on(EntriesPersisted& input, Instant now, Output& output);
    void on(PersistFailed& input, Instant now, Output& output);
    void persist_again(Instant now, Output& output);
    void on(SnapshotPersisted& input, Instant now, Output& output);
    void on(SnapshotFailed& input, Instant now, Output& output);
    void take_snapshot_if_due(Instant now, Output& output);
    void begin_snapshot(Instant now, Output& output);
    uint64_t log_bytes_after(uint64_t snapshot_bytes) const;
    uint64_t trailing_entries() const;

    void on(TopicChanged& input, Instant now, Output& output);
    void on(ConnectionClosed& input, Instant now, Output& output);
    void on(TimerFired& input, Instant now, Output& output);
    void on(FiguresMeasured& input, Instant now, Output& output);

    // invariants.cpp
    Facts facts() const;
    void check_invariants();

    const Options options_;
    plugin::StateStore& store_;
    const plugin::Filters& filters_;
    model::Keyspace keyspace_;
    feed::Feed feed_;
    std::unique_ptr<raft::Raft> raft_;
    bool stopped_ = false;  // said `fatal`; does nothing any more

    std::deque<Pending> pending_;
    std::deque<Pending> proposed_;  // by this member, after loaded_
    Held held_;
    bool behind_ = false;  // the state lacks what is held: the store had no room for it
    Index applied_;
    Index applied_at_start_;
    Index loaded_;
    std::deque<Index> rounds_;    // last index of each round of proposals that is not durable yet
    Index persisted_;             // the engine's account of it; goes back with a truncation
    uint64_t generation_ = 0;     // of the log, by Raft
    bool bootstrapping_ = false;  // the engine was started with a first entry that is not durable yet
    enum class Reading { nothing, to_apply, to_send, in_vain };
    Reading reading_ = Reading::nothing;  // one read of the log at a time
    bool ready_ = false;                  // all that was committed when this process met its cluster has been applied
    Index ready_at_;                      // ... up to here
    uint64_t entry_time_ms_ = 0;          // of this member's last proposal
    uint64_t entry_timed_at_ms_ = 0;      // monotonic: when that was, or when this member began to lead
    Term office_;                         // in which this member leads; 0 = it does not

    std::optional<Replicator> replicator_;
    std::optional<ReadGate> gate_;
    std::optional<LeaseKeeper> lease_keeper_;
    bool expiry_under_way_ = false;  // proposed, and neither applied nor refused
    uint64_t voters_since_ms_ = 0;   // since when the members are who they are, as far as this process knows
    Forwarder forwarder_;
    std::deque<Task> tasks_;  // one after the other
    std::optional<Transfer> transfer_;
    std::optional<uint64_t> leave_by_ms_;  // this process is to end
    uint64_t last_asked_ms_ = 0;           // a client, or another member for one of its clients, asked something
    Index persisted_seen_;                 // of the round before
    uint64_t persisted_changed_ms_ = 0;    // or this member's log was not what others waited for
    uint64_t resign_not_before_ms_ = 0;
    unsigned resigned_ = 0;  // since the disk had room
    uint64_t learners_looked_at_ms_ = 0;
    Round round_{options_.round_keys_max, options_.round_reply_bytes_max};
    uint64_t now_ms_ = 0;                                                 // monotonic, of this round
    std::map<uint64_t, std::vector<protocol::Reply>> forwarded_replies_;  // by member, of this round
    std::vector<raft::Member> members_;                                   // by the newest configuration in the log
    uint64_t members_version_ = 0;
    std::optional<raft::Message> offer_;  // the InstallSnapshot whose snapshot is being fetched

    Access access_;
    ClientKeys keys_;  // that the transport was told, of this version of access_
    uint64_t keys_version_ = 0;
    Guesses guesses_;
    Caller last_caller_;  // that was identified, and when
    uint64_t last_identified_ms_ = 0;
    std::map<uint64_t, Login> logins_;  // whose passwords are being checked; by number
    uint64_t last_login_ = 0;
    uint64_t secret_not_before_ms_ = 0;
    Policies policies_;
    std::deque<RequestReceived> early_writes_;  // until this leader can do them and has time (leading.cpp)
    size_t early_bytes_ = 0;
    std::map<uint64_t, Asked> asked_;  // by number
    size_t asked_bytes_ = 0;
    uint64_t last_asked_ = 0;
    Index office_begins_at_;  // the log's end when this member began to lead
    Proposer proposer_;
    WaitingReads waiting_reads_;
    WaitingChanges waiting_changes_;
    Compaction compaction_;
    Agreement agreement_;
    Releases releases_;
    uint64_t leads_since_ms_ = 0;
    uint64_t announced_format_ = 0;  // by this leader, in the log before what it allows; 0 = nothing
    std::vector<StateDigest> digests_to_tell_;
    std::map<std::pair<std::string, Bytes>, std::shared_ptr<const plugin::Filter>> compiled_;
    std::optional<protocol::JoinMessage> join_;

    struct DiskFull {  // one of our two disks' users met no_space
        bool active = false;
        uint64_t since_ms = 0;
        uint64_t retry_at_ms = UINT64_MAX;
        Error error;
    };
    DiskFull store_full_;
    uint64_t store_failed_at_ms_ = 0;  // last; 0 = never
    uint64_t store_failing_since_ms_ = 0;
    size_t applied_carefully_ = 0;  // since then
    DiskFull log_full_;
    Index log_full_first_;  // not in the log from here on

    bool snapshot_running_ = false;
    std::vector<std::pair<Index, Revision>> committed_meanwhile_;  // while one is made; some 50 a second
    Error snapshot_error_;                                         // of the last one that failed
    struct Copy {
        Index index;
        Term term;
        Revision revision;
    };
    std::deque<Copy> copies_;  // the newest ones made by this process, oldest first
    size_t backup_pieces_in_flight_ = 0;
    uint64_t snapshot_not_before_ms_ = 0;
    uint64_t snapshot_due_bytes_ = log_bytes_after(options_.snapshot_bytes_at_start);  // of log since the last one
    uint64_t log_bytes_ = 0;                                                           // since the last snapshot
    uint64_t trailing_entries_ = options_.log_trailing_entries;                        // behind the snapshot under way
    Index snapshot_index_;
    Index boundary_;            // the log holds what comes after this
    uint64_t log_entries_ = 0;  // since the last snapshot, as log_bytes_

    Counters counters_;
    Facts last_facts_;
    FiguresMeasured figures_;
};

}  // namespace belfry::hub::core
