// Carries out the operations of one plan on one target: phase after phase, over one stream that is opened again when it
// breaks.
//
// Everything runs on the system's strand; the sink's callbacks only post to it. Shared with the stream it opens, so
// that a late callback finds it alive. What is stored is its OperationLedger's work; this decides what comes next.
// Waits for a plugin by a timer, never on a thread; for a store that takes no writes likewise, and meanwhile sends
// nothing: what has happened waits in its order until it can be stored. Ends with one call of `done`.
#ifndef SLUICE_HOST_ENGINE_SYSTEM_ENFORCEMENT_H_
#define SLUICE_HOST_ENGINE_SYSTEM_ENFORCEMENT_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "host/base/backoff.h"
#include "host/engine/context.h"
#include "host/engine/operation_ledger.h"
#include "host/engine/runs.h"
#include "host/engine/strand.h"
#include "host/engine/world.h"

namespace sluice::engine {

class SystemEnforcement final : public ApplySink, public std::enable_shared_from_this<SystemEnforcement> {
 public:
  struct Work {
    std::string system;
    std::vector<core::PlannedOperation> operations;  // The ready ones, in plan order; or
    std::vector<store::Operation> open;              // what an earlier run left open.
    std::string plan;
  };
  using Done = std::function<void(const EnforcementCounts&)>;
  using Progress = std::function<void(int64_t settled, int64_t expected)>;

  // `fence`: this run's lease.
  SystemEnforcement(const Context& context, const World& world, Work work, std::shared_ptr<ActiveRun> run,
                    int64_t fence, std::shared_ptr<Strand> strand, Progress progress, Done done);

  void Start();

  void OnResults(std::vector<TargetResult> results) override;
  void OnClosed(absl::Status status) override;

 private:
  // Something that happened, and what is to be stored of it; is called again when the store refuses it.
  using Event = std::function<absl::Status()>;
  void Handle(Event event);
  // Handles what has happened, in its order, as far as the store takes it.
  void HandleAll();
  void TakeUp();
  // Does what can be done now; called after whatever happened.
  void Step();
  bool SettleDoubts();
  bool NextPhase();
  void SetPace();
  bool IsReady(const core::PlannedOperation& operation) const;
  // True: the answer comes first.
  bool AskForNames();
  void SendBatch();
  void SendAhead(std::vector<TargetOperation> operations, absl::Time lease_until);
  void SendCredentials();
  bool OpenStream();
  absl::Status Settle(std::vector<TargetResult> results);
  absl::Status Close(const absl::Status& status);
  absl::Status AfterClose();
  void Verify();
  absl::Status OnVerdicts(const std::vector<std::string>& asked, const absl::StatusOr<std::vector<Verdict>>& verdicts);
  // False, and the target is left alone, when the store will not take it later either.
  bool WaitForStore(const absl::Status& status, absl::string_view what);
  // The plugin is not there: waits for it, for a while.
  void WaitForPlugin(const std::string& why);
  void Wait(absl::Duration delay);
  void GoOnLater();
  void Stop(const std::string& error);   // Nothing more is sent; what is under way ends.
  void Abort(const std::string& error);  // Nothing more is stored either.
  void Finish();
  void ReportProgress();

  const Context& context_;
  const World world_;
  const Work work_;
  const std::shared_ptr<ActiveRun> run_;
  const std::shared_ptr<Strand> strand_;
  Progress progress_;
  Done done_;

  OperationLedger ledger_;
  struct Pace {
    size_t batch = 1, most_under_way = 1;  // Operations sent at once; sent and without a result.
  };
  Pace pace_;
  size_t phase_ = 0;
  std::deque<store::Operation> queue_;     // Of this phase, not sent yet.
  std::vector<TargetResult> unavailable_;  // Not reached, or not sent: the end of the stream says which.
  absl::Mutex arrived_mutex_;
  std::vector<TargetResult> arrived_ ABSL_GUARDED_BY(arrived_mutex_);  // Since the strand took them last.
  std::deque<Event> events_;
  bool is_store_away_ = false;
  bool was_store_away_ = false;
  base::Backoff store_backoff_;
  std::unique_ptr<ApplyStream> stream_;
  bool has_flushed_ = false;
  bool is_closing_ = false;
  bool is_verifying_ = false;
  bool is_asking_ = false;
  bool is_waiting_ = false;
  absl::Duration wait_until_ = absl::ZeroDuration();  // Monotonic.
  bool is_verified_as_far_as_possible_ = false;
  bool is_aborted_ = false;
  bool is_done_ = false;
  std::string stop_;                                     // Why nothing more is sent; empty: it goes on.
  absl::Duration missing_since_ = absl::ZeroDuration();  // Monotonic; zero: the plugin is there.
  int breaks_ = 0;
  std::optional<std::string> broken_;  // Why the stream that closed last did, when the run goes on without it.
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_SYSTEM_ENFORCEMENT_H_
