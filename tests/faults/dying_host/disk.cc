// What gives `sluiced-that-dies` a disk that fails: while the file that SLUICE_DISK names holds the number of an error
// (28: no space, 30: read-only), every write to a regular file below SLUICE_DISK_BELOW fails with it, as the kernel
// would say it. Calls of the libraries arrive here as well: the program's symbols come before those of libc.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

// The error that a write to `fd` gives now; 0: none.
int ErrorOf(int fd) {
  static const char* const control = getenv("SLUICE_DISK");
  static const char* const below = getenv("SLUICE_DISK_BELOW");
  if (control == nullptr || below == nullptr) return 0;
  char text[16] = {};
  const long from = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
  if (from < 0) return 0;
  const long size = syscall(SYS_read, from, text, sizeof(text) - 1);
  syscall(SYS_close, from);
  const int error = size > 0 ? atoi(text) : 0;
  if (error == 0) return 0;
  char link[64], path[4096] = {};
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  if (syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1) <= 0) return 0;
  return strncmp(path, below, strlen(below)) == 0 ? error : 0;
}

long Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  if (const int error = ErrorOf(fd)) return Fail(error);
  return syscall(SYS_write, fd, data, size);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  if (const int error = ErrorOf(fd)) return Fail(error);
  return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

int ftruncate64(int fd, off64_t size) {
  if (const int error = ErrorOf(fd)) return static_cast<int>(Fail(error));
  return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

}  // extern "C"
