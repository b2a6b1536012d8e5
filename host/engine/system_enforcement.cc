#include "host/engine/system_enforcement.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/crash_point.h"
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

constexpr size_t kBatch = 100;          // Operations in one write-ahead transaction,
constexpr size_t kJoinedBatch = 500;    // and of those that are joined.
constexpr size_t kMostUnderWay = 1000;  // Sent and without a result: some are stored while others are carried out.
constexpr size_t kMostVerified = 500;   // At once.
constexpr int kMostBreaks = 5;          // Streams that broke with operations under way, in one run.

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
      ledger_(context_, world_, work_.system, work_.plan, run_, fence),
      store_backoff_(context.patience.store) {}

void SystemEnforcement::Start() {
  strand_->Run([self = shared_from_this()] {
    SystemEnforcement& me = *self;
    if (!me.work_.open.empty()) me.events_.push_back([&me] { return me.ledger_.Claim(me.work_.open); });
    // Accounts come before what hangs on them, as in the plan.
    std::vector<core::PlannedOperation> adoptions;
    const auto adopt = [&] {
      if (adoptions.empty()) return;
      me.events_.push_back([&me, batch = std::exchange(adoptions, {})] {
        return me.is_aborted_ ? absl::OkStatus() : me.ledger_.Adopt(batch);
      });
    };
    for (const core::PlannedOperation& operation : me.work_.operations) {
      if (operation.kind == OperationKind::kAdopt) adoptions.push_back(operation);
      if (adoptions.size() == kBatch) adopt();
    }
    adopt();
    me.ReportProgress();
    me.HandleAll();
  });
}

// What comes while the strand stores what came before is stored together.
void SystemEnforcement::OnResults(std::vector<TargetResult> results) {
  {
    absl::MutexLock lock(&arrived_mutex_);
    const bool is_awaited = !arrived_.empty();
    arrived_.insert(arrived_.end(), std::make_move_iterator(results.begin()), std::make_move_iterator(results.end()));
    if (is_awaited) return;
  }
  strand_->Run([self = shared_from_this()] {
    std::vector<TargetResult> arrived;
    {
      absl::MutexLock lock(&self->arrived_mutex_);
      arrived.swap(self->arrived_);
    }
    base::CrashPoints::Pass(base::CrashPoint::kAnswered);
    self->Handle([me = self.get(), arrived = std::move(arrived)]() mutable { return me->Settle(std::move(arrived)); });
  });
}

void SystemEnforcement::OnClosed(absl::Status status) {
  strand_->Run([self = shared_from_this(), status] {
    self->events_.push_back([me = self.get(), status] { return me->Close(status); });
    self->Handle([me = self.get()] { return me->AfterClose(); });
  });
}

void SystemEnforcement::Handle(Event event) {
  events_.push_back(std::move(event));
  HandleAll();
}

void SystemEnforcement::HandleAll() {
  while (!is_done_ && !is_store_away_ && (ledger_.has_pending() || !events_.empty())) {
    const bool is_retry = ledger_.has_pending();
    const absl::Status status = is_retry ? ledger_.Retry() : events_.front()();
    const bool waits = !status.ok() && WaitForStore(status, "outcomes could not be stored: ");
    // What the ledger keeps is tried again there; what it does not keep is called again.
    if (!is_retry && (!waits || ledger_.has_pending())) events_.pop_front();
    if (status.ok()) TakeUp();
  }
  Step();
}

// After whatever was stored.
void SystemEnforcement::TakeUp() {
  if (std::exchange(was_store_away_, false)) {
    base::LogInfo("the store takes writes again", {{"system", work_.system}, {"run", run_->id()}});
    store_backoff_.Reset();
  }
  for (store::Operation& stored : ledger_.TakeAgain()) queue_.push_back(std::move(stored));
  if (const absl::Duration wait = ledger_.TakeWait(); wait > absl::ZeroDuration()) Wait(wait);
  ReportProgress();
}

bool SystemEnforcement::WaitForStore(const absl::Status& status, absl::string_view what) {
  if (!IsStoreAway(status) || is_aborted_ || run_->is_stopping()) {
    Abort(absl::StrCat(what, status.message()));
    return false;
  }
  if (!std::exchange(was_store_away_, true))
    run_->Warn(absl::StrCat(work_.system, ": ", status.message(), "; nothing is sent until the store takes it"));
  is_store_away_ = true;
  strand_->RunAfter(store_backoff_.Next(), [self = shared_from_this()] {
    self->is_store_away_ = false;
    self->HandleAll();
  });
  return true;
}

