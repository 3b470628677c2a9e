// The state store on RocksDB: a log-structured tree. Writes go to memory and to its write-ahead log, and background threads
// merge what has come together; so it takes far more data than memory holds, and histories that only grow, at the price of
// background work and slower ranges than an LMDB map gives.
//
// A commit is one record of RocksDB's write-ahead log and does not wait for the disk: Belfry's own log is the truth. That
// log stays on all the same: without it a killed process would lose what was not written out, some seconds of work. sync()
// is one fdatasync of it. After a crash of the machine the state ends at some batch, whole; the hub rebuilds it then as it
// does with every store.
//
// Files: CURRENT, a symbolic link to data-N, where the database is; a snapshot is loaded into data-N+1 and the link
// changed. RESERVE holds disk space (sdk/plugin/space_reserve.hpp), so that a full disk shows at a put and never keeps the
// store from opening. What then still finds no room is opened to be read, until there is some.
//
// The open batch is kept beside RocksDB (overlay.hpp) until its commit. Values that get() lends stay where they are until
// the next call that is neither get nor scan.
#pragma once

#include <atomic>
#include <shared_mutex>

#include "plugins/storage_rocksdb/engine.hpp"
#include "plugins/storage_rocksdb/lent_values.hpp"
#include "plugins/storage_rocksdb/overlay.hpp"
#include "sdk/plugin/space_reserve.hpp"
#include "sdk/plugin/state_store.hpp"

namespace belfry::storage_rocksdb {

class RocksStore {
public:
    static Result<std::unique_ptr<RocksStore>> open(const plugin::OpenArguments& arguments);
    RocksStore(const plugin::OpenArguments& arguments, const RocksSettings& settings, const Sizes& sizes);

    Result<Index> applied_index();
    Status begin();
    Status put(uint32_t table, BytesView key, BytesView value);
    Status erase(uint32_t table, BytesView key);
    Status commit(Index applied_index);
    void rollback();
    Result<BytesView> get(uint32_t table, BytesView key);
    Status scan(uint32_t table, BytesView from, BytesView to, plugin::Direction direction,
                const plugin::ScanVisitor& visitor);
    Status sync();
    Result<Index> snapshot_write(const plugin::SnapshotSink& sink);
    Status snapshot_read(const plugin::SnapshotSource& source);
    Result<plugin::StateStoreStats> stats();

private:
    Status start();
    Status open_engine(const std::string& name);
    BytesView key_of(uint32_t table, BytesView key);
    Status room_for(uint64_t bytes);
    Status failed(Status status);
    rocksdb::Status make_record(Index applied_index);
    rocksdb::Status write_batch();
    rocksdb::Status write_once();
    Status reopen();
    Result<Index> load_image(const plugin::SnapshotSource& source, const std::string& name);
    Status replace_data(const std::string& name, Index applied);
    void remove_unless_current(const std::string& name);

    const std::string directory_;
    const plugin::Host host_;
    const RocksSettings settings_;
    const Sizes sizes_;
    plugin::SpaceReserve reserve_;

    // The sync thread holds it shared; only replacing the database takes it alone. The core needs no lock otherwise.
    std::shared_mutex engine_mutex_;
    std::atomic<bool> replacing_ = false;  // tells a running copy to end
    std::string name_;                     // data-N
    std::unique_ptr<Engine> engine_;
    std::atomic<bool> read_only_ = false;  // nothing may be written until reopen()

    Index applied_;
    Overlay batch_;
    rocksdb::WriteBatch record_;  // of the batch that is being committed
    uint64_t batch_bytes_ = 0;
    Status batch_error_;  // the first of the open batch
    LentValues lent_;
    Bytes key_;
};

}  // namespace belfry::storage_rocksdb
