// The key space: the state machine. Pure but for the state store it is given, which is its memory (hub/plugin/state_store).
// apply() is deterministic: it reads time, identity and everything else from the command alone.
//
// How the tables of the store look and how old versions are found: hub/model/records.hpp.
//
// Quotas are kept here too: a command that goes over one is refused whole (hub/model/quotas.hpp).
//
// Transactions as in etcd: which branches run, nested ones too, is decided by the state before the transaction; the
// operations that run see the earlier ones. A key may not be changed twice: two puts of one key, or a put and a delete that
// covers it, are `invalid_argument` (only the two branches of one transaction may repeat each other).
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>

#include "hub/base/limits.hpp"
#include "hub/log/entry.hpp"
#include "hub/model/leases.hpp"
#include "hub/model/own_records.hpp"
#include "hub/model/quotas.hpp"
#include "hub/model/records.hpp"
#include "hub/model/sessions.hpp"
#include "hub/plugin/filter.hpp"
#include "hub/plugin/state_store.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/base/limits.hpp"
#include "sdk/protocol/claim.hpp"
#include "sdk/protocol/codec.hpp"

namespace belfry::hub::model {

// What a subscriber gets in one frame; a delete or transaction of more is refused (`too_large`).
inline constexpr size_t change_set_bytes_max = belfry::limits::frame_bytes_max - 128 * 1024;
inline constexpr size_t event_envelope_bytes = 50;  // an event's numbers and lengths on the wire, at most
// One record of table `changes`: the change set and the values it replaced. Below what a store must take.
inline constexpr size_t change_record_bytes_max = 32 * 1024 * 1024;
// Records that a compaction drops at once, and that each later command drops until none is left: a compaction of a million
// must not stall the hub. Counted by command, not by batch, so that every member's tables are the same.
inline constexpr uint64_t compaction_drops_at_once = 2000;
inline constexpr uint64_t compaction_drops_per_command = 8;
// Keys that one command takes with the leases it ends: what is left goes with the next, so that no write waits for long.
inline constexpr size_t leased_keys_at_once = 1024;
// Events that one `changes` request looks at before it pages.
inline constexpr size_t changes_examined_max = 65536;

struct Applied {
    Result<protocol::ReplyResult> reply;  // errors: compacted, invalid_argument ... (the state is then unchanged)
    Revision revision;                    // of the state afterwards; a new one if `change` is set
    std::optional<ChangeSet> change;      // for the feed
    // For each event of `change` the value it replaced or deleted, none = there was no such key. Only if asked for.
    std::vector<std::optional<Bytes>> values_before;
    bool changed_records = false;  // the hub's own
};

// What a command would look at and answer with, roughly: every member is busy with an entry for as long as with all of its
// commands together, and the one that answers holds all their answers.
struct Reach {
    size_t keys = 0;    // one that is erased counts as erased_key_weight
    size_t octets = 0;  // of the answer, at most
};
// An erased key is read, recorded and written twice, and once more if the command is refused.
inline constexpr size_t erased_key_weight = 16;

// Bugs on purpose in what claims do: only for the simulator, which must find each of them (docs/simulation.md).
struct ClaimPlants {
    bool claim_for_ever = false;     // what was handed out stays so when the lease of its claim has ended
    bool claim_inherited = false;    // a lease holds what an earlier one of its number held
    bool claim_own_again = false;    // who claims is handed out again what it holds
    bool claim_given_back = false;   // likewise what the same transaction gives back
    bool claim_behind_last = false;  // what is free in front of an item with a claim is not looked at
    bool claim_begun_anew = false;   // claims from before this process began do not hold
    bool forget_attempts = false;    // each hand-out is the first one
    bool sweep_claims = false;       // claims that were not looked at are erased, as if their items were gone
    bool keep_orphans = false;       // claims of items that are gone are not erased
    Revision begun;                  // set by Keyspace::plant()
};

class Keyspace {
public:
    explicit Keyspace(plugin::StateStore& store);

    // Reads what is kept in memory; writes meta if the store is new (then a batch must be open). `incompatible` for a newer
    // format. Once more when the store was given another state.
    Status load();
    // Forgets what is cached of an uncommitted batch; call after rollback.
    Status reload();
    // Once, after load().
    void plant(const ClaimPlants& plants);

    Revision revision() const { return meta_.revision; }
    Revision compacted() const { return meta_.compacted; }
    uint64_t key_count() const { return meta_.key_count; }
    uint64_t time_ms() const { return meta_.time_ms; }
    const Quotas& quotas() const { return quotas_; }
    const Leases& leases() const { return leases_; }
    uint64_t last_lease_number() const { return meta_.last_lease_number; }
    size_t session_count() const { return sessions_.count(); }
    // Of everything that was ever changed, in order, with what it replaced: members that applied the same entries have the
    // same one, or one of them has computed something else.
    uint64_t history_digest() const { return meta_.digest; }

