#include "plugins/storage_lmdb/lmdb_store.hpp"

BELFRY_PLUGIN(storage_lmdb, "1.0.0", "Keeps the state in an LMDB file.",
              belfry::plugin::state_store<belfry::storage_lmdb::LmdbStore>())
