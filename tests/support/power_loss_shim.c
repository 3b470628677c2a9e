/* LD_PRELOAD for a process whose machine is to lose power: remembers of every file what a sync has made durable, as a copy
 * in the folder BELFRY_TEST_DURABLE, named by inode and birth time. What the files hold beyond that, the test may drop or
 * tear when the process is dead (tests/support/power_loss.hpp). Names are taken for durable at once.
 *
 * Seen: fsync, fdatasync, msync of a shared map, writes to a file opened with O_DSYNC. A copy is whole or absent, and made
 * before the sync returns: what the process was told is durable is in it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { maps_max = 64 };
static struct map {
    char* address;
    size_t size;
    int file; /* of our own; closed never: a test's processes are short-lived */
} maps[maps_max];
static int map_count;

static void copy_content(int from, int to) {
    static __thread char buffer[1 << 16];
    struct stat status;
    if (fstat(from, &status) != 0) _exit(99);
    off_t at = 0;
    while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
        const off_t end = lseek(from, at, SEEK_HOLE);
        while (at < end) {
            const size_t want = end - at < (off_t)sizeof buffer ? (size_t)(end - at) : sizeof buffer;
            const ssize_t got = pread(from, buffer, want, at);
            if (got <= 0) break;
            if (syscall(SYS_pwrite64, to, buffer, (size_t)got, at) != got) _exit(99);
            at += got;
        }
    }
    if (ftruncate(to, status.st_size) != 0) _exit(99);
}

/* By another description, so that nobody's file position moves. */
static void keep(int file) {
    const char* folder = getenv("BELFRY_TEST_DURABLE");
    struct statx status;
    char own[64], name[512], fresh[600];
    const int before = errno;
    if (folder == NULL || statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) return;
    if (!S_ISREG(status.stx_mode)) return;
    snprintf(own, sizeof own, "/proc/self/fd/%d", file);
    snprintf(name, sizeof name, "%s/%llu-%lld.%u", folder, (unsigned long long)status.stx_ino,
             (long long)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
    snprintf(fresh, sizeof fresh, "%s.%ld", name, syscall(SYS_gettid));
    const int from = open(own, O_RDONLY | O_CLOEXEC);
    const int to = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) _exit(99);
    copy_content(from, to);
    close(from);
    close(to);
    if (rename(fresh, name) != 0) _exit(99);
    errno = before;
}

static int sync_and_keep(long number, int file) {
    const int result = (int)syscall(number, file);
    if (result == 0) keep(file);
    return result;
}
int fdatasync(int file) { return sync_and_keep(SYS_fdatasync, file); }
int fsync(int file) { return sync_and_keep(SYS_fsync, file); }

static void* map_and_note(void* address, size_t size, int protection, int flags, int file, off_t offset) {
    void* mapped = (void*)syscall(SYS_mmap, address, size, protection, flags, file, offset);
    if (mapped != MAP_FAILED && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0 && file >= 0 &&
        map_count < maps_max) {
        maps[map_count++] = (struct map){mapped, size, fcntl(file, F_DUPFD_CLOEXEC, 0)};
    }
    return mapped;
}
void* mmap(void* address, size_t size, int protection, int flags, int file, off_t offset) {
    return map_and_note(address, size, protection, flags, file, offset);
}
void* mmap64(void* address, size_t size, int protection, int flags, int file, off_t offset) {
    return map_and_note(address, size, protection, flags, file, offset);
}
int msync(void* address, size_t size, int flags) {
    const int result = (int)syscall(SYS_msync, address, size, flags);
    for (int i = 0; result == 0 && (flags & MS_SYNC) != 0 && i < map_count; ++i) {
        if ((char*)address >= maps[i].address && (char*)address < maps[i].address + maps[i].size) keep(maps[i].file);
    }
    return result;
}

static ssize_t write_and_keep(int file, const void* data, size_t size, off_t at) {
    const ssize_t written = syscall(SYS_pwrite64, file, data, size, at);
    if (written > 0 && (fcntl(file, F_GETFL) & O_DSYNC) != 0) keep(file);
    return written;
}
ssize_t pwrite(int file, const void* data, size_t size, off_t at) { return write_and_keep(file, data, size, at); }
ssize_t pwrite64(int file, const void* data, size_t size, off_t at) { return write_and_keep(file, data, size, at); }