    // What the feed wants to hear of a command; the state is the same either way.
    enum class Tell { nothing, change, change_and_values_before };
    // Applies one command inside the store's open batch; one with a ticket that was applied before is answered as it was
    // then. A Status error is the store's: roll back, stop.
    Result<Applied> apply(const log::Command& command, uint64_t time_ms, Tell tell = Tell::change);
    // Writes meta, sessions and quotas; call after each few commands, before they are told. A store that took this has room
    // for the commit too, so that nothing was told that a full disk then takes back.
    Status finish_batch();
    // Ends the store's batch, as StateStore::commit.
    Status commit(Index applied_index);

    // ---- reads, at the state applied so far; any request may come ----
    // `compacted` below compacted(), `invalid_argument` above revision(). Answers are bounded: `more` says that there is
    // more to ask for. A range looks at hub::limits::scan_keys_max keys, at an old revision also at those that were
    // not there then and at the changes since; past that its count is a lower bound and `more` is
    // set. `too_large`: sorting or digesting more than the bounds.
    Result<protocol::RangeReply> range(const protocol::RangeRequest& request);
    // The same, but the keys are written into `frame` instead of the reply.
    Result<protocol::RangeReply> range(const protocol::RangeRequest& request, protocol::RangeFrame& frame);
    // The oldest version may be older than compacted(): then its time, author and comment are lost and `compacted` is set.
    Result<protocol::HistoryReply> history(const protocol::HistoryRequest& request);
    // A `to` above revision() means revision(); the reply says what it covers.
    Result<protocol::ChangesReply> changes(const protocol::ChangesRequest& request, const plugin::Filter& filter);
    Result<protocol::SnapshotReply> snapshot(const protocol::SnapshotRequest& request, const plugin::Filter& filter);
    Result<protocol::RecordsReply> records(const protocol::RecordsRequest& request) { return own_records_.list(request); }
    Result<protocol::DigestReply> digest(const protocol::DigestRequest& request, const plugin::Filter& filter);
    // The lease's keys, a page of them; times are the leader's business.
    Result<std::vector<Bytes>> keys_of_lease(LeaseId lease, BytesView after, size_t most) {
        return leases_.keys(lease, after, most);
    }
    // For a transaction, before it is proposed or run: `too_large` if its compares and its ranges, those of both branches,
    // would look at more than `keys_max` keys together, as the state is now; a range alone never does. What is applied is
    // not asked: members may differ in this bound, never in outcomes.
    Result<Reach> check_reach(const protocol::TxnRequest& request, size_t keys_max);
    // The same for any write; what is no transaction is not refused.
    Result<Reach> check_reach(const protocol::RequestOp& op, size_t keys_max);
    // Keys that everything so far has looked at, and what else took as long; applied or read, answered or refused.
    uint64_t looked_at() const { return looked_at_; }
    // The newest revision whose change set is older than time_ms; for compaction by age. 0 = none.
    Result<Revision> revision_before(uint64_t time_ms);

private:
    // Sees one live key; false ends the scan. Must not call the store.
    using Visit = std::function<bool(BytesView key, const Version& version)>;
    using Direction = plugin::StateStore::Direction;
    // What a read of an old revision looks at: keys that are or were there, and changes on the way back. A command's is not
    // bounded here: what it counts is answered, and kept, the same by every member (see check_reach).
    struct Steps {
        size_t max = hub::limits::scan_keys_max;
        size_t taken = 0;
        bool cut = false;
        Bytes reached;                                // if cut: every key up to here was seen
        std::unordered_map<uint64_t, size_t> places;  // by revision: behind the event that was found last in its record
    };
    // For all ranges of one answer.
    struct Budget {
        size_t octets = belfry::limits::range_reply_bytes_max;
        Steps steps;
    };
    struct Path;    // which branch of each transaction runs, in order of execution
    struct Claims;  // that stand below one prefix
    // What a transaction would do, as far as its bound.
    struct Prospect {
        size_t keys_max;
        size_t keys = 0;  // looked at by compares, ranges and claims
        size_t erased = 0;
        size_t ranges = 0;                               // of more than one key, of any kind
        size_t shown = 0, replaced = 0, handed_out = 0;  // octets of the answer
        bool beyond() const { return keys > keys_max; }
        Reach reach() const;
    };

