// What belfry.toml may say under [store.settings], and what a small disk or a limit on files makes of it.
#pragma once

#include <cstdint>
#include <string>

#include "sdk/plugin/plugin.hpp"

namespace belfry::storage_rocksdb {

// Memory is bounded by cache_bytes + write_buffer_bytes, and some MiB for compactions at work.
struct RocksSettings {
    uint64_t cache_bytes = 64ull * 1024 * 1024;         // blocks of the files that had to be unpacked
    uint64_t write_buffer_bytes = 64ull * 1024 * 1024;  // what is committed and not in a file yet, all buffers together
    uint64_t background_threads = 2;                    // that compact; two more write buffers out
};

Result<RocksSettings> parse_settings(const plugin::Settings& settings);

// Sizes that follow from the settings, the file system's size and the process's limit on file sizes: so that a buffer being
// written out is small beside the disk, and no file meets the limit.
struct Sizes {
    // One of two for the change records and one of two for the rest: one is written to while the other is written out. The
    // rest comes in any order, and the more of it comes together the less often it is merged.
    uint64_t changes_buffer_bytes = 0;
    uint64_t others_buffer_bytes = 0;
    static constexpr int buffers_each = 2;
    uint64_t file_bytes = 0;       // of a file that a compaction writes
    uint64_t batch_bytes_max = 0;  // of one batch
    // Of disk: all that can be committed and in no file yet, which opening the store anew may write out.
    uint64_t reserve_bytes() const { return buffers_each * (changes_buffer_bytes + others_buffer_bytes); }
};
Sizes sizes_of(const RocksSettings& settings, const std::string& directory);

}  // namespace belfry::storage_rocksdb
