// One open LMDB environment: RAII and errors as sentences. The meanings of the flags are in lmdb_store.hpp.
#pragma once

#include <lmdb.h>

#include <memory>
#include <string>

#include "plugins/storage_lmdb/page_ahead.hpp"
#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/state_store.h"

namespace belfry::storage_lmdb {

inline constexpr const char* plugin_name = "storage_lmdb";
inline constexpr uint32_t format = 1;  // of the data, stored in it; raised when an older release could not read it

// The code and sentence of what LMDB or the system answered.
Error lmdb_error(int rc, const std::string& what);

inline MDB_val to_val(BytesView bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
inline BytesView from_val(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }

struct TxnAbort {
    void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
};
using Txn = std::unique_ptr<MDB_txn, TxnAbort>;

struct CursorClose {
    void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using Cursor = std::unique_ptr<MDB_cursor, CursorClose>;

// LMDB can write through its map (MDB_WRITEMAP), which is several times as fast for small random puts. The file is then
// sparse, and a page that meets a full disk kills the process (SIGBUS). So disk space is allocated ahead of every write:
// reserve() knows how many new pages the open batch can need at most, and refuses when the disk cannot give them. Where
// fallocate() does not promise that (anything but ext4, xfs, tmpfs), LMDB writes with pwrite() instead.
class Env {
public:
    enum class Write { safest_fast, plain };  // safest_fast: through the map where that is safe

    // Opens or creates; checks that the data is ours.
    static Result<std::unique_ptr<Env>> open(const std::string& directory, uint64_t map_bytes, Write write);
    ~Env() {
        page_ahead_.reset();
        mdb_env_close(env_);
    }
    Env(const Env&) = delete;
    Env& operator=(const Env&) = delete;

    Result<Txn> begin(unsigned flags);
    // Before every change of the open batch, with the size of its value: makes sure that no page of it meets a full disk.
    Status reserve(size_t value_bytes) {
        if (!allocates_) return {};
        batch_pages_ += pages_per_change + value_bytes / page_bytes + 1;
        return batch_pages_ <= allocated_pages_ ? Status{} : allocate();
    }
    // Keeps the index within the batch that it belongs to.
    Status save_applied(MDB_txn* txn, Index index);
    Result<Index> load_applied(MDB_txn* txn);
    Result<Cursor> cursor(MDB_txn* txn, uint32_t table);

    MDB_env* env() { return env_; }
    MDB_dbi table(uint32_t number) const { return tables_[number]; }
    bool through_map() const { return through_map_; }
    // Octets of disk that the file takes.
    uint64_t disk_bytes() const;

private:
    explicit Env(MDB_env* env) : env_(env) {}
    static Result<std::unique_ptr<Env>> open_as(const std::string& directory, uint64_t map_bytes, bool through_map);
    Status open_tables(const std::string& directory);
    void count_batch(MDB_txn* txn);
    Status allocate();
    Status probe_allocation();

    // A put copies its leaf, may split it in three, and each new leaf adds at most one branch page: branches have two
    // entries at least. Copies of branch pages are counted once per batch (count_batch).
    static constexpr uint64_t pages_per_change = 6;
    static constexpr uint64_t page_bytes = 4096;

    MDB_env* env_;
    bool through_map_ = false;
    bool allocates_ = true;  // false: the file system cannot, and the map is only read
    uint64_t map_pages_ = 0;
    uint64_t allocated_pages_ = 0;  // from the file's start, certainly there
    uint64_t batch_pages_ = 0;      // the file's last page plus all that the open batch can add
    std::unique_ptr<PageAhead> page_ahead_;
    MDB_dbi meta_ = 0;
    MDB_dbi tables_[BELFRY_TABLE_COUNT] = {};
};

}  // namespace belfry::storage_lmdb
