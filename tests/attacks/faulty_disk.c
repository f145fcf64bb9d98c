/* Preloaded: files below FAULTY_FOLDER take FAULTY_BYTES bytes all together, then fail with FAULTY_ERRNO;
   with FAULTY_SYNC, what fails is to sync them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

static long left = -1;

static int is_faulty(int fd) {
    const char *folder = getenv("FAULTY_FOLDER");
    char link[64], path[4096];
    if (!folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return !strncmp(path, folder, strlen(folder));
}

static int fault(void) {
    errno = atoi(getenv("FAULTY_ERRNO"));
    return -1;
}

/* How many of so many bytes are taken; -1 if none is. */
static long taken(int fd, size_t wanted) {
    if (getenv("FAULTY_SYNC") || !wanted || !is_faulty(fd)) return (long)wanted;
    long bytes = atol(getenv("FAULTY_BYTES"));
    long before = __atomic_load_n(&left, __ATOMIC_RELAXED);
    if (before < 0) before = bytes;
    if (!before) return -1;
    long now = (long)wanted < before ? (long)wanted : before;
    __atomic_store_n(&left, before - now, __ATOMIC_RELAXED);
    return now;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    long now = taken(fd, size);
    return now < 0 ? fault() : REAL(write)(fd, data, (size_t)now);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len) return write(fd, parts[i].iov_base, parts[i].iov_len);
    return 0;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    long now = taken(fd, size);
    return now < 0 ? fault() : REAL(pwrite)(fd, data, (size_t)now, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return pwrite(fd, data, size, at); }

int posix_fallocate64(int fd, off64_t at, off64_t size) {
    return taken(fd, (size_t)size) < size ? atoi(getenv("FAULTY_ERRNO")) : REAL(posix_fallocate64)(fd, at, size);
}

int posix_fallocate(int fd, off_t at, off_t size) { return posix_fallocate64(fd, at, size); }

/* Whoever copies within the kernel is told to do it otherwise. */
ssize_t sendfile64(int out, int in, off64_t *at, size_t size) {
    if (!is_faulty(out)) return REAL(sendfile64)(out, in, at, size);
    errno = EINVAL;
    return -1;
}

ssize_t sendfile(int out, int in, off_t *at, size_t size) { return sendfile64(out, in, (off64_t *)at, size); }

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    if (!is_faulty(out)) return REAL(copy_file_range)(in, from, out, to, size, flags);
    errno = EXDEV;
    return -1;
}

int fsync(int fd) { return getenv("FAULTY_SYNC") && is_faulty(fd) ? fault() : REAL(fsync)(fd); }
int fdatasync(int fd) { return getenv("FAULTY_SYNC") && is_faulty(fd) ? fault() : REAL(fdatasync)(fd); }
