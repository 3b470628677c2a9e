#include "plugins/log_memory/log_memory.hpp"

BELFRY_PLUGIN(log_memory, "1.0.0", "Keeps the log in memory, for tests; nothing outlives the process.",
              belfry::plugin::log_store<belfry::log_memory::MemoryLog>())