    // keyspace.cpp
    void pass_time(uint64_t time_ms);
    Result<Applied> execute(const log::Command& command, Tell tell);
    Status read_meta();
    void fold_into_digest(uint64_t hash);
    Result<protocol::ReplyResult> run_command(const log::Command& command);
    Result<protocol::PutReply> put(const protocol::PutRequest& request);
    Result<protocol::PutReply> put_sequential(protocol::PutRequest request);
    Result<protocol::DeleteReply> erase(const protocol::DeleteRequest& request);
    Result<protocol::CompactReply> compact(const protocol::CompactRequest& request);
    Result<protocol::RecordChangeReply> change_own_record(const protocol::RecordChangeRequest& request, BytesView author);
    Result<QuotaUse> use_of(BytesView pattern);
    Status record(const ChangeEvent& event);
    Status record_erase(BytesView key, const Version& version);
    Status write_current(BytesView key, const Version& version);
    Status undo();
    Status drop_records();
    Status tell_change(const log::Command& command, Tell tell, Applied& applied) const;

    // lease_commands.cpp
    Result<protocol::LeaseGrantReply> grant(const protocol::LeaseGrantRequest& request, BytesView owner);
    Result<protocol::LeaseRevokeReply> revoke(const log::LeaseRevoke& revoke);
    Result<protocol::LeaseRevokeReply> expire(const log::LeaseExpiry& expiry);
    Status end_lease(LeaseId id, protocol::LeaseRevokeReply& reply);
    void tell_digest_of_lease(LeaseId id, const Lease& lease);

    // txn.cpp
    Result<protocol::TxnReply> txn(const protocol::TxnRequest& request);
    Result<protocol::TxnReply> run(const protocol::TxnRequest& request, Path& path);
    Status look_ahead(const protocol::Compare& compare, Prospect& prospect);
    Status choose(const protocol::TxnRequest& request, Path& path);
    Result<protocol::TxnOpReply> run_op(const protocol::TxnOp& item, Path& path);
    Result<bool> holds(const protocol::Compare& compare);

    // reach.cpp
    Status look_ahead(const protocol::TxnRequest& request, Prospect& prospect);
    Status look_ahead(const protocol::TxnOp& item, Prospect& prospect);
    Status look_ahead(const protocol::DeleteRequest& erase, Prospect& prospect);

    // claims.cpp
    Result<protocol::ClaimReply> claim(const protocol::ClaimRequest& request);
    Result<Claims> standing_claims(const protocol::ClaimRequest& request);
    bool holds(const protocol::ClaimMark& mark, Revision since, LeaseId claimant) const;
    Status put_claims(const protocol::ClaimRequest& request, std::vector<protocol::ClaimedItem>& items);
    Status erase_claims(const std::vector<Bytes>& keys);

    // versions.cpp: the key space at any kept revision
    Revision newest() const { return events_ == 0 ? meta_.revision : meta_.revision.next(); }
    Result<Revision> resolve(Revision at) const;
    Result<std::optional<Version>> current(BytesView key);                          // borrowed as StateStore::get
    Result<Revision> tombstone(BytesView key);                                      // 0 = none
    Result<std::optional<Version>> at(BytesView key, Revision when, Steps& steps);  // likewise borrowed
    Result<std::optional<Version>> walk(BytesView key, Revision mod, Revision when, Steps& steps);
    Result<ChangeEvent> find_change(BytesView key, Revision mod, Steps& steps);
    Result<BytesView> change_record(Revision revision);
    Status scan(const KeyRange& range, Revision when, Direction direction, const Visit& visit, Steps& steps);
    Status scan_current(const KeyRange& range, Direction direction, const Visit& visit);
    Status scan_old(const KeyRange& range, Revision when, const Visit& visit, Steps& steps);

    // reads.cpp
    static bool in_order_of_keys(const protocol::RangeRequest& request, bool of_the_newest);
    // Takes from the budget what it adds to the answer; what does not fit any more is left out, and `more` set.
    Result<protocol::RangeReply> range(const protocol::RangeRequest& request, Budget& budget);
    template <class Add>
    Result<protocol::RangeReply> range_by_key(const protocol::RangeRequest& request, Revision when, Budget& budget,
                                              Add add);
    Result<protocol::RangeReply> range_sorted(const protocol::RangeRequest& request, Revision when, Budget& budget);
    Status look_ahead(const protocol::RangeRequest& request, Prospect& prospect);

    plugin::StateStore& store_;
    Meta meta_;
    Sessions sessions_;
    OwnRecords own_records_;
    Quotas quotas_;
    Leases leases_;
    // Of the command being applied: its change record so far, kept for its memory, and the number of events in it.
    Bytes change_;
    size_t events_ = 0;
    size_t visible_bytes_ = 0;
    bool names_any_lease_ = false;
    uint64_t sequential_puts_ = 0;
    Bytes scratch_;
    uint64_t looked_at_ = 0;
    ClaimPlants plants_;
};

}  // namespace belfry::hub::model
