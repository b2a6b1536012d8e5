#include "host/engine/system_enforcement.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "host/base/executor.h"
#include "host/base/log.h"
#include "host/base/status.h"

namespace sluice::engine {
namespace {

using core::OperationKind;

// Who leaves is shut out first; grants come before revokes, so that a mover has no gap; what cannot be undone comes
// last.
constexpr std::array<OperationKind, 10> kPhases = {
    OperationKind::kDisable, OperationKind::kRetire,        OperationKind::kCreateResource, OperationKind::kCreate,
    OperationKind::kUpdate,  OperationKind::kEnable,        OperationKind::kGrant,          OperationKind::kRevoke,
    OperationKind::kDelete,  OperationKind::kDeleteResource};

constexpr size_t kBatch = 100;         // Operations in one write-ahead transaction.
constexpr size_t kMostUnderWay = 500;  // Sent and without a result; also the most that are verified at once.
constexpr int kMostBreaks = 5;         // Streams that broke with operations under way, in one run.

bool MayReturn(Reason reason) {
  switch (reason) {
    case Reason::kUnavailable:
    case Reason::kTransient:
    case Reason::kThrottled:
    case Reason::kBug:
    case Reason::kUnspecified:
      return true;
    default:
      return false;
  }
}

}  // namespace

SystemEnforcement::SystemEnforcement(const Context& context, const World& world, Work work,
                                     std::shared_ptr<ActiveRun> run, int64_t fence, std::shared_ptr<Strand> strand,
                                     Progress progress, Done done)
    : context_(context),
      world_(world),
      work_(std::move(work)),
      run_(std::move(run)),
      strand_(std::move(strand)),
      progress_(std::move(progress)),
      done_(std::move(done)),
      ledger_(context_, world_, work_.system, work_.plan, run_, fence) {}

void SystemEnforcement::Start() {
  strand_->Run([self = shared_from_this()] {
    absl::Status status = self->work_.open.empty() ? absl::OkStatus() : self->ledger_.Claim(self->work_.open);
    std::vector<core::PlannedOperation> adoptions;
    for (const core::PlannedOperation& operation : self->work_.operations) {
      if (operation.kind == OperationKind::kAdopt) adoptions.push_back(operation);
    }
    if (status.ok()) status = self->ledger_.Adopt(adoptions);
    if (!status.ok()) self->Abort(std::string(status.message()));
    self->ReportProgress();
    self->Step();
  });
}

void SystemEnforcement::OnResults(std::vector<TargetResult> results) {
  strand_->Run([self = shared_from_this(), results = std::move(results)]() mutable {
    self->Settle(std::move(results));
    self->Step();
  });
}

void SystemEnforcement::OnClosed(absl::Status status) {
  strand_->Run([self = shared_from_this(), status] {
    self->Close(status);
    self->Step();
  });
}

void SystemEnforcement::Step() {
  while (!is_done_) {
    if (run_->is_stopping() && stop_.empty()) Stop("stopped");
    const bool must_close = is_aborted_ || !unavailable_.empty();
    if (is_closing_ || is_verifying_ || (is_waiting_ && stop_.empty())) return;
    if (must_close && stream_ != nullptr) {
      is_closing_ = true;
      return stream_->Close();
    }
    if (is_aborted_) return Finish();
    if (SettleDoubts()) return;
    if (!stop_.empty() || (queue_.empty() && ledger_.under_way() == 0 && !NextPhase())) {
      if (stream_ == nullptr) return Finish();
      is_closing_ = true;
      return stream_->Close();
    }
    if (ledger_.has_credentials()) {
      SendCredentials();
    } else if (!queue_.empty() && ledger_.under_way() + kBatch <= kMostUnderWay) {
      SendBatch();
    } else {
      if (queue_.empty() && stream_ != nullptr && !has_flushed_) {
        has_flushed_ = true;
        stream_->Flush();
      }
      return;  // Results come.
    }
  }
}

// True: an answer, or a timer, comes first.
bool SystemEnforcement::SettleDoubts() {
  if (!ledger_.has_in_doubt() || is_verified_as_far_as_possible_) return false;
  Verify();
  return is_verifying_ || is_waiting_;
}

bool SystemEnforcement::IsReady(const core::PlannedOperation& operation) const {
  for (const std::string& id : operation.depends_on) {
    if (!ledger_.HasSucceeded(id)) return false;  // The next plan wants it again.
  }
  return true;
}

// Fills the queue with the next phase that has something to send. False: there is none.
bool SystemEnforcement::NextPhase() {
  while (phase_ < kPhases.size() && queue_.empty()) {
    const OperationKind kind = kPhases[phase_++];
    for (const core::PlannedOperation& operation : work_.operations) {
      if (operation.kind != kind || !IsReady(operation)) continue;
      store::Operation stored;
      stored.planned = operation;
      stored.plan = work_.plan;
      stored.run_id = run_->id();
      stored.written = context_.clock->Now();
      queue_.push_back(std::move(stored));
    }
  }
  return !queue_.empty();
}

bool SystemEnforcement::OpenStream() {
  if (stream_ != nullptr) return true;
  Connector* connector = context_.connectors->Find(work_.system);
  if (connector == nullptr) {
    Stop(absl::StrCat("system \"", work_.system, "\" has no connector; see: sluice plugin list"));
    is_verified_as_far_as_possible_ = true;
    return false;
  }
  stream_ = connector->Apply(run_->id(), shared_from_this());
  return true;
}

void SystemEnforcement::SendBatch() {
  if (!OpenStream()) return;
  std::vector<store::Operation> batch;
  while (!queue_.empty() && batch.size() < kBatch) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  absl::StatusOr<std::vector<TargetOperation>> out = ledger_.WriteAhead(std::move(batch));
  if (!out.ok())
    return Abort(absl::StrCat("operations could not be stored, so none was sent: ", out.status().message()));
  has_flushed_ = false;
  if (!out->empty()) stream_->Send(*std::move(out));
  ReportProgress();
}

void SystemEnforcement::SendCredentials() {
  if (!OpenStream()) return;
  absl::StatusOr<std::vector<TargetOperation>> out = ledger_.WriteAheadCredentials();
  if (!out.ok()) return Abort(std::string(out.status().message()));
  has_flushed_ = false;
  stream_->Send(*std::move(out));
}

void SystemEnforcement::Settle(std::vector<TargetResult> results) {
  if (is_done_ || is_aborted_) return;
  std::vector<TargetResult> settled;
  for (TargetResult& result : results) {
    const Reason reason = result.failure.reason;
    const bool has_failed = result.outcome == Outcome::kFailed;
    if (has_failed && reason == Reason::kUnavailable) {
      unavailable_.push_back(std::move(result));
      continue;
    }
    if (has_failed && reason == Reason::kAuth) Stop(result.failure.message);
    settled.push_back(std::move(result));
  }
  if (settled.empty()) return;
  missing_since_ = absl::ZeroDuration();
  absl::StatusOr<std::vector<store::Operation>> again = ledger_.Settle(settled, stop_.empty());
  if (!again.ok()) return Abort(absl::StrCat("outcomes could not be stored: ", again.status().message()));
  for (store::Operation& stored : *again) queue_.push_back(std::move(stored));
  ReportProgress();
}

void SystemEnforcement::Close(absl::Status status) {
  stream_.reset();
  is_closing_ = false;
  if (is_done_ || is_aborted_) return;
  std::vector<TargetResult> unavailable = std::move(unavailable_);
  unavailable_.clear();
  if (status.ok()) {
    // The plugin lives; its target does not.
    if (!unavailable.empty()) Stop(unavailable.front().failure.message);
    SettleUnavailable(unavailable);
    ledger_.DoubtAll();
    return;
  }
  const std::string why(status.message());
  if (ledger_.under_way() > unavailable.size()) ++breaks_;
  const bool goes_on = stop_.empty() && MayReturn(FailureFromStatus(status).reason) && breaks_ <= kMostBreaks;
  if (!goes_on) Stop(why);
  if (goes_on) {  // They were never sent.
    std::vector<std::string> ids;
    for (const TargetResult& result : unavailable) ids.push_back(result.operation_id);
    for (store::Operation& stored : ledger_.TakeBack(ids)) queue_.push_back(std::move(stored));
  } else {
    SettleUnavailable(unavailable);
  }
  ledger_.DoubtAll();
  if (goes_on) WaitForPlugin(why);
}

void SystemEnforcement::SettleUnavailable(const std::vector<TargetResult>& results) {
  absl::StatusOr<std::vector<store::Operation>> again = ledger_.Settle(results, /*sends_again=*/false);
  if (!again.ok()) return Abort(absl::StrCat("outcomes could not be stored: ", again.status().message()));
  ReportProgress();
}

void SystemEnforcement::Verify() {
  Connector* connector = context_.connectors->Find(work_.system);
  if (connector == nullptr) {
    is_verified_as_far_as_possible_ = true;
    return Stop(absl::StrCat("system \"", work_.system, "\" has no connector; see: sluice plugin list"));
  }
  is_verifying_ = true;
  std::vector<TargetOperation> operations = ledger_.InDoubt(kMostUnderWay);
  std::vector<std::string> asked;
  for (const TargetOperation& operation : operations) asked.push_back(operation.id);
  connector->Verify(std::move(operations),
                    [self = shared_from_this(), asked](absl::StatusOr<std::vector<Verdict>> verdicts) {
                      self->strand_->Run([self, asked, verdicts = std::move(verdicts)]() mutable {
                        self->OnVerdicts(asked, std::move(verdicts));
                        self->Step();
                      });
                    });
}

void SystemEnforcement::OnVerdicts(const std::vector<std::string>& asked,
                                   absl::StatusOr<std::vector<Verdict>> verdicts) {
  is_verifying_ = false;
  if (is_done_ || is_aborted_) return;
  if (!verdicts.ok()) {
    const std::string why = absl::StrCat(verdicts.status().message(), "; what is in doubt is verified at the next run");
    if (MayReturn(FailureFromStatus(verdicts.status()).reason)) return WaitForPlugin(why);
    is_verified_as_far_as_possible_ = true;
    return Stop(why);
  }
  missing_since_ = absl::ZeroDuration();
  absl::StatusOr<OperationLedger::Verified> verified =
      ledger_.SettleVerdicts(asked, *verdicts, /*sends_again=*/work_.open.empty() && stop_.empty());
  if (!verified.ok()) return Abort(absl::StrCat("outcomes could not be stored: ", verified.status().message()));
  for (store::Operation& stored : verified->again) queue_.push_back(std::move(stored));
  ReportProgress();
  if (verified->wait > absl::ZeroDuration()) Wait(verified->wait);
}

void SystemEnforcement::WaitForPlugin(const std::string& why) {
  const absl::Duration now = base::Executor::Elapsed();
  if (missing_since_ == absl::ZeroDuration()) {
    missing_since_ = now;
    run_->Warn(absl::StrCat(why, "; waiting for the plugin"));
  }
  if (!stop_.empty() || now - missing_since_ >= context_.patience.plugin) {
    is_verified_as_far_as_possible_ = true;
    return Stop(why);
  }
  Wait(context_.patience.between);
}

void SystemEnforcement::Wait(absl::Duration delay) {
  is_waiting_ = true;
  strand_->RunAfter(delay, [self = shared_from_this()] {
    self->is_waiting_ = false;
    self->Step();
  });
}

void SystemEnforcement::Stop(const std::string& error) {
  if (stop_.empty()) stop_ = error.empty() ? "the target is not available" : error;
  queue_.clear();
}

void SystemEnforcement::Abort(const std::string& error) {
  is_aborted_ = true;
  base::LogError("a target is left alone", {{"system", work_.system}, {"run", run_->id()}, {"error", error}});
  Stop(error);
}

void SystemEnforcement::Finish() {
  is_done_ = true;
  ledger_.GiveUpDoubts();
  EnforcementCounts counts = ledger_.counts();
  counts.error = stop_;
  const auto all = static_cast<int64_t>(work_.operations.size() + work_.open.size());
  counts.not_sent = std::max<int64_t>(0, all - counts.Settled());
  ReportProgress();
  Done done = std::move(done_);
  done(counts);
}

void SystemEnforcement::ReportProgress() {
  progress_(ledger_.counts().Settled() + ledger_.counts().not_sent,
            static_cast<int64_t>(work_.operations.size() + work_.open.size()));
}

}  // namespace sluice::engine
