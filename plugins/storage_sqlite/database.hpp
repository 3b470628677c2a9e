// One connection to an SQLite file: RAII and errors as sentences. A connection belongs to one thread at a time.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

#include "sdk/base/error.hpp"
#include "sdk/base/types.hpp"

namespace belfry::storage_sqlite {

struct StatementFinalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementFinalize>;

// Ends what a statement has begun, so that it can run again.
class Run {
public:
    explicit Run(sqlite3_stmt* statement) : statement_(statement) {}
    ~Run() { sqlite3_reset(statement_); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    int step() { return sqlite3_step(statement_); }

private:
    sqlite3_stmt* statement_;
};

// Borrowed until the statement runs again.
inline void bind(sqlite3_stmt* statement, int position, BytesView bytes) {
    // A null pointer would mean NULL, which is no value of ours.
    sqlite3_bind_blob64(statement, position, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
}

class Database {
public:
    // Opens or creates the file. Commits of this connection do not wait for the disk (synchronous = OFF) and closing it
    // moves nothing out of the write-ahead log.
    static Result<std::unique_ptr<Database>> open(const std::string& path, uint64_t cache_bytes);
    ~Database() { sqlite3_close_v2(connection_); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // `what` is said before SQLite's own words. Of the last call that failed.
    Error error(const std::string& what) const;
    Status run(const char* sql);
    Result<Statement> prepare(const std::string& sql);
    // The first column of the first row; `otherwise` if there is no row.
    Result<uint64_t> number(const char* sql, uint64_t otherwise);

    bool in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }
    sqlite3* connection() { return connection_; }

private:
    explicit Database(sqlite3* connection) : connection_(connection) {}
    sqlite3* connection_;
};

// The octets of a column; `io` when there is no memory for them. Valid until the statement moves.
Result<BytesView> column(Database& database, sqlite3_stmt* statement, int position);

}  // namespace belfry::storage_sqlite
