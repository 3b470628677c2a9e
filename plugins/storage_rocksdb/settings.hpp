// What belfry.toml may say under [store.settings], and what a small disk or a limit on files makes of it.
#pragma once

#include <cstdint>
#include <string>

#include "sdk/plugin/plugin.hpp"

namespace belfry::storage_rocksdb {

// Memory is bounded by cache_bytes + write_buffer_bytes, and some MiB for compactions at work.
struct RocksSettings {
    uint64_t cache_bytes = 64ull * 1024 * 1024;         // blocks of the files, their indexes and filters
    uint64_t write_buffer_bytes = 64ull * 1024 * 1024;  // what is committed and not in a file yet, all buffers together
    uint64_t background_threads = 2;                    // that compact; one more writes buffers out
};

Result<RocksSettings> parse_settings(const plugin::Settings& settings);

// Sizes that follow from the settings, the file system's size and the process's limit on file sizes: so that a buffer being
// written out is small beside the disk, and no file meets the limit.
struct Sizes {
    uint64_t buffer_bytes = 0;     // one of write_buffers
    uint64_t file_bytes = 0;       // of a file that a compaction writes
    uint64_t batch_bytes_max = 0;  // of one batch
    static constexpr int write_buffers = 4;
};
Sizes sizes_of(const RocksSettings& settings, const std::string& directory);

}  // namespace belfry::storage_rocksdb
