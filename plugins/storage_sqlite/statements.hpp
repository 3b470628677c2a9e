// The statements of one connection, prepared once, at their first use.
#pragma once

#include <array>

#include "plugins/storage_sqlite/database.hpp"
#include "sdk/plugin/state_store.h"

namespace belfry::storage_sqlite {

enum class Query {
    get,         // ?1 key
    put,         // ?1 key, ?2 value
    erase,       // ?1 key
    forward,     // ?1 from
    forward_to,  // ?1 from, ?2 to
    reverse,     // ?1 from
    reverse_to,  // ?1 from, ?2 to
    count
};

enum class Control { begin_reading, begin_batch, commit, rollback, load_applied, save_applied, count };

class Statements {
public:
    // `database` must outlive it.
    explicit Statements(Database& database) : database_(database) {}

    Result<sqlite3_stmt*> of(Query query, uint32_t table);
    Result<sqlite3_stmt*> of(Control control);
    // Runs one that gives no row.
    Status run(Control control);

    // The applied index lies beside the tables and changes with them.
    Result<Index> load_applied();
    Status save_applied(Index index);

private:
    Result<sqlite3_stmt*> prepared(Statement& kept, const std::string& sql);
    Database& database_;
    std::array<Statement, static_cast<size_t>(Query::count) * BELFRY_TABLE_COUNT> queries_;
    std::array<Statement, static_cast<size_t>(Control::count)> controls_;
};

}  // namespace belfry::storage_sqlite
