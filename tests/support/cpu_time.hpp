// The processor's time, which other work on the machine moves less than the wall's.
#pragma once

#include <chrono>
#include <ctime>

namespace belfry::test {

// Of the calling thread, or with CLOCK_PROCESS_CPUTIME_ID of all threads.
inline std::chrono::nanoseconds cpu_time(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace belfry::test
