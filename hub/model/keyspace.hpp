// The key space: the state machine. Pure but for the state store it is given, which is its memory (hub/plugin/state_store).
// apply() is deterministic: it reads time, identity and everything else from the command alone.
//
// Tables of the store (docs/formats.md):
//   meta      small facts: format, revision, compacted revision, cluster time, live key count
//   current   key -> create, mod, version, lease, value                          the newest state
//   changes   revision (big-endian) -> time, author, comment, events; each event carries the key's previous pair, so that
//             one key's past is a chain walked backwards and compaction is dropping the oldest records
//   deleted   key -> revision of the delete; until compaction passes it, so that old reads find the chain's end
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "hub/log/entry.hpp"
#include "hub/plugin/filter.hpp"
#include "hub/plugin/state_store.hpp"
#include "sdk/base/hash.hpp"
#include "sdk/protocol/messages.hpp"

namespace belfry::hub::model {

struct Applied {
    Result<protocol::ReplyResult> reply;  // errors: compacted, invalid_argument ... (the state is then unchanged)
    Revision revision;                    // of the state afterwards; a new one if `change` is set
    std::optional<ChangeSet> change;      // for the feed
};

class Keyspace {
public:
    explicit Keyspace(plugin::StateStore& store);

    // Reads meta; writes it if the store is new (then a batch must be open). `incompatible` for a newer format.
    Status load();
    // Forgets what is cached of an uncommitted batch; call after rollback.
    Status reload();

    Revision revision() const { return revision_; }
    Revision compacted() const { return compacted_; }
    uint64_t key_count() const { return key_count_; }
    uint64_t time_ms() const { return time_ms_; }

    // Applies one command inside the store's open batch. A Status error is the store's: roll back, stop.
    Result<Applied> apply(const log::Command& command, uint64_t time_ms);
    // Writes meta; call once before the batch's commit.
    Status finish_batch();

    // ---- reads, at the state applied so far ----
    // `compacted` below compacted(), `invalid_argument` above revision().
    Result<protocol::RangeReply> range(const protocol::RangeRequest& request);
    Result<protocol::HistoryReply> history(const protocol::HistoryRequest& request);
    Result<protocol::ChangesReply> changes(const protocol::ChangesRequest& request, const plugin::Filter& filter);
    Result<protocol::SnapshotReply> snapshot(const protocol::SnapshotRequest& request, const plugin::Filter& filter);
    Result<protocol::DigestReply> digest(const protocol::DigestRequest& request, const plugin::Filter& filter);
    // The newest revision whose change set is older than time_ms; for compaction by age. 0 = none.
    Result<Revision> revision_before(uint64_t time_ms);

private:
    plugin::StateStore& store_;
    Revision revision_;
    Revision compacted_;
    uint64_t key_count_ = 0;
    uint64_t time_ms_ = 0;
};

}  // namespace belfry::hub::model
