/* Preloaded in front of libc: counts the calls that change files, and lets a chosen one be the last or fail.

   fault_arm(at, action) counts from 1 on. At call number `at`:
     KILL   the process ends as by SIGKILL, before the call;
     TEAR   it ends when half of the data is written, in whole sectors: less is not interrupted, neither by a signal nor
            by a power failure;
     EIO_   this call, if it is an fsync or fdatasync, or the first one after it, fails;
     FULL   this and every later write fails with ENOSPC. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/types.h>
#include <unistd.h>

#define SECTOR 512

enum { NOTHING, KILL, TEAR, EIO_, FULL };

static long at, count;
static int action;

void fault_arm(long new_at, int new_action) { at = new_at; action = new_action; count = 0; }
long fault_count(void) { return count; }
long fault_disarm(void) { action = NOTHING; return count; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void die(void) { raise(SIGKILL); for (;;) pause(); }

/* Whether the call is to fail, and with which error. Standard streams are not files of the store. */
static int before(int is_write, int is_sync) {
    if (action == NOTHING) return 0;
    count++;
    if (action == KILL && count == at) die();
    if (action == TEAR && count == at && !is_write) die();
    if (action == FULL && count >= at && is_write) return ENOSPC;
    if (action == EIO_ && count >= at && is_sync) { action = NOTHING; return EIO; }
    return 0;
}

static size_t half(size_t size) { return size / 2 / SECTOR * SECTOR; }

static int tears(void) { return action == TEAR && count == at; }

#define FAIL_IF(error) do { int why = (error); if (why) { errno = why; return -1; } } while (0)

ssize_t write(int fd, const void *data, size_t size) {
    if (fd <= 2) return REAL(write)(fd, data, size);
    FAIL_IF(before(1, 0));
    if (tears()) { REAL(write)(fd, data, half(size)); die(); }
    return REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    FAIL_IF(before(1, 0));
    if (tears()) { REAL(pwrite)(fd, data, half(size), offset); die(); }
    return REAL(pwrite)(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    FAIL_IF(before(1, 0));
    if (tears()) { REAL(pwrite64)(fd, data, half(size), offset); die(); }
    return REAL(pwrite64)(fd, data, size, offset);
}
int fsync(int fd) { FAIL_IF(before(0, 1)); return REAL(fsync)(fd); }
int fdatasync(int fd) { FAIL_IF(before(0, 1)); return REAL(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { FAIL_IF(before(0, 0)); return REAL(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { FAIL_IF(before(0, 0)); return REAL(ftruncate64)(fd, size); }
int unlink(const char *path) { FAIL_IF(before(0, 0)); return REAL(unlink)(path); }
int rename(const char *from, const char *to) { FAIL_IF(before(0, 0)); return REAL(rename)(from, to); }
int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    FAIL_IF(before(0, 0));
    return REAL(linkat)(from_fd, from, to_fd, to, flags);
}
int link(const char *from, const char *to) { FAIL_IF(before(0, 0)); return REAL(link)(from, to); }
