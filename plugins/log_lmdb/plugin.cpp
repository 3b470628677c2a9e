#include "plugins/log_lmdb/lmdb_log.hpp"

BELFRY_PLUGIN(log_lmdb, "1.0.0", "Keeps the log in an LMDB file.", belfry::plugin::log_store<belfry::log_lmdb::LmdbLog>())
