#include "host/base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::base {
namespace {

absl::Status FileError(absl::StatusCode code, const std::string& path, absl::string_view what, int error) {
  return absl::Status(code, absl::StrCat(path, ": ", what, ": ", strerror(error)));
}

std::string GroupName(gid_t gid) {
  std::vector<char> buffer(4096);
  struct group group;
  struct group* found = nullptr;
  if (getgrgid_r(gid, &group, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->gr_name;
  return absl::StrCat(gid);
}

absl::Status CheckMode(const std::string& path, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
  std::string who;
  if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    who = "everybody";
  } else if ((status.st_mode & (S_IRGRP | S_IWGRP)) != 0) {
    who = absl::StrCat("group \"", GroupName(status.st_gid), "\"");
  }
  if (who.empty()) return absl::OkStatus();
  const bool readable = (status.st_mode & (S_IROTH | S_IRGRP)) != 0;
  return absl::FailedPreconditionError(
      absl::StrCat(path, " can be ", readable ? "read" : "changed", " by ", who, "; run chmod 600 on it"));
}

struct Closer {
  int fd;
  ~Closer() {
    if (fd >= 0) close(fd);
  }
};

bool WriteAll(int fd, absl::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0;
}

void SyncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Closer fd{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (fd.fd >= 0) fsync(fd.fd);
}

}  // namespace

absl::StatusOr<std::string> ReadPrivateFile(const std::string& path) {
  const Closer fd{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (fd.fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return absl::NotFoundError(absl::StrCat(path, " does not exist"));
    return FileError(absl::StatusCode::kUnavailable, path, "cannot be read", errno);
  }
  struct stat status;
  if (fstat(fd.fd, &status) != 0) return FileError(absl::StatusCode::kUnavailable, path, "cannot be read", errno);
  const absl::Status mode = CheckMode(path, status);
  if (!mode.ok()) return mode;
  std::string contents(kPrivateFileLimit + 1, '\0');
  size_t size = 0;
  while (size < contents.size()) {
    const ssize_t got = read(fd.fd, contents.data() + size, contents.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      explicit_bzero(contents.data(), contents.size());
      return FileError(absl::StatusCode::kUnavailable, path, "cannot be read", errno);
    }
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kPrivateFileLimit) {
    explicit_bzero(contents.data(), contents.size());
    return absl::InvalidArgumentError(absl::StrCat(path, " is longer than ", kPrivateFileLimit, " bytes"));
  }
  std::string result = contents.substr(0, size);
  explicit_bzero(contents.data(), contents.size());
  return result;
}

namespace {

// Writes a name of its own beside the file; 0, or the error.
int WriteDraft(const std::string& draft, absl::string_view contents) {
  unlink(draft.c_str());
  const Closer fd{open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (fd.fd < 0) return errno;
  return WriteAll(fd.fd, contents) ? 0 : errno;
}

}  // namespace

absl::Status CreatePrivateFile(const std::string& path, absl::string_view contents) {
  // link(): it appears whole, and never replaces another.
  const std::string draft = absl::StrCat(path, ".new.", getpid());
  int error = WriteDraft(draft, contents);
  if (error == 0 && link(draft.c_str(), path.c_str()) != 0) error = errno;
  unlink(draft.c_str());
  if (error == EEXIST) return absl::AlreadyExistsError(absl::StrCat(path, " is there already"));
  if (error != 0) return FileError(absl::StatusCode::kUnavailable, path, "cannot be made", error);
  SyncFolderOf(path);
  return absl::OkStatus();
}

absl::Status ReplacePrivateFile(const std::string& path, absl::string_view contents) {
  const std::string draft = absl::StrCat(path, ".new.", getpid());
  int error = WriteDraft(draft, contents);
  if (error == 0 && rename(draft.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(draft.c_str());
    return FileError(absl::StatusCode::kUnavailable, path, "cannot be written", error);
  }
  SyncFolderOf(path);
  return absl::OkStatus();
}

}  // namespace sluice::base
