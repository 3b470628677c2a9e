// The state store on SQLite: one file, state.sqlite, that any SQLite tool opens, and its write-ahead log beside it.
//
// A commit goes into the log (journal_mode = WAL) and nobody waits for the disk (synchronous = OFF): Belfry's own log is
// the truth. A killed process loses nothing, since the kernel has it all. A machine that goes down may leave anything, as
// with storage_lmdb; then the hub rebuilds the state. sync() makes it durable.
//
// Three connections: the core's, which alone writes; the sync thread's, for hot copies; the checkpointer's. The core keeps
// a read transaction between batches, begun at the first read after one and ended at begin().
#pragma once

#include "plugins/storage_sqlite/borrowed_values.hpp"
#include "plugins/storage_sqlite/checkpointer.hpp"
#include "plugins/storage_sqlite/schema.hpp"
#include "plugins/storage_sqlite/statements.hpp"
#include "plugins/storage_sqlite/wal_space.hpp"
#include "sdk/plugin/state_store.hpp"

namespace belfry::storage_sqlite {

// A connection and its statements.
struct Session {
    explicit Session(std::unique_ptr<Database> opened) : database(std::move(opened)), statements(*database) {}
    std::unique_ptr<Database> database;
    Statements statements;
};

class SqliteStore {
public:
    static Result<std::unique_ptr<SqliteStore>> open(const plugin::OpenArguments& arguments);
    SqliteStore(std::string path, std::unique_ptr<Database> core, std::unique_ptr<Database> copier,
                std::unique_ptr<Database> checkpoints);

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
    // In one transaction: an image that is damaged or does not fit leaves the store as it was.
    Status snapshot_read(const plugin::SnapshotSource& source);
    Result<plugin::StateStoreStats> stats();

private:
    enum class View { none, reading, batch };

    Status start();
    Status view();  // from now on reads see one commit, or the batch
    Status start_writing();
    Status failed(Status status);
    Status change(Query query, uint32_t table, BytesView key, BytesView value);
    Status load_image(const plugin::SnapshotSource& source);
    Result<Index> write_image(const plugin::SnapshotSink& sink);

    const std::string path_;
    WalSpace wal_space_;  // outlives the connections
    Session core_;
    Session copier_;  // sync thread only
    Checkpointer checkpointer_;
    uint64_t frames_ = 0;  // in the log after the last commit

    View view_ = View::none;
    Status batch_error_;  // the first of the open batch: SQLite may have ended its transaction then
    BorrowedValues borrowed_;
};

}  // namespace belfry::storage_sqlite
