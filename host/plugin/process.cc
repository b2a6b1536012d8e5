#include "host/plugin/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "host/base/executor.h"
#include "host/plugin/bootstrap_internal.h"
#include "sdk/wire/limits.h"

namespace sluice::plugin {
namespace {

using base::Executor;
using base::FileDescriptor;

constexpr int kReadsPerTurn = 16;  // So that a plugin that never stops writing does not keep the thread from all else.
constexpr size_t kLastWords = 1 << 20;  // Read at most from each pipe after the end.

std::string NewLaunchId() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const uint32_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return absl::BytesToHexString(bytes);
}

struct Pair {
  FileDescriptor ours, theirs;
};

absl::StatusOr<Pair> SocketPair() {
  int ends[2];
  // The connection must be non-blocking at both ends: gRPC on either side would block a thread of its own otherwise.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return absl::ErrnoToStatus(errno, "no socket pair can be made");
  }
  return Pair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

absl::StatusOr<Pair> Pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "no pipe can be made");
  fcntl(ends[0], F_SETFL, O_NONBLOCK);  // Ours only: a plugin's printf does not expect EAGAIN.
  return Pair{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

}  // namespace

absl::string_view EndKindName(EndKind kind) {
  switch (kind) {
    case EndKind::kNone:
      return "none";
    case EndKind::kAsked:
      return "asked";
    case EndKind::kExit:
      return "exit";
    case EndKind::kSignal:
      return "signal";
    case EndKind::kRefused:
      return "refused";
    case EndKind::kHang:
      return "hang";
    case EndKind::kStartDeadline:
      return "start deadline";
    case EndKind::kBadHandshake:
      return "bad handshake";
    case EndKind::kNotStarted:
      return "not started";
    case EndKind::kOpenFailed:
      return "open failed";
  }
  return "none";
}

ProcessEnd EndOf(const base::ExitStatus& status) {
  ProcessEnd end;
  end.kind = status.by_signal ? EndKind::kSignal : EndKind::kExit;
  end.number = status.number;
  end.text = status.by_signal ? absl::StrCat("ended by signal ", status.number, " (", strsignal(status.number), ")")
                              : absl::StrCat("ended by itself with exit code ", status.number);
  return end;
}

// The bootstrap exchange on the control descriptor.
class Process::Greeting {
 public:
  Greeting(const Package& package, const ProcessOptions& options, const std::string& launch_id,
           const ListenPlace* listen)
      : bootstrap(package, options, launch_id, listen), unsent(bootstrap.request()), started(Executor::Elapsed()) {}

  absl::Duration Since() const { return Executor::Elapsed() - started; }

  Bootstrap bootstrap;
  std::string unsent;
  const absl::Duration started;
  bool is_settled = false;  // The observer or the end knows of it.
};

Process::Process(const Package& package, ProcessOptions options, ProcessObserver* observer)
    : package_(package), options_(std::move(options)), observer_(observer), launch_id_(NewLaunchId()) {}

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const Package& package, const ProcessOptions& options,
                                                        ProcessObserver* observer) {
  std::unique_ptr<Process> process(new Process(package, options, observer));
  if (absl::Status status = process->Launch(); !status.ok()) return status;
  process->thread_ = std::thread([p = process.get()] { p->Watch(); });
  return process;
}

absl::Status Process::Launch() {
  auto control = SocketPair();
  auto transport = SocketPair();
  auto output = Pipe();
  auto errors = Pipe();
  for (const absl::Status& status : {control.status(), transport.status(), output.status(), errors.status()}) {
    if (!status.ok()) return status;
  }
  fcntl(control->theirs.get(), F_SETFL, 0);  // A plugin waits for its request.
  base::SpawnOptions spawn;
  spawn.executable = package_.executable;
  spawn.environment = {absl::StrCat(wire::kControlFdVariable, "=", wire::kControlFd),
                       absl::StrCat("LANG=", options_.language), absl::StrCat("TZ=", options_.time_zone)};
  if (!options_.work_dir.empty()) spawn.working_directory = options_.work_dir;
  static_assert(wire::kControlFd == 3 && wire::kTransportFd == 4);
  spawn.descriptors = {-1, output->theirs.get(), errors->theirs.get(), control->theirs.get(), transport->theirs.get()};
  auto child = base::Subprocess::Spawn(spawn);
  if (!child.ok()) return child.status();
  process_ = *std::move(child);
  // While it loads. Most plugins adopt the socket, and they shall not fail for want of a place that they do not need.
  if (auto place = ListenPlace::Make(options_.work_dir, options_.socket_root); place.ok()) listen_ = *std::move(place);
  output_ = std::move(output->ours);
  errors_ = std::move(errors->ours);
  absl::MutexLock lock(&mutex_);
  control_ = std::move(control->ours);
  connection_.socket = std::move(transport->ours);
  return absl::OkStatus();
}

Process::~Process() {
  if (process_ == nullptr) return;
  process_->Signal(SIGKILL);
  if (thread_.joinable()) thread_.join();
}

Connection Process::TakeConnection() {
  absl::MutexLock lock(&mutex_);
  return std::move(connection_);
}

void Process::CloseControl() {
  absl::MutexLock lock(&mutex_);
  // Not closed here: the watching thread may be waiting on the number. The plugin sees the end of file all the same.
  if (control_.is_open()) shutdown(control_.get(), SHUT_RDWR);
}

void Process::ExplainEnd(ProcessEnd end) {
  absl::MutexLock lock(&mutex_);
  if (explained_.kind == EndKind::kNone) explained_ = std::move(end);
}

