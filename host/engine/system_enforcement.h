// Carries out the operations of one plan on one target: phase after phase, each written ahead, each with one outcome.
//
// Everything runs on the system's strand; the sink's callbacks only post to it. Shared with the stream it opens, so
// that a late callback finds it alive. Knows targets only through Connector.
#ifndef SLUICE_HOST_ENGINE_SYSTEM_ENFORCEMENT_H_
#define SLUICE_HOST_ENGINE_SYSTEM_ENFORCEMENT_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/base/executor.h"
#include "host/engine/context.h"
#include "host/engine/outcome.h"
#include "host/engine/runs.h"
#include "host/engine/world.h"

namespace sluice::engine {

// What became of the operations of one system.
struct EnforcementCounts {
  int64_t adopted = 0, applied = 0, no_change = 0, failed = 0, in_doubt = 0, pending = 0, not_sent = 0;
  std::string error;  // Why the system was left alone; empty: it was not.
};

class SystemEnforcement final : public ApplySink, public std::enable_shared_from_this<SystemEnforcement> {
 public:
  using Done = std::function<void(const EnforcementCounts&)>;

  // `operations`: the ready ones of `system`, in plan order. `fence`: this run's lease.
  SystemEnforcement(const Context& context, const World& world, std::string system,
                    std::vector<core::PlannedOperation> operations, std::string plan, std::shared_ptr<ActiveRun> run,
                    int64_t fence, base::Executor* strand, Done done);

  void Start();

  // Verifies what an earlier run left open (sent, in doubt, pending), and then calls `done`.
  void Recover(std::vector<store::Operation> open);

  void OnResults(std::vector<TargetResult> results) override;
  void OnClosed(absl::Status status) override;

 private:
  enum class Mode { kEnforce, kRecover };

  void NextPhase();
  bool IsReady(const core::PlannedOperation& operation) const;
  void AdoptAll(const std::vector<core::PlannedOperation>& operations);
  void SendMore();
  // Stores a batch as sent, with names and sealed secrets, then hands it to the stream.
  absl::Status SendBatch(std::vector<store::Operation> batch);
  absl::Status Prepare(store::Operation& stored, store::Commit& commit, std::map<std::string, std::string>& secrets);
  absl::Status WriteAhead(std::vector<store::Operation>& batch, std::vector<TargetOperation>& out);
  void Settle(const std::vector<TargetResult>& results);
  void SettleOne(const TargetResult& result, store::Commit& commit);
  void SettleFailure(store::Operation& stored, const TargetResult& result, store::Commit& commit);
  bool TryAgain(store::Operation& stored, const TargetResult& result);
  void ConfirmSecrets(store::Operation& stored, store::Commit& commit);
  void Commit(const store::Commit& commit);
  void VerifyInDoubt();
  void OnVerdicts(absl::StatusOr<std::vector<Verdict>> verdicts);
  void SetCredential(store::Operation stored, TargetResult result);
  void GiveUp(const std::string& error);
  void Finish();
  void ReportProgress();
  absl::Time Now() const { return context_.clock->Now(); }

  const Context& context_;
  const World world_;
  const std::string system_;
  const std::string plan_;
  const std::shared_ptr<ActiveRun> run_;
  const int64_t fence_;
  base::Executor* const strand_;
  Done done_;

  Mode mode_ = Mode::kEnforce;
  SystemState state_;
  std::vector<core::PlannedOperation> operations_;
  size_t phase_ = 0;
  std::deque<store::Operation> queue_;                 // Of this phase, not sent yet.
  std::map<std::string, store::Operation> under_way_;  // Sent, without an outcome, by operation id.
  std::map<std::string, TargetResult>
      awaiting_credential_;                 // CREATEs that Verify found done: their password is set again first.
  std::set<std::string> succeeded_;         // Ids.
  std::map<std::string, int> name_rounds_;  // By operation id: how many names or passwords were refused.
  std::set<std::string> taken_names_;       // Domain and name that the target refused in this run.
  std::unique_ptr<ApplyStream> stream_;
  bool is_stream_broken_ = false;
  bool is_done_ = false;
  uint64_t settled_ = 0;
  EnforcementCounts counts_;
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_SYSTEM_ENFORCEMENT_H_
