#include "plugins/storage_sqlite/sqlite_store.hpp"

BELFRY_PLUGIN(storage_sqlite, "1.0.0", "Keeps the state in an SQLite file.",
              belfry::plugin::state_store<belfry::storage_sqlite::SqliteStore>())
