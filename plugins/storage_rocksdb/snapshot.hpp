// Images of the whole state, out of one database and into another; and which database of a directory is the current one.
#pragma once

#include <atomic>
#include <string>

#include "plugins/storage_rocksdb/engine.hpp"
#include "sdk/plugin/state_store.hpp"

namespace belfry::storage_rocksdb {

// Any thread: the image of one commit, which RocksDB keeps for as long. `unavailable` when `cancel` becomes true.
Result<Index> write_image(Engine& engine, const plugin::SnapshotSink& sink, const std::atomic<bool>& cancel);
// Into an empty database, past its write-ahead log; it is on disk when this returns.
Result<Index> read_image(Engine& engine, const plugin::SnapshotSource& source);

std::string data_name(uint64_t number);  // "data-7"
uint64_t data_number(const std::string& name);
// Which one the link CURRENT names; empty if there is none yet.
Result<std::string> current_data(const std::string& directory);
// Changes the link, at once and durably.
Status point_to(const std::string& directory, const std::string& name);
// What an interrupted snapshot has left.
void remove_other_data(const std::string& directory, const std::string& kept);
// Octets of disk that everything below takes.
uint64_t disk_bytes(const std::string& directory);

}  // namespace belfry::storage_rocksdb
