// One snapshot on its way here: which octets have come, which to ask for, and when. Writes DIRECTORY/INDEX.part; what is
// there already, from an attempt before, is not asked for again. One thread.
#pragma once

#include <optional>
#include <string>

#include "hub/peer/snapshot_frame.hpp"

namespace belfry::hub::peer {

inline constexpr size_t chunk_bytes = 256 * 1024;

class SnapshotFetch {
public:
    // `bytes_per_second` 0 = as fast as it comes.
    static Result<SnapshotFetch> start(const std::string& directory, uint64_t from, Index index, uint64_t bytes_per_second,
                                       uint64_t now_ms);
    SnapshotFetch(SnapshotFetch&& other) noexcept;
    SnapshotFetch& operator=(SnapshotFetch&&) = delete;
    ~SnapshotFetch();

    uint64_t from() const { return from_; }
    Index index() const { return index_; }
    const std::string& path() const { return path_; }
    // The next to ask for, as long as credit and rate allow.
    std::optional<ChunkAsk> next_ask(uint64_t now_ms);
    // True when it is the last one: everything is in the file, synced.
    Result<bool> take(const Chunk& chunk, uint64_t now_ms);
    // Nothing has come for so long that another member should be asked.
    bool is_stuck(uint64_t now_ms) const;
    uint64_t wake_at_ms(uint64_t now_ms) const;

private:
    uint64_t ask_again_at_ms() const;
    uint64_t chunk_ms() const;  // of one, by the rate
    SnapshotFetch(std::string path, int file, uint64_t from, Index index, uint64_t bytes_per_second, uint64_t have,
                  uint64_t now_ms);
    std::string path_;
    int file_ = -1;
    uint64_t from_;
    Index index_;
    uint64_t bytes_per_second_;
    uint64_t have_ = 0;     // octets in the file
    uint64_t asked_ = 0;    // up to here
    uint64_t total_ = 0;    // 0 = not known yet
    uint64_t progress_ms_;  // when something came
    uint64_t asked_again_ms_ = 0;
    uint64_t not_before_ms_ = 0;  // by the rate
};

}  // namespace belfry::hub::peer
