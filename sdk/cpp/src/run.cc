// The program's main: bootstrap, server, the watch over the control descriptor, the end.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "sdk/cpp/src/fault_hooks.h"
#include "sdk/cpp/src/runtime.h"
#include "sdk/wire/frame.h"
#include "sdk/wire/limits.h"
#include "sluice/connector/log.h"
#include "sluice/connector/serve.h"
#include "sluice/connector/v1/bootstrap.pb.h"

namespace sluice::connector {
namespace {

constexpr char kSdk[] = "cpp/0.1.0";

int ExplainByHand(const Description& description) {
  fprintf(stderr,
          "This is the Sluice connector %s %s. It is started by sluiced, not by hand.\n"
          "To look at it, run:  connector-check <its package>\n",
          description.name.c_str(), description.version.c_str());
  return wire::kExitStartedByHand;
}

// What an author, or a library, prints on stdout becomes a log line; nothing of the contract goes there.
void PrepareProcess() {
  signal(SIGPIPE, SIG_IGN);
#ifdef NDEBUG  // Debian's absl looks for deadlocks at each lock otherwise.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  fflush(stdout);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
}

absl::Time ReplyDeadline() { return absl::Now() + wire::kStartDeadline; }

int Refuse(int control, const std::string& reason) {
  LogError("the connector refuses to start").With("reason", reason);
  v1::BootstrapReply reply;
  reply.mutable_refused()->set_reason(reason);
  if (auto status = wire::WriteFrame(control, reply, ReplyDeadline()); !status.ok()) return wire::kExitStartFailed;
  return wire::kExitRefused;
}

int InheritedFd(const v1::BootstrapRequest& request) {
  for (const v1::Transport& transport : request.transports()) {
    if (transport.has_inherited()) return transport.inherited().fd();
  }
  return -1;
}

RuntimeOptions OptionsOf(const v1::BootstrapRequest& request) {
  RuntimeOptions options;
  options.work_dir = request.work_dir();
  options.egress_proxy = request.egress_proxy();
  if (request.limits().max_message_bytes() > 0) {
    options.limits.max_message_bytes =
        std::clamp<size_t>(request.limits().max_message_bytes(), 64 * 1024, 64 * 1024 * 1024);
  }
  if (request.limits().max_batch_records() > 0) {
    options.limits.max_batch_records = std::min<size_t>(request.limits().max_batch_records(), wire::kMaxBatchRecords);
  }
  return options;
}

v1::BootstrapReply AcceptedReply(const Description& description, uint32_t protocol, int fd) {
  v1::BootstrapReply reply;
  v1::BootstrapReply::Accepted* accepted = reply.mutable_accepted();
  accepted->set_protocol(protocol);
  accepted->mutable_transport()->mutable_inherited()->set_fd(fd);
  accepted->set_name(description.name);
  accepted->set_version(description.version);
  accepted->set_sdk(kSdk);
  return reply;
}

// Returns when the other end of the control descriptor is gone. Nothing is said on it after the bootstrap.
void AwaitEndOfFile(int control) {
  char ignored[256];
  for (;;) {
    pollfd poll_fd{control, POLLIN, 0};
    if (poll(&poll_fd, 1, -1) < 0 && errno != EINTR) return;
    const ssize_t n = read(control, ignored, sizeof ignored);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return;
  }
}

// The host is gone: two seconds for what runs, then the process ends, whatever an author's thread is doing.
void WatchHost(int control, Runtime* runtime) {
  AwaitEndOfFile(control);
  const absl::Time deadline = absl::Now() + wire::kOrphanDrain;
  std::thread([deadline] {
    absl::SleepFor(deadline - absl::Now());
    _exit(wire::kExitOk);
  }).detach();
  runtime->state().StartDraining();
  runtime->state().AwaitIdle(deadline);
  _exit(wire::kExitOk);
}

int ServeHost(const Connector& connector, int control, const v1::BootstrapRequest& request, uint32_t protocol) {
  const int fd = InheritedFd(request);
  // Never destroyed: an author's thread that hangs must not keep the process from ending.
  auto* runtime = new Runtime(connector, OptionsOf(request));
  if (auto status = runtime->Start(fd); !status.ok()) return Refuse(control, std::string(status.message()));
  v1::BootstrapReply reply = AcceptedReply(connector.description, protocol, fd);
  if (auto status = wire::WriteFrame(control, reply, ReplyDeadline()); !status.ok()) {
    LogError("the bootstrap reply could not be sent").With("error", std::string(status.message()));
    return wire::kExitStartFailed;
  }
  std::thread([control, runtime] { WatchHost(control, runtime); }).detach();
  runtime->state().AwaitDrained(absl::InfiniteDuration());
  // The answer to Drain is on its way; the host hangs up when it has it, and if it does not, this is the end all the
  // same.
  absl::SleepFor(wire::kOrphanDrain);
  return wire::kExitOk;
}

}  // namespace

int Run(Connector connector, int, char**) {
  const char* variable = getenv(wire::kControlFdVariable);
  int control = -1;
  if (variable == nullptr || !absl::SimpleAtoi(variable, &control) || control < 3)
    return ExplainByHand(connector.description);
  unsetenv(wire::kControlFdVariable);
  PrepareProcess();
  v1::BootstrapRequest request;
  if (auto status = wire::ReadFrame(control, &request, wire::kMaxBootstrapBytes, ReplyDeadline()); !status.ok()) {
    LogError("the bootstrap request could not be read").With("error", std::string(status.message()));
    return wire::kExitStartFailed;
  }
  if (request.log_level() != v1::LOG_LEVEL_UNSPECIFIED) SetLogLevel(static_cast<LogLevel>(request.log_level()));
  if (Faults().bootstrap != nullptr) {
    if (auto reply = Faults().bootstrap(request); reply.has_value()) {
      if (auto status = wire::WriteFrame(control, *reply, ReplyDeadline()); !status.ok()) return wire::kExitStartFailed;
      return reply->has_refused() ? wire::kExitRefused : (AwaitEndOfFile(control), wire::kExitOk);
    }
  }
  const uint32_t protocol = std::min(request.max_protocol(), wire::kMaxProtocol);
  int code = 0;
  if (protocol < std::max(request.min_protocol(), wire::kMinProtocol)) {
    code = Refuse(control,
                  absl::StrCat("the host speaks protocol ", request.min_protocol(), " to ", request.max_protocol(),
                               "; this connector speaks ", wire::kMinProtocol, " to ", wire::kMaxProtocol));
  } else if (InheritedFd(request) < 0) {
    code = Refuse(control, "the host offers no inherited socket, and this connector knows no other transport");
  } else {
    code = ServeHost(connector, control, request, protocol);
  }
  fflush(nullptr);
  _exit(code);
}

}  // namespace sluice::connector
