#include "plugins/storage_sqlite/statements.hpp"

namespace belfry::storage_sqlite {

namespace {

// An empty blob is less than every key, so `from` needs no form without it.
std::string sql_of(Query query, uint32_t number) {
    const std::string table = "table" + std::to_string(number);
    const std::string range = "SELECT key, value FROM " + table + " WHERE key >= ?1";
    switch (query) {
        case Query::get: return "SELECT value FROM " + table + " WHERE key = ?1";
        case Query::put: return "INSERT OR REPLACE INTO " + table + " (key, value) VALUES (?1, ?2)";
        case Query::erase: return "DELETE FROM " + table + " WHERE key = ?1";
        case Query::forward: return range + " ORDER BY key";
        case Query::forward_to: return range + " AND key < ?2 ORDER BY key";
        case Query::reverse: return range + " ORDER BY key DESC";
        case Query::reverse_to: return range + " AND key < ?2 ORDER BY key DESC";
        case Query::count: break;
    }
    return {};
}

const char* sql_of(Control control) {
    switch (control) {
        case Control::begin_reading: return "BEGIN";
        case Control::begin_batch: return "BEGIN IMMEDIATE";
        case Control::commit: return "COMMIT";
        case Control::rollback: return "ROLLBACK";
        case Control::load_applied: return "SELECT value FROM belfry WHERE name = 'applied'";
        case Control::save_applied: return "UPDATE belfry SET value = ?1 WHERE name = 'applied'";
        case Control::count: break;
    }
    return "";
}

}  // namespace

Result<sqlite3_stmt*> Statements::prepared(Statement& kept, const std::string& sql) {
    Result<Statement> statement = database_.prepare(sql);
    if (!statement) return statement.error();
    kept = std::move(*statement);
    return kept.get();
}

Result<sqlite3_stmt*> Statements::of(Query query, uint32_t table) {
    Statement& kept = queries_[static_cast<size_t>(query) * BELFRY_TABLE_COUNT + table];
    return kept ? Result<sqlite3_stmt*>(kept.get()) : prepared(kept, sql_of(query, table));
}

Result<sqlite3_stmt*> Statements::of(Control control) {
    Statement& kept = controls_[static_cast<size_t>(control)];
    return kept ? Result<sqlite3_stmt*>(kept.get()) : prepared(kept, sql_of(control));
}

Status Statements::run(Control control) {
    const Result<sqlite3_stmt*> statement = of(control);
    if (!statement) return statement.error();
    Run run(*statement);
    return run.step() == SQLITE_DONE ? Status{} : database_.error(sql_of(control));
}

Result<Index> Statements::load_applied() {
    const Result<sqlite3_stmt*> statement = of(Control::load_applied);
    if (!statement) return statement.error();
    Run run(*statement);
    const int rc = run.step();
    if (rc == SQLITE_ROW) return Index{static_cast<uint64_t>(sqlite3_column_int64(*statement, 0))};
    if (rc == SQLITE_DONE) return Error{Code::corrupt, "the SQLite file has lost its applied index"};
    return database_.error("the applied index");
}

Status Statements::save_applied(Index index) {
    const Result<sqlite3_stmt*> statement = of(Control::save_applied);
    if (!statement) return statement.error();
    Run run(*statement);
    sqlite3_bind_int64(*statement, 1, static_cast<sqlite3_int64>(index.value));
    if (run.step() != SQLITE_DONE) return database_.error("the applied index");
    if (sqlite3_changes(database_.connection()) == 1) return {};
    return Error{Code::corrupt, "the SQLite file has lost its applied index"};
}

}  // namespace belfry::storage_sqlite
