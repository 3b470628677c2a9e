#include "plugins/storage_sqlite/database.hpp"

#include <cerrno>
#include <cstring>

namespace belfry::storage_sqlite {

namespace {

// Only another program that has the file open can make us wait: our own writer is one, our readers do not lock.
constexpr int busy_timeout_ms = 200;

bool means_full(int number) { return number == ENOSPC || number == EDQUOT || number == EFBIG; }

Code code_of(int rc, int system_error) {
    if (rc == SQLITE_IOERR_SHMSIZE) return Code::no_space;  // the log's index; SQLite keeps no errno of it
    switch (rc & 0xff) {
        case SQLITE_FULL: return Code::no_space;
        case SQLITE_IOERR: return means_full(system_error) ? Code::no_space : Code::io;
        case SQLITE_CANTOPEN:
            return means_full(system_error) ? Code::no_space : system_error == EACCES ? Code::denied : Code::io;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return Code::corrupt;
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY: return Code::denied;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return Code::busy;
        case SQLITE_TOOBIG: return Code::too_large;
        default: return Code::io;
    }
}

}  // namespace

Error Database::error(const std::string& what) const {
    const int rc = sqlite3_extended_errcode(connection_);
    const int system_error = sqlite3_system_errno(connection_);
    const Code code = code_of(rc, system_error);
    std::string detail = what + ": " + sqlite3_errmsg(connection_);
    if ((rc & 0xff) == SQLITE_IOERR && system_error != 0) detail += std::string(", ") + std::strerror(system_error);
    if (code == Code::no_space)
        detail += system_error == EFBIG ? " (the largest file size allowed is met)" : " (free disk space)";
    if (code == Code::busy) detail += " (another program is writing to the file; it belongs to the hub while that runs)";
    return {code, std::move(detail)};
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, uint64_t cache_bytes) {
    sqlite3* raw = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    const int rc = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
    if (raw == nullptr) return Error{Code::io, path + ": no memory for a connection"};
    std::unique_ptr<Database> database(new Database(raw));
    if (rc != SQLITE_OK) return database->error(path);
    sqlite3_busy_timeout(raw, busy_timeout_ms);
    // A checkpoint at close would write to the file after the last sync() of a hub that stops.
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_wal_autocheckpoint(raw, 0);
    const std::string cache = "PRAGMA cache_size = -" + std::to_string(cache_bytes / 1024);
    // Debian's library would write zeros over all that is erased: room for which nobody has asked.
    for (const char* sql :
         {"PRAGMA synchronous = OFF", cache.c_str(), "PRAGMA temp_store = MEMORY", "PRAGMA secure_delete = OFF"}) {
        if (Status status = database->run(sql); !status)
            return Error{status.error().code, path + ": " + status.error().detail};
    }
    return database;
}

Status Database::run(const char* sql) {
    if (sqlite3_exec(connection_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return error(sql);
}

Result<Statement> Database::prepare(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    const int rc = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
    if (rc != SQLITE_OK) return error(sql);
    return Statement(statement);
}

Result<uint64_t> Database::number(const char* sql, uint64_t otherwise) {
    const Result<Statement> statement = prepare(sql);
    if (!statement) return statement.error();
    const int rc = sqlite3_step(statement->get());
    if (rc == SQLITE_DONE) return otherwise;
    if (rc != SQLITE_ROW) return error(sql);
    return static_cast<uint64_t>(sqlite3_column_int64(statement->get(), 0));
}

Result<BytesView> column(Database& database, sqlite3_stmt* statement, int position) {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, position));
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, position));
    if (size == 0) return BytesView("", 0);
    if (data == nullptr) return database.error("reading a value");
    return BytesView(data, size);
}

}  // namespace belfry::storage_sqlite
