#include "plugins/log_wal/wal_log.hpp"

BELFRY_PLUGIN(log_wal, "1.0.0", "Keeps the log in segment files with checksums; one fdatasync per batch.",
              belfry::plugin::log_store<belfry::log_wal::WalLog>())
