#include "plugins/storage_rocksdb/background.hpp"

namespace belfry::storage_rocksdb {

BackgroundEnv::BackgroundEnv(int compactions)
    : rocksdb::EnvWrapper(rocksdb::Env::Default()),
      flushes_(rocksdb::NewThreadPool(1)),
      compactions_(rocksdb::NewThreadPool(compactions)) {
    // Directly, not through the wrapper's functions for each file.
    file_system_ = rocksdb::Env::Default()->GetFileSystem();
    system_clock_ = rocksdb::Env::Default()->GetSystemClock();
}

BackgroundEnv::~BackgroundEnv() {
    flushes_->JoinAllThreads();
    compactions_->JoinAllThreads();
}

void BackgroundEnv::Schedule(void (*function)(void*), void* argument, Priority priority, void*, void (*)(void*)) {
    pool(priority).SubmitJob([function, argument] { function(argument); });
}

int BackgroundEnv::UnSchedule(void*, Priority) { return 0; }

unsigned int BackgroundEnv::GetThreadPoolQueueLen(Priority priority) const { return pool(priority).GetQueueLen(); }

void BackgroundEnv::SetBackgroundThreads(int, Priority) {}

int BackgroundEnv::GetBackgroundThreads(Priority priority) { return pool(priority).GetBackgroundThreads(); }

void BackgroundEnv::IncBackgroundThreadsIfNeeded(int, Priority) {}

}  // namespace belfry::storage_rocksdb
