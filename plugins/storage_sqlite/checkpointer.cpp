#include "plugins/storage_sqlite/checkpointer.hpp"

namespace belfry::storage_sqlite {

namespace {

// synchronous = OFF holds for SQLite's own decisions; this is a plain fdatasync of the file that the connection has open.
// (A file descriptor of our own on it would, when closed, drop the locks that SQLite holds in this process.)
Status sync_file(Database& database, int which, const char* what) {
    sqlite3_file* file = nullptr;
    if (sqlite3_file_control(database.connection(), "main", which, &file) != SQLITE_OK) return database.error(what);
    if (file == nullptr || file->pMethods == nullptr) return {};  // there is none: nothing was ever in it
    const int rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    if (rc == SQLITE_OK) return {};
    return Error{Code::io, std::string(what) + ": " + sqlite3_errstr(rc)};
}

}  // namespace

Checkpointer::Checkpointer(std::unique_ptr<Database> database)
    : database_(std::move(database)), thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void Checkpointer::follow(uint64_t frames) {
    frames_.store(static_cast<int>(frames), std::memory_order_relaxed);
    if (frames < asked_at_) asked_at_ = 0;  // the log has started again
    if (frames < asked_at_ + frames_wanted) return;
    asked_at_ = frames;
    {
        const std::lock_guard lock(mutex_);
        wanted_ = true;
    }
    changed_.notify_one();
}

void Checkpointer::finish(Database& core) {
    if (!rest_.load(std::memory_order_relaxed)) return;
    const std::unique_lock lock(checkpoint_mutex_, std::try_to_lock);
    if (!lock) return;
    rest_ = false;
    checkpoint(core);
}

Status Checkpointer::sync(Database& database) {
    const std::lock_guard lock(checkpoint_mutex_);
    if (Status status = sync_file(database, SQLITE_FCNTL_JOURNAL_POINTER, "syncing the write-ahead log"); !status)
        return status;
    // That was the promise. Moving the pages too leaves a stopped hub's file whole by itself; on a full disk it cannot be.
    checkpoint(database);
    return sync_file(database, SQLITE_FCNTL_FILE_POINTER, "syncing the state");
}

// Takes nobody's lock but that of other checkpoints: batches and reads go on. An error (a full disk) moves nothing that
// counts; the log keeps it all, and the next call tries again.
Checkpointer::Moved Checkpointer::checkpoint(Database& database) {
    Moved moved;
    const int rc =
        sqlite3_wal_checkpoint_v2(database.connection(), "main", SQLITE_CHECKPOINT_PASSIVE, &moved.frames, &moved.moved);
    return rc == SQLITE_OK ? moved : Moved{};
}

void Checkpointer::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return wanted_ || stopping_; });
        if (stopping_) return;
        wanted_ = false;
        lock.unlock();
        work();
        lock.lock();
    }
}

// Each round is shorter than the one before: it moves what came in meanwhile.
void Checkpointer::work() {
    for (int round = 0; round < rounds_max; ++round) {
        const std::lock_guard lock(checkpoint_mutex_);
        const Moved moved = checkpoint(*database_);
        if (moved.frames < 0) return;
        // SQLite counts what was there when it began.
        const int rest = frames_.load(std::memory_order_relaxed) - moved.moved;
        rest_ = rest <= (round + 1 < rounds_max ? rest_frames_max : rest_frames_late);
        if (rest_) return;
    }
}

}  // namespace belfry::storage_sqlite
