// Readies the pages of a growing map before LMDB writes to them. The first write to a page of the file costs the writer a
// fault of some microseconds: a zeroed page, blocks on disk, an entry in the page table. At full rate that was a quarter of
// the core's thread; a thread of this class takes it over. It only ever helps: a page it comes too late for, and everything
// where the kernel cannot do it (before Linux 5.14), is faulted in by the writer as before.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace belfry::storage_lmdb {

class PageAhead {
public:
    // `map` is where octet 0 of the file is mapped, writable and shared; nullptr = do nothing. It must outlive this object.
    explicit PageAhead(char* map) : map_(map) {}
    // Waits for the piece at work.
    ~PageAhead();
    PageAhead(const PageAhead&) = delete;
    PageAhead& operator=(const PageAhead&) = delete;

    // One thread. The file has space on disk for pages up to `allocated`, and `used` of them are in use: readies about as
    // many beyond as were taken since the last call, twice, and none for a file that does not grow.
    void follow(uint64_t used, uint64_t allocated);

private:
    struct Piece {
        uint64_t from = 0;  // pages
        uint64_t to = 0;
        bool empty() const { return from >= to; }
    };
    void run();

    char* const map_;
    uint64_t used_ = 0;   // at the last call; 0 = none yet
    uint64_t ready_ = 0;  // asked for up to here
    std::mutex mutex_;
    std::condition_variable changed_;
    Piece wanted_;           // under mutex_
    bool stopping_ = false;  // under mutex_
    std::thread thread_;     // from the first growth on
};

// Where the file of this descriptor is mapped in this process from its octet 0 on; nullptr if it is not.
char* find_map(int fd);

}  // namespace belfry::storage_lmdb
