#include "plugins/storage_sqlite/schema.hpp"

#include "sdk/plugin/state_store.h"

namespace belfry::storage_sqlite {

namespace {

std::string sql_of_new_file() {
    std::string sql = "CREATE TABLE belfry (name TEXT PRIMARY KEY NOT NULL, value NOT NULL) WITHOUT ROWID;";
    for (uint32_t table = 0; table < BELFRY_TABLE_COUNT; ++table) {
        sql += "CREATE TABLE table" + std::to_string(table) +
               " (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;";
    }
    sql += "INSERT INTO belfry VALUES ('plugin', '" + std::string(plugin_name) + "'), ('format', " +
           std::to_string(format) + "), ('applied', 0);";
    return sql;
}

Error foreign(const std::string& path, const std::string& why) {
    return {Code::incompatible,
            path + ": this SQLite file was not written by storage_sqlite (" + why + "); choose another directory"};
}

Status create(Database& database) {
    if (Status status = database.run("BEGIN IMMEDIATE"); !status) return status;
    Status status = database.run(sql_of_new_file().c_str());
    if (status) status = database.run("COMMIT");
    if (!status && database.in_transaction()) (void)database.run("ROLLBACK");
    return status;
}

Status use_write_ahead_log(Database& database, const std::string& path) {
    const Result<Statement> statement = database.prepare("PRAGMA journal_mode = WAL");
    if (!statement) return statement.error();
    if (sqlite3_step(statement->get()) != SQLITE_ROW) return database.error(path);
    const Result<BytesView> mode = column(database, statement->get(), 0);
    if (!mode) return mode.error();
    if (*mode == "wal") return {};
    return Error{Code::unsupported,
                 path + ": the file system there cannot hold a write-ahead log of SQLite; choose another"};
}

Status check(Database& database, const std::string& path) {
    const auto own = database.number(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND (name = 'belfry' OR name GLOB 'table[0-7]')", 0);
    if (!own) return own.error();
    if (*own != BELFRY_TABLE_COUNT + 1) return foreign(path, "its tables are others");
    const auto named = database.number("SELECT value = 'storage_sqlite' FROM belfry WHERE name = 'plugin'", 0);
    if (!named) return named.error();
    if (*named != 1) return foreign(path, "it names another plugin");
    const auto found = database.number("SELECT value FROM belfry WHERE name = 'format'", 0);
    if (!found) return found.error();
    if (*found == 0) return Error{Code::corrupt, path + ": the data names no format"};
    if (*found <= format) return {};
    return Error{Code::incompatible, path + ": the data has format " + std::to_string(*found) +
                                         ", this release knows formats up to " + std::to_string(format)};
}

}  // namespace

Status prepare_schema(Database& database, const std::string& path) {
    const auto objects = database.number("SELECT count(*) FROM sqlite_schema", 0);
    if (!objects) return Error{objects.error().code, path + ": " + objects.error().detail};
    const bool fresh = *objects == 0;
    if (!fresh) {
        if (Status status = check(database, path); !status) return status;
    }
    if (Status status = use_write_ahead_log(database, path); !status) return status;
    if (fresh) {
        if (Status status = create(database); !status) return status;
    }
    return {};
}

}  // namespace belfry::storage_sqlite
