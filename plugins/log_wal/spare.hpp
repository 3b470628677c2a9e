// The next segment, made ahead of its need: a thread writes it full of zeros, because the first write to an unwritten
// extent costs a journal commit at every fdatasync. One spare at most.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "plugins/log_wal/file.hpp"

namespace belfry::log_wal {

class Spare {
public:
    Spare(std::string directory, uint64_t segment_bytes);
    ~Spare();  // ends the thread; an unfinished spare is removed

    // Asks for a spare; returns at once.
    void prepare();
    // A file of zeros, at least `bytes` long, not yet a segment. Waits for a spare under way, else makes one here.
    Result<File> take(uint64_t bytes);

private:
    void run();
    bool stopping();

    const std::string directory_;
    const uint64_t segment_bytes_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool wanted_ = false, stop_ = false, ready_ = false;
    File file_;  // the spare when ready_
    std::thread thread_;
};

// A new file at `path` of `bytes` zeros, synced. Nothing remains of it after an error.
Result<File> make_zeroed(const std::string& path, uint64_t bytes);

}  // namespace belfry::log_wal