void SystemEnforcement::Step() {
  while (!is_done_ && !is_store_away_) {
    if (run_->is_stopping() && stop_.empty()) Stop("stopped");
    const bool must_close = is_aborted_ || !unavailable_.empty();
    if (is_closing_ || is_verifying_ || is_asking_ || (is_waiting_ && stop_.empty())) return;
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
    } else if (!queue_.empty() && ledger_.under_way() + std::min(pace_.batch, queue_.size()) <= pace_.most_under_way) {
      if (AskForNames()) return;
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
    SetPace();
  }
  return !queue_.empty();
}

// As the classes of this phase allow. Changes of one object's members that the connector writes together are sent one
// object after the other, and many at once.
void SystemEnforcement::SetPace() {
  pace_ = {kBatch, kMostUnderWay};
  const auto schema = world_.state->schemas.find(work_.system);
  if (schema == world_.state->schemas.end()) return;
  bool joins = !queue_.empty();
  for (const store::Operation& stored : queue_) {
    const bool is_of_members =
        stored.planned.kind == OperationKind::kGrant || stored.planned.kind == OperationKind::kRevoke;
    std::string object_class = stored.planned.object_class;
    if (is_of_members) {
      const auto relation = schema->second.relations.find(object_class);
      if (relation != schema->second.relations.end()) object_class = relation->second.relation_class;
    }
    const auto known = schema->second.classes.find(object_class);
    joins &= is_of_members && known != schema->second.classes.end() && known->second.joins;
    if (known == schema->second.classes.end() || known->second.max_in_flight == 0) continue;
    pace_.most_under_way = std::min<size_t>(pace_.most_under_way, known->second.max_in_flight);
  }
  if (joins) {
    pace_.batch = kJoinedBatch;
    std::stable_sort(queue_.begin(), queue_.end(), [](const store::Operation& a, const store::Operation& b) {
      return std::tie(a.planned.permission_id, a.planned.entitlement) <
             std::tie(b.planned.permission_id, b.planned.entitlement);
    });
  }
  pace_.batch = std::min(pace_.batch, pace_.most_under_way);
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

// Whether the target has a name that an import does not show: a deleted object's, another class's.
bool SystemEnforcement::AskForNames() {
  OperationLedger::NamesToAsk ask = ledger_.UnaskedNames(queue_, pace_.batch);
  Connector* connector = ask.names.empty() ? nullptr : context_.connectors->Find(work_.system);
  if (connector == nullptr) return false;
  std::vector<core::Value> values;
  for (const std::string& name : ask.names) values.push_back(core::Value::Text(name));
  is_asking_ = true;
  const std::string domain = ask.domain;
  connector->FindTaken(domain, std::move(values),
                       [self = shared_from_this(), ask = std::move(ask)](absl::StatusOr<std::vector<Taken>> taken) {
                         self->strand_->Run([self, ask, taken = std::move(taken)] {
                           self->is_asking_ = false;
                           self->ledger_.Learn(ask, taken);
                           self->Step();
                         });
                       });
  return true;
}

void SystemEnforcement::SendBatch() {
  if (!OpenStream()) return;
  std::vector<store::Operation> batch;
  while (!queue_.empty() && batch.size() < pace_.batch) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  OperationLedger::Ahead ahead = ledger_.WriteAhead(std::move(batch));
  if (!ahead.send.empty()) SendAhead(std::move(ahead.send), ahead.lease_until);
  queue_.insert(queue_.begin(), std::make_move_iterator(ahead.unwritten.begin()),
                std::make_move_iterator(ahead.unwritten.end()));
  if (ahead.status.ok()) return TakeUp();
  WaitForStore(ahead.status, "operations could not be stored, so none was sent: ");
}

void SystemEnforcement::SendAhead(std::vector<TargetOperation> operations, absl::Time lease_until) {
  base::CrashPoints::Pass(base::CrashPoint::kWrittenAhead);
  if (context_.clock->Now() >= lease_until) {  // This host slept: somebody else may have taken them over.
    run_->Warn(absl::StrCat(work_.system, ": ", operations.size(),
                            " operations were stored too long ago to be sent now; they are verified first"));
    return ledger_.Doubt(operations);
  }
  has_flushed_ = false;
  stream_->Send(std::move(operations));
  base::CrashPoints::Pass(base::CrashPoint::kSent);
}

void SystemEnforcement::SendCredentials() {
  if (!OpenStream()) return;
  absl::StatusOr<std::vector<TargetOperation>> out = ledger_.WriteAheadCredentials();
  if (!out.ok()) {
    WaitForStore(out.status(), "a first password could not be stored, so none was sent: ");
    return;
  }
  has_flushed_ = false;
  stream_->Send(*std::move(out));
  base::CrashPoints::Pass(base::CrashPoint::kCredentialIsSent);
  TakeUp();
}

absl::Status SystemEnforcement::Settle(std::vector<TargetResult> results) {
  if (is_aborted_) return absl::OkStatus();
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
  if (settled.empty()) return absl::OkStatus();
  missing_since_ = absl::ZeroDuration();
  RETURN_IF_ERROR(ledger_.Settle(settled, stop_.empty()));
  base::CrashPoints::Pass(base::CrashPoint::kOutcomeIsStored);
  return absl::OkStatus();
}

absl::Status SystemEnforcement::Close(const absl::Status& status) {
  stream_.reset();
  is_closing_ = false;
  broken_.reset();
  if (is_aborted_) return absl::OkStatus();
  const std::vector<TargetResult> unavailable = std::exchange(unavailable_, {});
  if (status.ok()) {
    // The plugin lives; its target does not.
    if (!unavailable.empty()) Stop(unavailable.front().failure.message);
    return ledger_.Settle(unavailable, /*sends_again=*/false);
  }
  const std::string why(status.message());
  if (ledger_.under_way() > unavailable.size()) ++breaks_;
  if (!stop_.empty() || !MayReturn(FailureFromStatus(status).reason) || breaks_ > kMostBreaks) {
    Stop(why);
    return ledger_.Settle(unavailable, /*sends_again=*/false);
  }
  broken_ = why;
  std::vector<std::string> ids;  // They were never sent.
  for (const TargetResult& result : unavailable) ids.push_back(result.operation_id);
  for (store::Operation& stored : ledger_.TakeBack(ids)) queue_.push_back(std::move(stored));
  return absl::OkStatus();
}

absl::Status SystemEnforcement::AfterClose() {
  if (is_aborted_) return absl::OkStatus();
  ledger_.DoubtAll();
  if (broken_) WaitForPlugin(*broken_);
  return absl::OkStatus();
}

void SystemEnforcement::Verify() {
  Connector* connector = context_.connectors->Find(work_.system);
  if (connector == nullptr) {
    is_verified_as_far_as_possible_ = true;
    return Stop(absl::StrCat("system \"", work_.system, "\" has no connector; see: sluice plugin list"));
  }
  is_verifying_ = true;
  std::vector<TargetOperation> operations = ledger_.InDoubt(kMostVerified);
  std::vector<std::string> asked;
  for (const TargetOperation& operation : operations) asked.push_back(operation.id);
  connector->Verify(std::move(operations),
                    [self = shared_from_this(), asked](absl::StatusOr<std::vector<Verdict>> verdicts) {
                      self->strand_->Run([self, asked, verdicts = std::move(verdicts)] {
                        base::CrashPoints::Pass(base::CrashPoint::kVerified);
                        self->Handle([me = self.get(), asked, verdicts] { return me->OnVerdicts(asked, verdicts); });
                      });
                    });
  base::CrashPoints::Pass(base::CrashPoint::kVerifyIsAsked);
}

absl::Status SystemEnforcement::OnVerdicts(const std::vector<std::string>& asked,
                                           const absl::StatusOr<std::vector<Verdict>>& verdicts) {
  is_verifying_ = false;
  if (is_aborted_) return absl::OkStatus();
  if (!verdicts.ok()) {
    const std::string why = absl::StrCat(verdicts.status().message(), "; what is in doubt is verified at the next run");
    if (MayReturn(FailureFromStatus(verdicts.status()).reason)) {
      WaitForPlugin(why);
    } else {
      is_verified_as_far_as_possible_ = true;
      Stop(why);
    }
    return absl::OkStatus();
  }
  missing_since_ = absl::ZeroDuration();
  RETURN_IF_ERROR(ledger_.SettleVerdicts(asked, *verdicts, /*sends_again=*/work_.open.empty() && stop_.empty()));
  base::CrashPoints::Pass(base::CrashPoint::kVerdictIsStored);
  return absl::OkStatus();
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
  wait_until_ = std::max(wait_until_, base::Executor::Elapsed() + delay);
  if (!std::exchange(is_waiting_, true)) GoOnLater();
}

// Looks now and then whether it is asked to stop.
void SystemEnforcement::GoOnLater() {
  const absl::Duration rest = wait_until_ - base::Executor::Elapsed();
  strand_->RunAfter(std::clamp(rest, absl::ZeroDuration(), context_.patience.between), [self = shared_from_this()] {
    if (self->wait_until_ > base::Executor::Elapsed() && !self->run_->is_stopping()) return self->GoOnLater();
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
  ledger_.ForgetPending();
  base::LogError("a target is left alone", {{"system", work_.system}, {"run", run_->id()}, {"error", error}});
  Stop(error);
}

void SystemEnforcement::Finish() {
  is_done_ = true;
  events_.clear();
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
