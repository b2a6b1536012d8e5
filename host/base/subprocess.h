// Starts a program in a session of its own and holds on to it until it has been reaped.
//
// All children are started by one long-lived thread, because PR_SET_PDEATHSIG fires when the thread that forked ends: a
// host that is killed takes its children with it. Between fork and exec only async-signal-safe calls are made. The
// child inherits the descriptors that are named and nothing else, an environment that is named and nothing else, and
// leaves no core. Signals go through a pidfd, never by a number that may have been given to somebody else. Thread-safe.
// Nothing here talks to the child.
#ifndef SLUICE_HOST_BASE_SUBPROCESS_H_
#define SLUICE_HOST_BASE_SUBPROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace sluice::base {

// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = other.Release();
    }
    return *this;
  }
  ~FileDescriptor() { Close(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Close();

 private:
  int fd_ = -1;
};

struct SpawnOptions {
  std::string executable;                // A path; $PATH is not looked at.
  std::vector<std::string> arguments;    // Without the program's own name.
  std::vector<std::string> environment;  // "TZ=Europe/Amsterdam"; nothing else is there.
  std::string working_directory = "/";
  // The child's descriptors 0, 1, 2, ...: each a descriptor of ours, or -1 for /dev/null.
  std::vector<int> descriptors = {-1, -1, -1};
};

// How a process ended.
struct ExitStatus {
  bool by_signal = false;
  int number = 0;  // The exit code, or the signal.
};

class Subprocess {
 public:
  // Fails with NOT_FOUND, PERMISSION_DENIED or INTERNAL when the program cannot be executed; then nothing is left
  // behind.
  static absl::StatusOr<std::unique_ptr<Subprocess>> Spawn(const SpawnOptions& options);

  // Kills and reaps what still runs.
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  pid_t pid() const { return pid_; }
  // Readable when the process has ended.
  int pidfd() const { return pidfd_.get(); }

  // False once it has ended.
  bool Signal(int signal);
  // How it ended, if it did within `patience`; it stays unreaped, so that its number stays its own.
  std::optional<ExitStatus> WaitForEnd(absl::Duration patience);
  // SIGKILL to whatever is left of its process group, then reaps it. Blocks until it has ended: kill it first.
  ExitStatus Reap();

 private:
  Subprocess(pid_t pid, FileDescriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  const pid_t pid_;
  const FileDescriptor pidfd_;
  absl::Mutex mutex_;
  std::optional<ExitStatus> end_ ABSL_GUARDED_BY(mutex_);  // Set when it has been reaped.
};

}  // namespace sluice::base

#endif  // SLUICE_HOST_BASE_SUBPROCESS_H_
