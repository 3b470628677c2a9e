#include "plugins/storage_rocksdb/background.hpp"

namespace belfry::storage_rocksdb {

BackgroundEnv::BackgroundEnv(int compactions)
    : rocksdb::EnvWrapper(rocksdb::Env::Default()), flushes_(flush_threads), compactions_(compactions) {
    // Directly, not through the wrapper's functions for each file.
    file_system_ = rocksdb::Env::Default()->GetFileSystem();
    system_clock_ = rocksdb::Env::Default()->GetSystemClock();
}

void BackgroundEnv::Schedule(void (*function)(void*), void* argument, Priority priority, void*, void (*)(void*)) {
    workers(priority).put([function, argument] { function(argument); });
}

int BackgroundEnv::UnSchedule(void*, Priority) { return 0; }

unsigned int BackgroundEnv::GetThreadPoolQueueLen(Priority priority) const {
    return static_cast<unsigned int>((priority == HIGH ? flushes_ : compactions_).waiting());
}

void BackgroundEnv::SetBackgroundThreads(int, Priority) {}

int BackgroundEnv::GetBackgroundThreads(Priority priority) { return static_cast<int>(workers(priority).count()); }

void BackgroundEnv::IncBackgroundThreadsIfNeeded(int, Priority) {}

}  // namespace belfry::storage_rocksdb
