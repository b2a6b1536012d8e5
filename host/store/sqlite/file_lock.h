// A lock file that one process at a time holds, with the holder's name in it.
//
// The lock is the kernel's (flock): it ends with the process, however that ends, and is not inherited by what the
// process executes. The file stays behind, its text is only for the message to the second one.
#ifndef SLUICE_HOST_STORE_SQLITE_FILE_LOCK_H_
#define SLUICE_HOST_STORE_SQLITE_FILE_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace sluice::store {

class FileLock {
 public:
  // FAILED_PRECONDITION naming the holder when somebody has it; UNAVAILABLE when the file cannot be made.
  // `holder` is what the others will read: "host sluice1, process 1234".
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(const std::string& path, absl::string_view holder);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace sluice::store

#endif  // SLUICE_HOST_STORE_SQLITE_FILE_LOCK_H_
