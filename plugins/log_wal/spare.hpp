// What segments cost beside their appends, on a thread of its own. The next segment is made ahead of its need and written
// full of zeros, because the first write to an unwritten extent costs a journal commit at every fdatasync; one spare at
// most. Segments no longer needed are removed: tens of milliseconds for a large file.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "plugins/log_wal/file.hpp"

namespace belfry::log_wal {

class Spare {
public:
    Spare(std::string directory, uint64_t segment_bytes);
    ~Spare();  // ends the thread; the spare is removed, and every file given to remove()

    // Asks for a spare; returns at once.
    void prepare();
    // The log has filled `used` of the `capacity` of its segment; the spare must be ready well before the rest is.
    void keep_ahead(uint64_t used, uint64_t capacity) {
        due_bytes_.store(used * 2 * (segment_bytes_ >> 12) / (capacity >> 12), std::memory_order_relaxed);
    }
    // A file of zeros, at least `bytes` long, not yet a segment. Waits for a spare under way, else makes one here.
    Result<File> take(uint64_t bytes);
    // Takes the file away in its time, in the order of the calls, each durably before the next. Bounded by the segments of
    // the log. After a failure nothing more is removed, and this answers the failure.
    Status remove(File file);

private:
    void run();
    Status remove_now(File file);
    Result<File> make_calmly();

    const std::string directory_;
    const uint64_t segment_bytes_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::atomic<uint64_t> due_bytes_ = 0;  // of the spare under way
    bool wanted_ = false, stop_ = false, ready_ = false;
    bool needed_ = false;  // take() waits
    File file_;            // the spare when ready_
    std::deque<File> old_;
    Status removed_;
    std::thread thread_;
};

// A new file at `path` of `bytes` zeros, synced. Nothing remains of it after an error.
Result<File> make_zeroed(const std::string& path, uint64_t bytes);

}  // namespace belfry::log_wal