void Process::Kill(ProcessEnd end) {
  ExplainEnd(std::move(end));
  process_->Signal(SIGKILL);
}

bool Process::ReadLines(FileDescriptor* pipe, LineReader* reader, bool is_error_stream) {
  std::array<char, 16384> buffer;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t n = read(pipe->get(), buffer.data(), buffer.size());
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    reader->Feed(absl::string_view(buffer.data(), static_cast<size_t>(n)), Executor::Elapsed(),
                 [&](absl::string_view line) { observer_->OnLog(ParseLogLine(line, is_error_stream)); });
  }
  return true;
}

// One turn of the exchange; true while the descriptor is worth waiting for.
void Process::Greet(Greeting* greeting) {
  int control;
  {
    absl::MutexLock lock(&mutex_);
    control = control_.get();
  }
  if (!greeting->unsent.empty()) {
    const ssize_t n = send(control, greeting->unsent.data(), greeting->unsent.size(), MSG_NOSIGNAL);
    if (n > 0) greeting->unsent.erase(0, static_cast<size_t>(n));
  }
  std::array<char, 4096> buffer;
  const ssize_t n = recv(control, buffer.data(), buffer.size(), 0);
  if (n > 0) greeting->bootstrap.Feed(absl::string_view(buffer.data(), static_cast<size_t>(n)), greeting->Since());
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) greeting->bootstrap.OnEndOfFile();
  if (greeting->is_settled || greeting->bootstrap.state() == Bootstrap::State::kWaiting) return;
  greeting->is_settled = true;
  if (greeting->bootstrap.state() == Bootstrap::State::kAccepted) {
    if (!greeting->bootstrap.plugin_certificate().empty()) {
      absl::MutexLock lock(&mutex_);
      connection_.socket.Close();
      connection_.listen_path = listen_->path();
      connection_.host_certificate = listen_->identity().certificate_pem;
      connection_.host_key = listen_->identity().key_pem;
      connection_.plugin_certificate = greeting->bootstrap.plugin_certificate();
    }
    observer_->OnAccepted();
    return;
  }
  // A bad handshake of a process that has just crashed is a crash: the exit status says more.
  if (greeting->bootstrap.end().kind == EndKind::kBadHandshake &&
      process_->WaitForEnd(options_.refusal_patience).has_value()) {
    return;
  }
  ExplainEnd(greeting->bootstrap.end());
  CloseControl();
  kill_at_ = Executor::Elapsed() + options_.refusal_patience;
}

int Process::PollTimeout(const Greeting& greeting) const {
  absl::Duration until = kill_at_ - Executor::Elapsed();
  if (!greeting.is_settled) until = std::min(until, greeting.bootstrap.deadline() - greeting.Since());
  if (until == absl::InfiniteDuration()) return -1;
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(until) + 1, 0, 60000));
}

void Process::CheckDeadlines(const Greeting& greeting) {
  if (!greeting.is_settled && greeting.Since() >= greeting.bootstrap.deadline()) Kill(greeting.bootstrap.DeadlineEnd());
  if (Executor::Elapsed() >= kill_at_) process_->Signal(SIGKILL);
}

void Process::Watch() {
  Greeting greeting(package_, options_, launch_id_, listen_.get());
  LineReader output_lines(options_.lines), error_lines(options_.lines);
  int control;
  {
    absl::MutexLock lock(&mutex_);
    control = control_.get();
  }
  while (true) {
    const bool is_greeting = !greeting.is_settled;
    std::array<pollfd, 4> polled = {{{process_->pidfd(), POLLIN, 0},
                                     {output_.get(), POLLIN, 0},
                                     {errors_.get(), POLLIN, 0},
                                     {is_greeting ? control : -1, POLLIN, 0}}};
    if (is_greeting && !greeting.unsent.empty()) polled[3].events |= POLLOUT;
    if (poll(polled.data(), polled.size(), PollTimeout(greeting)) < 0 && errno != EINTR) break;
    if (polled[1].revents != 0 && !ReadLines(&output_, &output_lines, false)) output_.Close();
    if (polled[2].revents != 0 && !ReadLines(&errors_, &error_lines, true)) errors_.Close();
    if (polled[3].revents != 0) Greet(&greeting);
    if (polled[0].revents != 0) break;
    CheckDeadlines(greeting);
  }
  // What it said last; a grandchild that left the group may hold the pipes open, so nobody waits for their end.
  const ProcessEnd end = Bury();
  const auto last_words = [&](FileDescriptor* pipe, LineReader* reader, bool is_error_stream) {
    for (size_t read = 0; pipe->is_open() && read < kLastWords; read += kReadsPerTurn * 16384) {
      if (!ReadLines(pipe, reader, is_error_stream)) break;
    }
    reader->Finish([&](absl::string_view line) { observer_->OnLog(ParseLogLine(line, is_error_stream)); });
  };
  last_words(&output_, &output_lines, false);
  last_words(&errors_, &error_lines, true);
  observer_->OnEnd(end);
}

ProcessEnd Process::Bury() {
  process_->Signal(SIGKILL);  // Only matters when the wait itself failed.
  const base::ExitStatus status = process_->Reap();
  ProcessEnd end = EndOf(status);
  absl::MutexLock lock(&mutex_);
  if (explained_.kind != EndKind::kNone) {
    explained_.number = end.number;
    end = explained_;
  }
  return end;
}

}  // namespace sluice::plugin
