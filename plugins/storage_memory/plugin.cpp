#include "plugins/storage_memory/memory_store.hpp"

BELFRY_PLUGIN(storage_memory, "1.0.0", "Keeps the state in memory; after a start it is rebuilt from the log.",
              belfry::plugin::state_store<belfry::storage_memory::MemoryStore>())
