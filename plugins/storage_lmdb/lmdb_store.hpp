// The state store on LMDB: one environment, one tree per table and a small one for name, format and applied index.
//
// Flags: NOSYNC, because the log is the truth and sync() comes from the sync thread; NORDAHEAD, because reads are random;
// NOTLS, because open() and the core may be different threads; WRITEMAP where it is safe (lmdb_env.hpp).
//
// A reader of the core is kept between batches, renewed at the first read after one and reset at begin(), so it never pins
// pages that a batch has replaced. Puts behind a table's greatest key are appended: pages then fill up instead of staying
// half empty after each split.
#pragma once

#include <array>
#include <atomic>
#include <shared_mutex>

#include "plugins/storage_lmdb/lmdb_env.hpp"
#include "sdk/plugin/state_store.hpp"

namespace belfry::storage_lmdb {

struct LmdbSettings {
    // Address space, not memory or disk: large enough that nobody meets it. The file has this size but is sparse.
    uint64_t map_bytes = uint64_t{64} * 1024 * 1024 * 1024;
    Env::Write write = Env::Write::safest_fast;  // write = "auto" or "plain"
};

class LmdbStore {
public:
    static Result<std::unique_ptr<LmdbStore>> open(const plugin::OpenArguments& arguments);
    LmdbStore(const plugin::OpenArguments& arguments, const LmdbSettings& settings, std::unique_ptr<Env> env);

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
    Result<MDB_txn*> view();  // the batch, or the reader on the newest commit
    Status failed(Status status);
    void learn_greatest(uint32_t table);
    Result<MDB_cursor*> batch_cursor(uint32_t table);
    static bool stands_on(MDB_cursor* cursor, BytesView key);
    Status load_image(const plugin::SnapshotSource& source, const std::string& directory);
    Status replace_data(const std::string& incoming);

    const std::string directory_;
    const plugin::Host host_;
    const LmdbSettings settings_;

    // The sync thread holds it shared; only replacing the environment takes it alone. The core needs no lock otherwise.
    std::shared_mutex env_mutex_;
    std::atomic<bool> replacing_ = false;  // tells a running copy to end
    std::unique_ptr<Env> env_;

    Txn batch_;
    Status batch_error_;  // the first of the open batch; LMDB itself only remembers that there was one
    std::array<MDB_cursor*, BELFRY_TABLE_COUNT> batch_cursors_{};  // of the open batch; NULL until used
    Txn reader_;
    bool reader_active_ = false;

    struct Greatest {
        bool known = false;
        Bytes key;  // empty: the table is empty
    };
    Greatest greatest_[BELFRY_TABLE_COUNT];
};

}  // namespace belfry::storage_lmdb
