// Keeps the one process of one system running: starts it, opens its system, watches its health, restarts it with
// backoff, and stops doing so visibly when it only crashes.
//
//   Stopped -> Starting -> Ready -> Draining -> Stopped
//                  ^  \      |
//                  |   v     v  crash, hang, refusal
//                  Backoff <-+--> Halted (a refusal that trying again would not change, or too many ends: until
//                  somebody starts it)
//
// Thread-safe; every transition happens on the executor that was given, which runs nothing that blocks. A call while
// the plugin is in Backoff or Halted fails at once with UNAVAILABLE and one line.
#ifndef SLUICE_HOST_PLUGIN_SUPERVISOR_H_
#define SLUICE_HOST_PLUGIN_SUPERVISOR_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "host/base/backoff.h"
#include "host/base/clock.h"
#include "host/base/executor.h"
#include "host/plugin/catalogue.h"
#include "host/plugin/log_lines.h"
#include "host/plugin/process.h"
#include "host/plugin/session.h"
#include "host/plugin/system_config.h"

namespace sluice::plugin {

enum class PluginState { kStopped, kStarting, kReady, kDraining, kBackoff, kHalted };
absl::string_view PluginStateName(PluginState state);  // "halted"

struct SupervisorOptions {
  ProcessOptions process;
  absl::Duration call_deadline = absl::Seconds(10);  // GetInfo, GetConfigSchema.
  absl::Duration open_deadline = absl::Seconds(30);
  absl::Duration health_every = absl::Seconds(10);
  absl::Duration health_deadline = absl::Seconds(3);
  int health_misses = 3;  // In a row: it hangs.
  base::BackoffOptions backoff;
  absl::Duration healthy_after = absl::Minutes(10);   // Ready for so long: the backoff starts anew.
  int breaker_ends = 5;                               // So many abnormal ends
  absl::Duration breaker_window = absl::Minutes(10);  // in so long: Halted.
  absl::Duration drain_patience = absl::Seconds(30);
  absl::Duration exit_patience = absl::Seconds(2);  // After the control descriptor was closed, before SIGTERM.
  absl::Duration term_patience = absl::Seconds(5);  // After SIGTERM, before SIGKILL.
  absl::Duration events_again = absl::Seconds(1);   // After the stream of events broke.
  size_t log_lines = 50;                            // Kept for `plugin show`.
  std::string work_root;                            // Where each launch gets a directory of its own; empty: none.
};

// A picture of one system's plugin, for `plugin list` and `plugin show`.
struct PluginStatus {
  std::string system, connector;
  std::string package, version, directory;  // Empty while no package matches.
  PluginState state = PluginState::kStopped;
  absl::Time since;  // Of the state, by the host's clock.
  int pid = 0;       // 0: no process.
  std::string launch_id;
  int restarts = 0;     // Since the host started.
  ProcessEnd last_end;  // kNone: it never ended.
  absl::Time last_end_time;
  std::string message;  // One line: why it is not ready.
  std::vector<std::string> last_lines;
};

class Supervisor : public std::enable_shared_from_this<Supervisor> {
 public:
  using Acquired = std::function<void(absl::StatusOr<std::shared_ptr<Session>>)>;
  // Stores a secret that a system gave us, then calls `stored`, with what the next Open hands over beside the value; or
  // with nothing, when there is nothing to store (it was stored before, or an operator gave another since).
  using Stored = std::function<void(std::optional<SystemConfig::SecretHistory> history)>;
  using SecretSink = std::function<void(const SecretRotation& rotation, Stored stored)>;

  static std::shared_ptr<Supervisor> Create(SystemConfig config, absl::StatusOr<Package> package,
                                            SupervisorOptions options, base::Executor* executor,
                                            const base::Clock* clock, SecretSink secrets = nullptr);
  // REQUIRES: Stop has been answered. `clock` is not asked after that.
  ~Supervisor();

  // Starts the process, also from Halted: forgets what led there.
  void Start();
  // Gives the session of the ready plugin, starting it when it is stopped. `acquired` runs once, on the executor, and
  // must be short.
  void Acquire(Acquired acquired);
  // Drains, stops, and kills what does not stop. `stopped` runs on the executor, when no process is left. With
  // `quickly` it is killed at once.
  void Stop(std::function<void()> stopped, bool quickly = false);
  // The running process is replaced by one with the new settings, started when one ran or was tried before.
  void Reconfigure(SystemConfig config, absl::StatusOr<Package> package);

  PluginStatus Status() const;
  // Cancels the streams that are under way.
  void CancelStreams();
  std::vector<std::string> SecretValues() const;
  // What it is opened with next: rotated secrets included.
  SystemConfig config() const;

 private:
  class Launch;

  Supervisor(SystemConfig config, absl::StatusOr<Package> package, SupervisorOptions options, base::Executor* executor,
             const base::Clock* clock, SecretSink secrets);

  // All of these run on the executor.
  void StartProcess();
  void OnAccepted(uint64_t launch);
  void OnInfo(uint64_t launch, const absl::StatusOr<PluginInfo>& info);
  void OnSchema(uint64_t launch, const absl::StatusOr<ConfigSchema>& schema);
  void OnOpened(uint64_t launch, const absl::Status& status);
  void ListenToEvents(uint64_t launch);
  void OnRotation(uint64_t launch, const SecretRotation& rotation, std::function<void(bool)> acknowledge);
  void CheckHealth(uint64_t launch);
  void OnHealth(uint64_t launch, const absl::Status& status);
  void OnEnd(uint64_t launch, const ProcessEnd& end);
  void Judge(const ProcessEnd& end);
  void FailStart(uint64_t launch, EndKind kind, std::string text, bool worth_retrying);
  void StopProcess(bool quickly);
  void CloseAndKill(uint64_t launch);
  void FinishStop();
  void AnswerWaiters(const absl::StatusOr<std::shared_ptr<Session>>& answer);
  void SetState(PluginState state, std::string message);
  void RemoveWorkDir();
  absl::Status Unavailable() const;
  bool IsCurrent(uint64_t launch) const { return launch == launch_number_ && process_ != nullptr; }

  const SupervisorOptions options_;
  base::Executor* const executor_;
  const base::Clock* const clock_;
  const SecretSink secret_sink_;

  // The executor's.
  absl::StatusOr<Package> package_;
  std::unique_ptr<Launch> launch_;
  std::unique_ptr<Process> process_;
  std::shared_ptr<Session> session_;
  uint64_t launch_number_ = 0;
  std::vector<Acquired> waiters_;
  std::vector<std::function<void()>> stop_waiters_;
  bool starts_again_ = false;  // After Draining.
  base::Backoff backoff_;
  base::Executor::TimerId backoff_timer_ = 0;
  std::deque<absl::Duration> ends_;  // Of abnormal ends, monotonic.
  absl::Duration ready_since_ = absl::InfiniteDuration();
  int misses_ = 0;
  std::string work_dir_;

  const std::shared_ptr<RecentLines> lines_;
  mutable absl::Mutex mutex_;
  SystemConfig config_ ABSL_GUARDED_BY(mutex_);
  PluginStatus status_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<Session> shared_session_ ABSL_GUARDED_BY(mutex_);  // session_, for other threads.
};

}  // namespace sluice::plugin

#endif  // SLUICE_HOST_PLUGIN_SUPERVISOR_H_
