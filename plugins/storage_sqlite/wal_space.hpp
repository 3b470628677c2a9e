// Disk space of the write-ahead log, taken before a batch is written: the seam wants a full disk to show at put, and SQLite
// would tell at commit. What it takes lies beyond the file's end, where SQLite writes next; readers never see it.
#pragma once

#include <cstdint>
#include <string>

#include "sdk/base/error.hpp"

namespace belfry::storage_sqlite {

inline constexpr uint64_t page_bytes = 4096;
inline constexpr uint64_t wal_bytes_kept = 64 * 1024 * 1024;  // of a log that starts again; SQLite gives the rest back

class WalSpace {
public:
    WalSpace() = default;
    ~WalSpace();
    WalSpace(const WalSpace&) = delete;
    WalSpace& operator=(const WalSpace&) = delete;

    // Of the log and of its index, which exist. Closing our descriptor of the index drops SQLite's locks on it, so this
    // object must outlive the connections.
    Status open(const std::string& log, const std::string& index);

    // The log has so many frames after a commit: the next batch comes behind them, or at the start.
    void follow(uint64_t frames);
    void start_batch();
    // Before each change of the open batch. no_space: the disk has no room for it.
    Status reserve(uint64_t value_bytes);

private:
    Status allocate(uint64_t bytes);

    // A put writes its leaf; splits and the pages above are shared by many. What needs more is told at commit.
    static constexpr uint64_t pages_per_change = 3;
    static constexpr uint64_t batch_pages_min = 16;  // the applied index, roots, the list of free pages

    int log_ = -1;
    int index_ = -1;
    bool allocates_ = true;  // false: the file system cannot, and a full disk shows at commit
    uint64_t file_bytes_max_ = UINT64_MAX;
    uint64_t frames_ = 0;     // in the log
    uint64_t pages_ = 0;      // that the open batch may write
    uint64_t allocated_ = 0;  // octets from the file's start that are certainly there
};

}  // namespace belfry::storage_sqlite
