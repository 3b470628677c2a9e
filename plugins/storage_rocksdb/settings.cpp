#include "plugins/storage_rocksdb/settings.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>

#include "sdk/plugin/space_reserve.hpp"

namespace belfry::storage_rocksdb {

namespace {

constexpr uint64_t mebibyte = 1024 * 1024;
constexpr uint64_t buffer_bytes_min = 64 * 1024;           // RocksDB's own least
constexpr uint64_t file_bytes_default = 64 * mebibyte;     // 20 GB in 320 files
constexpr uint64_t batch_bytes_default = 1024 * mebibyte;  // the hub's are of 1 MiB and one value more

struct Known {
    const char* name;
    uint64_t RocksSettings::*member;
    uint64_t min, max;
};
constexpr Known known[] = {
    {"cache_bytes", &RocksSettings::cache_bytes, mebibyte, uint64_t{1} << 40},
    {"write_buffer_bytes", &RocksSettings::write_buffer_bytes, mebibyte, uint64_t{1} << 36},
    {"background_threads", &RocksSettings::background_threads, 1, 64},
};

}  // namespace

Result<RocksSettings> parse_settings(const plugin::Settings& settings) {
    RocksSettings parsed;
    for (const auto& [name, value] : settings) {
        const auto* entry =
            std::find_if(std::begin(known), std::end(known), [&name = name](const Known& k) { return name == k.name; });
        if (entry == std::end(known)) {
            return Error{Code::invalid_argument, "storage_rocksdb knows no setting '" + name +
                                                     "'; there are: background_threads, cache_bytes, write_buffer_bytes"};
        }
        uint64_t& number = parsed.*entry->member;
        const char* end = value.data() + value.size();
        const auto read = std::from_chars(value.data(), end, number);
        if (read.ec != std::errc() || read.ptr != end || number < entry->min || number > entry->max) {
            return Error{Code::invalid_argument, "storage_rocksdb: " + name + " = '" + value + "' is no number from " +
                                                     std::to_string(entry->min) + " to " + std::to_string(entry->max)};
        }
    }
    return parsed;
}

Sizes sizes_of(const RocksSettings& settings, const std::string& directory) {
    Sizes sizes;
    sizes.file_bytes = file_bytes_default;
    sizes.batch_bytes_max = batch_bytes_default;
    uint64_t buffer_max = UINT64_MAX;
    if (const uint64_t disk = plugin::file_system_bytes(directory); disk != 0) buffer_max = disk / 32;
    rlimit limit = {};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        buffer_max = std::min<uint64_t>(buffer_max, limit.rlim_cur / 8);
        sizes.file_bytes = std::min<uint64_t>(sizes.file_bytes, limit.rlim_cur / 4);
        sizes.batch_bytes_max = std::min<uint64_t>(sizes.batch_bytes_max, limit.rlim_cur / 4);
    }
    const uint64_t share = settings.write_buffer_bytes / (4 * Sizes::buffers_each);
    sizes.changes_buffer_bytes = std::max(std::min(share, buffer_max), buffer_bytes_min);
    sizes.others_buffer_bytes = std::max(std::min(3 * share, buffer_max), buffer_bytes_min);
    return sizes;
}

}  // namespace belfry::storage_rocksdb
