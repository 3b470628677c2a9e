// The state stores that benches link.
#pragma once

#include "sdk/plugin/plugin.h"

extern "C" {
const belfry_plugin_descriptor* belfry_plugin_entry_storage_lmdb(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_storage_memory(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_storage_rocksdb(const belfry_host_v1*, belfry_error*);
const belfry_plugin_descriptor* belfry_plugin_entry_storage_sqlite(const belfry_host_v1*, belfry_error*);
}
