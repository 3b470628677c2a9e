// Moves what is committed from the write-ahead log into the file, so that the log can start again. A thread of its own does
// it with a connection of its own, because it takes long where a log has grown (a running snapshot holds it); what little
// comes in behind it while the hub writes without a pause is moved by the core, between two batches.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "plugins/storage_sqlite/database.hpp"

namespace belfry::storage_sqlite {

class Checkpointer {
public:
    // `database` has read once.
    explicit Checkpointer(std::unique_ptr<Database> database);
    // Waits for the checkpoint at work.
    ~Checkpointer();
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

    // Core thread, after a commit: the log has so many frames.
    void follow(uint64_t frames);
    // Core thread, with no transaction open on `core`: moves the rest, if that is all that is missing.
    void finish(Database& core);
    // Sync thread: log and file are on disk when it returns. `database` has read once, so that it knows its log.
    Status sync(Database& database);

private:
    struct Moved {
        int frames = -1;  // in the log; -1 = another checkpoint is at work
        int moved = 0;    // of them in the file
    };
    static Moved checkpoint(Database& database);
    void run();
    void work();

    static constexpr uint64_t frames_wanted = 4096;  // 16 MiB: rewriting a hot page is saved, a restart reads them in 10 ms
    static constexpr int rest_frames_max = 256;      // 1 MiB, which the core moves in about a millisecond
    static constexpr int rest_frames_late = 4096;    // after the last round: better than a log without end
    static constexpr int rounds_max = 8;

    const std::unique_ptr<Database> database_;
    std::mutex checkpoint_mutex_;     // held while pages go from the log to the file, and while both are synced
    std::atomic<bool> rest_ = false;  // the core may finish
    std::atomic<int> frames_ = 0;     // in the log
    uint64_t asked_at_ = 0;           // frames; core thread only
    std::mutex mutex_;
    std::condition_variable changed_;
    bool wanted_ = false;    // under mutex_
    bool stopping_ = false;  // under mutex_
    std::thread thread_;
};

}  // namespace belfry::storage_sqlite
