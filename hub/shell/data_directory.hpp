// The data directory and what must be true of it before anything runs.
//
//   DIR/LOCK            held by the running process
//   DIR/identity        one "name = value" a line: format, epoch, member, directory, store, log; after the state
//                       was moved into another store also state: the folder that it is in
//   DIR/acquaintances   with which data directory each other member came first, "member directory" a line
//   DIR/running         boot id of the machine while a hub runs on the state store; removed by a clean stop
//   DIR/boundary        where the log begins: index, term and the raft configuration in force there
//   DIR/fenced          why this data must not be used any more; a person removes it, or rather the whole directory
//   DIR/moving          while the state is moved into another store: the two folders, one a line
//   DIR/root-token       whoever shows it is root, as long as this process runs (docs/auth.md); only its owner may read it
//   DIR/log/  DIR/snapshots/  DIR/state/ (or DIR/state.PLUGIN/, as identity says)
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "hub/core/core.hpp"
#include "hub/plugin/log_store.hpp"
#include "hub/plugin/state_store.hpp"
#include "hub/raft/raft.hpp"
#include "hub/shell/files.hpp"

namespace belfry::hub::shell {

struct Identity {
    uint64_t epoch = 0;  // identity of this log lineage, and so of the cluster
    uint64_t member = 1;
    std::string store;  // plugin names: data of one is never read by another
    std::string log;
    uint64_t cluster = 0;    // what the settings ask the epoch to be; 0 = nothing. Not kept
    uint64_t directory = 0;  // the directory's own number, given when it is made: a member with a new disk has another one
    std::string state = "state";  // the folder of the state store
};

class DataDirectory {
public:
    // Creates what is missing and takes the lock. `wanted` gives member and plugins; its epoch is used if the directory is
    // new. corrupt: fenced. conflict: in use. incompatible: made for another member or cluster, by other plugins, or in a
    // newer format; the sentence says what to do.
    static Result<DataDirectory> open(const std::string& path, const Identity& wanted);

    // One that a hub has made and nobody uses now, whoever its member is; changes nothing. not_found: there is none.
    // conflict: in use. incompatible: its state is in another store than `store`.
    static Result<DataDirectory> open_stopped(const std::string& path, const std::string& store);

    // A directory that is filled from elsewhere; it must be empty or not there (conflict). `fill` is given the path of the
    // snapshots. Until all is done the directory is fenced.
    static Status create(const std::string& path, const Identity& identity, const core::Boundary& boundary,
                         const std::function<Status(const std::string& snapshots_path)>& fill);

    const Identity& identity() const { return identity_; }
    std::string log_path() const { return path_ + "/log"; }
    std::string state_path() const { return path_ + "/" + identity_.state; }
    std::string snapshots_path() const { return path_ + "/snapshots"; }
    std::string root_token_path() const { return path_ + "/root-token"; }

    // True if the machine went down while a hub ran on the state store: what it committed since its last sync cannot be
    // trusted.
    Result<bool> state_is_doubtful() const;
    Status mark_running() const;
    Status mark_clean() const;  // after the store was synced

    // Makes an empty folder for the state in another store; its name. conflict: there is something of that name.
    Result<std::string> make_state_folder(const std::string& store) const;
    // From now on, at once and durably, the state is in this store and folder; the former one is removed.
    Status switch_state(const std::string& store, const std::string& folder);
    // What a move of the state that came to no end has left.
    void remove_other_state() const;

    // From now on no hub starts here: it would serve what is known to be wrong.
    Status fence(const std::string& why) const;

    // The directories of the other members, by id.
    Status keep_acquaintances(const std::map<uint64_t, uint64_t>& directories) const;
    Result<std::map<uint64_t, uint64_t>> kept_acquaintances() const;

    // Before the log forgets what is before it, or is emptied for a snapshot.
    Status keep_boundary(const core::Boundary& boundary) const;
    // index 0 if none was kept
    Result<core::Boundary> kept_boundary() const;

private:
    DataDirectory(std::string path, Identity identity, DirectoryLock lock)
        : path_(std::move(path)), identity_(std::move(identity)), lock_(std::move(lock)) {}
    std::string path_;
    Identity identity_;
    DirectoryLock lock_;
};

// What the log holds, for the core: term, vote, boundary and the trail of entries (payloads only of CHANGE entries).
// `payload_bytes` becomes what all payloads add up to. Entries up to the boundary that are still in the log are not seen. A
// log that does not reach the boundary, or differs there, was to be replaced by a snapshot when the process ended: it is
// emptied now.
Result<raft::Restored> restore_log(plugin::LogStore& log, const core::Boundary& kept, uint64_t& payload_bytes);

}  // namespace belfry::hub::shell
