/* LD_PRELOAD for a daemon under test: its syncs fail and its wall clock is wrong when the test says so, in a file that both
 * map (tests/support/trouble.hpp). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct trouble {
    volatile int64_t fail_syncs;
    volatile int64_t wall_clock_offset_s;
};

static struct trouble none;
static struct trouble* trouble = &none;

__attribute__((constructor)) static void open_trouble(void) {
    const char* path = getenv("BELFRY_TEST_TROUBLE");
    const int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void* mapped = mmap(NULL, sizeof(struct trouble), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) trouble = mapped;
    close(file);
}

static int sync_or_fail(long number, int file) {
    if (trouble->fail_syncs != 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(number, file);
}

int fdatasync(int file) { return sync_or_fail(SYS_fdatasync, file); }
int fsync(int file) { return sync_or_fail(SYS_fsync, file); }

typedef int clock_function(clockid_t, struct timespec*);

int clock_gettime(clockid_t clock, struct timespec* time) {
    static clock_function* real;
    if (real == NULL) real = (clock_function*)dlsym(RTLD_NEXT, "clock_gettime");
    const int result = real(clock, time);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) time->tv_sec += trouble->wall_clock_offset_s;
    return result;
}
