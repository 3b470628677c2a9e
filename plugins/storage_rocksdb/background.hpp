// The threads of one RocksDB: its own, where RocksDB would share one pool with everything else in the process. So they are
// bounded for each store, end with it, and a process that forks between two stores has none that its child would miss.
#pragma once

#include <rocksdb/env.h>

#include "plugins/storage_rocksdb/workers.hpp"

namespace belfry::storage_rocksdb {

inline constexpr int flush_threads = 2;  // one for each column family

class BackgroundEnv final : public rocksdb::EnvWrapper {
public:
    // Files and clock are the system's. flush_threads write buffers out, `compactions` compact.
    explicit BackgroundEnv(int compactions);
    // After the database is closed.
    ~BackgroundEnv() override = default;

    void Schedule(void (*function)(void*), void* argument, Priority priority, void* tag,
                  void (*unscheduled)(void*)) override;
    // Nothing is taken back: a job that comes to run while its database closes sees that and ends.
    int UnSchedule(void* tag, Priority priority) override;
    unsigned int GetThreadPoolQueueLen(Priority priority) const override;
    void SetBackgroundThreads(int number, Priority priority) override;
    int GetBackgroundThreads(Priority priority) override;
    void IncBackgroundThreadsIfNeeded(int number, Priority priority) override;

private:
    Workers& workers(Priority priority) { return priority == HIGH ? flushes_ : compactions_; }
    Workers flushes_;
    Workers compactions_;
};

}  // namespace belfry::storage_rocksdb
