#include "host/base/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "host/base/executor.h"

namespace sluice::base {
namespace {

constexpr idtype_t kByPidfd = static_cast<idtype_t>(3);  // P_PIDFD, whatever the C library's headers know.
constexpr int kFirstFreeDescriptor = 64;                 // Above every number that a child is given.

int PidfdOpen(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }
int PidfdSignal(int pidfd, int signal) {
  return static_cast<int>(syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

// Everything that the child needs, made before the fork: it may allocate nothing.
struct ChildPlan {
  const char* executable;
  char* const* arguments;
  char* const* environment;
  const char* working_directory;
  const int* descriptors;
  int* spare;  // As many.
  size_t descriptor_count;
  int null_descriptor;
  int error_descriptor;
  pid_t parent;
};

[[noreturn]] void Fail(int error_descriptor) {
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(error_descriptor, &error, sizeof error);
  _exit(127);
}

void ResetSignals() {
  struct sigaction fresh;
  memset(&fresh, 0, sizeof fresh);
  fresh.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &fresh, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Runs in the child, on the parent's memory: async-signal-safe calls only, and it never returns.
[[noreturn]] __attribute__((noinline)) void RunChild(const ChildPlan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);  // The parent died before the line above.
  setsid();
  umask(077);
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const int count = static_cast<int>(plan.descriptor_count);
  // Two rounds, so that no descriptor is overwritten before it was used.
  for (int i = 0; i < count; ++i) {
    const int source = plan.descriptors[i] < 0 ? plan.null_descriptor : plan.descriptors[i];
    plan.spare[i] = fcntl(source, F_DUPFD_CLOEXEC, kFirstFreeDescriptor);
    if (plan.spare[i] < 0) Fail(plan.error_descriptor);
  }
  const int error_descriptor = fcntl(plan.error_descriptor, F_DUPFD_CLOEXEC, kFirstFreeDescriptor);
  if (error_descriptor < 0) Fail(plan.error_descriptor);
  for (int i = 0; i < count; ++i) {
    if (dup2(plan.spare[i], i) < 0) Fail(error_descriptor);
  }
  // All others are closed by exec: the flag, not the close, keeps the way to report an error open.
  if (syscall(SYS_close_range, static_cast<unsigned>(count), ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) != 0)
    Fail(error_descriptor);
  if (chdir(plan.working_directory) != 0) Fail(error_descriptor);
  ResetSignals();
  execve(plan.executable, plan.arguments, plan.environment);
  Fail(error_descriptor);
}

// vfork, not fork: it runs none of the handlers that gRPC hangs on fork, copies no page table, and is what posix_spawn
// does.
pid_t ForkChild(const ChildPlan& plan) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const pid_t pid = vfork();
  if (pid == 0) RunChild(plan);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status ErrnoStatus(int error, absl::string_view what) { return absl::ErrnoToStatus(error, what); }

// The thread that all children are started by. It lives as long as the program: its end would kill them.
Executor& Launcher() {
  static Executor* launcher = new Executor("launcher");
  return *launcher;
}

absl::StatusOr<std::pair<pid_t, FileDescriptor>> SpawnHere(const SpawnOptions& options) {
  std::vector<std::string> arguments = {options.executable};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = options.environment;
  std::vector<char*> argument_pointers = Pointers(arguments);
  std::vector<char*> environment_pointers = Pointers(environment);
  std::vector<int> spare(options.descriptors.size());
  FileDescriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  int pipe_ends[2];
  if (!null.is_open() || pipe2(pipe_ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "a process cannot be prepared");
  FileDescriptor error_read(pipe_ends[0]), error_write(pipe_ends[1]);
  const ChildPlan plan = {.executable = options.executable.c_str(),
                          .arguments = argument_pointers.data(),
                          .environment = environment_pointers.data(),
                          .working_directory = options.working_directory.c_str(),
                          .descriptors = options.descriptors.data(),
                          .spare = spare.data(),
                          .descriptor_count = options.descriptors.size(),
                          .null_descriptor = null.get(),
                          .error_descriptor = error_write.get(),
                          .parent = getpid()};
  const pid_t pid = ForkChild(plan);
  if (pid < 0) return ErrnoStatus(errno, "no process can be started");
  FileDescriptor pidfd(PidfdOpen(pid));  // The child is not reaped yet, so the number is its own.
  const int pidfd_error = errno;
  error_write.Close();
  int error = 0;
  ssize_t got;
  do {
    got = read(error_read.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof error || !pidfd.is_open()) {
    kill(pid, SIGKILL);
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (got == sizeof error) return ErrnoStatus(error, absl::StrCat(options.executable, " cannot be executed"));
    return ErrnoStatus(pidfd_error, "this kernel has no pidfd_open");
  }
  return std::make_pair(pid, std::move(pidfd));
}

ExitStatus FromSiginfo(const siginfo_t& info) {
  return ExitStatus{.by_signal = info.si_code != CLD_EXITED, .number = info.si_status};
}

}  // namespace

void FileDescriptor::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::StatusOr<std::unique_ptr<Subprocess>> Subprocess::Spawn(const SpawnOptions& options) {
  absl::StatusOr<std::pair<pid_t, FileDescriptor>> started = absl::InternalError("not started");
  absl::Notification done;
  Launcher().Run([&] {
    started = SpawnHere(options);
    done.Notify();
  });
  done.WaitForNotification();
  if (!started.ok()) return started.status();
  return std::unique_ptr<Subprocess>(new Subprocess(started->first, std::move(started->second)));
}

Subprocess::~Subprocess() {
  Signal(SIGKILL);
  Reap();
}

bool Subprocess::Signal(int signal) { return PidfdSignal(pidfd_.get(), signal) == 0; }

std::optional<ExitStatus> Subprocess::WaitForEnd(absl::Duration patience) {
  {
    absl::MutexLock lock(&mutex_);
    if (end_.has_value()) return end_;
  }
  const absl::Duration deadline = Executor::Elapsed() + patience;
  struct pollfd poll_fd = {pidfd_.get(), POLLIN, 0};
  while (true) {
    const int64_t left = std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - Executor::Elapsed()));
    const int ready = poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(left, 1000000)));
    if (ready > 0) break;
    if (ready == 0 && left == 0) return std::nullopt;
  }
  siginfo_t info = {};
  if (waitid(kByPidfd, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOWAIT) != 0) return std::nullopt;
  return FromSiginfo(info);
}

ExitStatus Subprocess::Reap() {
  absl::MutexLock lock(&mutex_);
  if (end_.has_value()) return *end_;
  siginfo_t info = {};
  while (waitid(kByPidfd, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  kill(-pid_, SIGKILL);  // While the number of the group cannot have been given to another.
  while (waitid(kByPidfd, static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  end_ = FromSiginfo(info);
  return *end_;
}

}  // namespace sluice::base
