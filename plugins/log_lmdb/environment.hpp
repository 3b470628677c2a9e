// The LMDB file of a log: two trees, and what is in them.
//
//   entries   key   u64 index                                                   (MDB_INTEGERKEY: in the machine's order)
//             value u64 term, u32 type, u32 crc32c, payload                     crc32c of index, term, type and payload
//   facts     "plugin" log_lmdb, "format" u32, "vote" u64 term u64 voted_for, "boundary" u64 index u64 term
//
// Integers are little-endian; on disk since 1.0.
#pragma once

#include <lmdb.h>

#include <memory>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"
#include "sdk/plugin/log_store.hpp"

namespace belfry::log_lmdb {

inline constexpr const char* plugin_name = "log_lmdb";
inline constexpr uint64_t page_bytes = 4096;
inline constexpr uint32_t format = 1;  // of the data, stored in it; raised when an older release could not read it

// The code and sentence of what LMDB or the system answered.
Error lmdb_error(int rc, const std::string& what);

struct TxnAbort {
    void operator()(MDB_txn* txn) const { mdb_txn_abort(txn); }
};
using Txn = std::unique_ptr<MDB_txn, TxnAbort>;

struct CursorClose {
    void operator()(MDB_cursor* cursor) const { mdb_cursor_close(cursor); }
};
using Cursor = std::unique_ptr<MDB_cursor, CursorClose>;

// What the tree `facts` says, and where the entries begin and end.
struct Facts {
    Term term;
    uint64_t voted_for = 0;
    Index boundary;
    Term boundary_term;
    Index last;
};

class Environment {
public:
    // Opens or creates; checks that the data is ours and that no entry is missing or changed (one pass over all of them).
    static Result<std::unique_ptr<Environment>> open(const std::string& directory, uint64_t map_bytes, Facts& facts);
    ~Environment() { mdb_env_close(env_); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

    Result<Txn> begin(unsigned flags = 0);
    // Before a transaction that writes at most so many pages anew: takes their disk space. LMDB itself would find out in
    // the middle of a commit, and call a write that the disk cut short an I/O error.
    Status allocate(uint64_t pages);
    Result<Cursor> entries(MDB_txn* txn);
    Status add(MDB_txn* txn, const belfry_log_entry& entry);
    Status save_vote(MDB_txn* txn, Term term, uint64_t voted_for);
    Status save_boundary(MDB_txn* txn, Index boundary, Term term);
    Status drop_entries(MDB_txn* txn);
    Status sync();
    uint64_t disk_bytes() const;  // any thread

    // Of a record of `entries`; `corrupt` with file and index if it is not what was written.
    Result<belfry_log_entry> decode(const MDB_val& key, const MDB_val& value) const;

private:
    Environment(MDB_env* env, std::string path) : env_(env), path_(std::move(path)) {}
    Status open_trees();
    Status check_owner(MDB_txn* txn);
    Status put_fact(MDB_txn* txn, BytesView name, BytesView value);
    Result<Facts> load();

    MDB_env* env_;
    const std::string path_;
    bool allocates_ = true;         // false: the file system cannot
    uint64_t allocated_pages_ = 0;  // from the file's start, certainly there
    MDB_dbi entries_ = 0;
    MDB_dbi facts_ = 0;
};

}  // namespace belfry::log_lmdb
