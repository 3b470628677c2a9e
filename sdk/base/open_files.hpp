// How many files this process may have open.
#pragma once

#include <sys/resource.h>

namespace belfry {

// Each client, subscriber and check takes a file. The usual soft limit of 1,024 exists for programs that use select(); who
// calls this may have what the hard limit allows. Failure changes nothing.
inline void raise_open_files_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace belfry
