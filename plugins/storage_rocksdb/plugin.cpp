#include "plugins/storage_rocksdb/rocks_store.hpp"

BELFRY_PLUGIN(storage_rocksdb, "1.0.0", "Keeps the state in RocksDB: for data far larger than memory.",
              belfry::plugin::state_store<belfry::storage_rocksdb::RocksStore>())
