#include "host/store/sqlite/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace sluice::store {
namespace {

std::string HolderIn(int fd) {
  char text[512];
  const ssize_t size = pread(fd, text, sizeof(text), 0);
  if (size <= 0) return "another host";
  return std::string(absl::StripAsciiWhitespace(absl::string_view(text, static_cast<size_t>(size))));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(const std::string& path, absl::string_view holder) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::UnavailableError(absl::StrCat(path, " cannot be made: ", strerror(errno),
                                               ". See that the folder is there and that this user may write in it"));
  }
  int code;
  do {
    code = flock(fd, LOCK_EX | LOCK_NB);
  } while (code != 0 && errno == EINTR);
  if (code != 0) {
    const int error = errno;
    const std::string other = HolderIn(fd);
    close(fd);
    if (error != EWOULDBLOCK) return absl::UnavailableError(absl::StrCat(path, " cannot be locked: ", strerror(error)));
    return absl::FailedPreconditionError(absl::StrCat("the store is in use by ", other, " (", path,
                                                      "): end that one first, or give this host a store of its own"));
  }
  // On a full disk the text is missing; the lock holds all the same.
  const std::string text = absl::StrCat(holder, "\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data(), text.size(), 0) < 0) errno = 0;
  return std::unique_ptr<FileLock>(new FileLock(fd));
}

FileLock::~FileLock() { close(fd_); }

}  // namespace sluice::store
