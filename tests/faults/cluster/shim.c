/* Faults inside one process, switched on and off by others through a shared file.
 *
 * Loaded with LD_PRELOAD. PODEXEC_SHIM names the file, which has a `struct control`. The clock: only CLOCK_REALTIME and
 * what is made of it; waiting uses other clocks, and stays right. The disk: only SQLite's files, so that logs go on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t clock_offset; /* seconds */
    int32_t disk_is_full; /* writes fail with ENOSPC */
    int32_t fsync_fails;  /* fsync and fdatasync fail with EIO */
};

static const volatile struct control nothing;
static const volatile struct control *control = &nothing;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("PODEXEC_SHIM");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        control = mapped;
}

static int ends_in(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return length >= wanted && strcmp(path + length - wanted, end) == 0;
}

static int is_store(int file) {
    char link[64], path[4096];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0)
        return 0;
    path[length] = 0;
    return ends_in(path, ".db") || ends_in(path, ".db-wal") || ends_in(path, ".db-journal");
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL_IF(condition, file, error)             \
    if (control->condition && is_store(file)) {     \
        errno = error;                              \
        return -1;                                  \
    }

ssize_t write(int file, const void *data, size_t count) {
    FAIL_IF(disk_is_full, file, ENOSPC)
    return NEXT(write)(file, data, count);
}

ssize_t pwrite(int file, const void *data, size_t count, off_t at) {
    FAIL_IF(disk_is_full, file, ENOSPC)
    return NEXT(pwrite)(file, data, count, at);
}

ssize_t pwrite64(int file, const void *data, size_t count, off64_t at) {
    FAIL_IF(disk_is_full, file, ENOSPC)
    return NEXT(pwrite64)(file, data, count, at);
}

int fsync(int file) {
    FAIL_IF(fsync_fails, file, EIO)
    return NEXT(fsync)(file);
}

int fdatasync(int file) {
    FAIL_IF(fsync_fails, file, EIO)
    return NEXT(fdatasync)(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = NEXT(clock_gettime)(clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += control->clock_offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int result = NEXT(gettimeofday)(now, zone);
    if (result == 0)
        now->tv_sec += control->clock_offset;
    return result;
}

time_t time(time_t *result) {
    time_t now = NEXT(time)(NULL) + control->clock_offset;
    if (result != NULL)
        *result = now;
    return now;
}
