// The log in segment files (segment.hpp has the format). Setting: segment_bytes, 65536 or more, default 64 MiB.
//
// append() writes one buffer into zeros already on disk (tail.hpp), sync() is one fdatasync. Only the roll-over to a new
// segment needs space. A new segment comes into being when all before it is synced; hence only the last one can have a torn
// tail.
#pragma once

#include <atomic>
#include <deque>
#include <memory>

#include "plugins/log_wal/file.hpp"
#include "plugins/log_wal/segment.hpp"
#include "plugins/log_wal/spare.hpp"
#include "plugins/log_wal/tail.hpp"
#include "sdk/plugin/log_store.hpp"

namespace belfry::log_wal {

class WalLog {
public:
    static Result<std::unique_ptr<WalLog>> open(const plugin::OpenArguments& arguments);

    Result<plugin::LogState> state();
    Status append(std::span<const belfry_log_entry> entries);
    Status truncate_after(Index last_kept);
    Status sync();
    Status read(Index first, const plugin::LogVisitor& visitor);
    Status compact(Index first_kept);
    Status reset(Index boundary, Term boundary_term);
    Status save_vote(Term term, uint64_t voted_for);
    Result<plugin::LogStoreStats> stats() { return plugin::LogStoreStats{bytes_used_, segment_count_}; }

private:
    struct Segment {
        SegmentHeader header;
        File file;
        uint64_t capacity = 0;
        uint64_t lowest_truncation = UINT64_MAX;  // by a record in it
    };
    struct Position {
        uint32_t sequence;  // low half; segments in use are fewer
        uint32_t offset_8;  // offset / 8
    };

    WalLog(plugin::Host host, std::string directory, uint64_t segment_bytes)
        : host_(host), directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

    Status lock();
    Status recover();                             // recovery.cpp, with the six below
    Result<std::deque<Segment>> find_segments();  // by sequence, void ones removed
    Result<size_t> replay_all();
    Status replay(Segment& segment, uint64_t end);  // end = 0: the last one, its end is found
    Status apply(Segment& segment, const Record& record, uint64_t offset);
    Status end_tail(Segment& segment, BytesView bytes, uint64_t offset);
    Status create_first();

    Status begin_segment(File file, SegmentHeader header);
    Status roll(uint64_t bytes);
    Status drop(size_t segment_count);  // the oldest
    Status ensure_room(uint64_t bytes, uint64_t reserve);
    Status write_buffer();
    Status write_record(const RecordHeader& header);
    Status stop(Error error);
    Result<Term> term_at(Index index) const;
    Segment& active() { return segments_.back(); }
    const Segment& segment_of(const Position& position) const;
    Index last() const { return {boundary_.value + positions_.size()}; }
    void count();

    plugin::Host host_;
    const std::string directory_;
    const uint64_t segment_bytes_;
    File lock_;
    std::deque<Segment> segments_;    // oldest first; never empty once open
    std::deque<Position> positions_;  // of the entries boundary_ + 1 ...
    Index boundary_;
    Term boundary_term_, last_term_;
    Term term_;
    uint64_t voted_for_ = 0;
    uint64_t cut_bytes_ = 0;
    uint64_t end_ = 0, synced_ = 0;  // offsets in the active segment
    Tail tail_;                      // of the active segment; not started: the kernel's cache is written to
    Bytes buffer_;
    Error failed_;  // the first error that is final
    std::atomic<uint64_t> bytes_used_ = 0, segment_count_ = 0;
    std::unique_ptr<Spare> spare_;
};

}  // namespace belfry::log_wal
