/* Stands before the C library's calls that change files. Once armed, it ends the process at the
   n-th of them, before the call, after half of it, or after it; or lets it fail with an error. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long left = -1; /* calls until the fault; -1: not armed */
static long seen = 0;
static int kind = 0;

enum { KILL_BEFORE = 0, KILL_HALFWAY = 1, KILL_AFTER = 2, NO_SPACE = 3, NO_SPACE_FROM_HERE = 4 };

void arm_fault(long calls, int what) { left = calls; kind = what; seen = 0; }
long calls_seen(void) { return seen; }

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

/* A file in memory has room when the disk has none. */
static int is_in_memory(int fd) {
    char link[32], target[16];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, target, sizeof target) >= 7 && !strncmp(target, "/memfd:", 7);
}

/* 1: this call is the one. */
static int is_due(int fd) {
    if (is_in_memory(fd)) return 0;
    seen++;
    if (left < 0) return 0;
    if (left == 0) {
        if (kind != NO_SPACE_FROM_HERE) left = -1;
        return 1;
    }
    left--;
    return 0;
}

/* Bytes up to a border of a page: the kernel looks for signals there, and nowhere else. */
static size_t pages_of(size_t n, off_t at) {
    off_t middle = (at + (off_t) n / 2 + 4095) / 4096 * 4096;
    return middle > at && middle < at + (off_t) n ? (size_t) (middle - at) : n;
}

#define CALL(type, name, parameters, arguments, fd, halfway)                          \
    type name parameters {                                                            \
        static type (*real) parameters;                                               \
        if (!real) real = (type (*) parameters) dlsym(RTLD_NEXT, #name);              \
        if (is_due(fd)) {                                                             \
            if (kind == KILL_BEFORE) die();                                           \
            if (kind >= NO_SPACE) { errno = ENOSPC; return -1; }                      \
            if (kind == KILL_HALFWAY) { halfway; die(); }                             \
            real arguments;                                                           \
            die();                                                                    \
        }                                                                             \
        return real arguments;                                                        \
    }

CALL(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), fd,
     real(fd, data, pages_of(n, at), at))
CALL(ssize_t, pwrite64, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), fd,
     real(fd, data, pages_of(n, at), at))
CALL(int, ftruncate, (int fd, off_t length), (fd, length), fd, (void) 0)
CALL(int, ftruncate64, (int fd, off_t length), (fd, length), fd, (void) 0)
CALL(int, rename, (const char *from, const char *to), (from, to), -1, (void) 0)
CALL(int, unlink, (const char *path), (path), -1, (void) 0)
CALL(int, fsync, (int fd), (fd), fd, (void) 0)
