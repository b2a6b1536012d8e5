// What comes after sending: outcomes, verdicts, and what follows from each in the same transaction.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/crash_point.h"
#include "host/base/status.h"
#include "host/engine/operation_ledger.h"
#include "host/engine/operation_ledger_internal.h"

namespace sluice::engine {
namespace {

using core::OperationKind;
using State = store::Operation::State;

constexpr int kMostPasswords = 3;  // Refused ones of one operation in one run.
constexpr int kMostNotDone = 3;    // Times that one operation is found not done in one run.
constexpr int kMostTooEarly = 5;
constexpr int kMostThrottled = 10;

// What is not there any more needs no taking away.
bool TakesAway(OperationKind kind) {
  return kind == OperationKind::kDisable || kind == OperationKind::kRetire || kind == OperationKind::kRevoke ||
         kind == OperationKind::kDelete || kind == OperationKind::kDeleteResource;
}

// When a failure goes away by itself, if it does.
std::optional<absl::Duration> RetryAfter(const Failure& failure, int attempt) {
  constexpr int64_t kMinutes[] = {1, 5, 15, 30, 60};
  switch (failure.reason) {
    case Reason::kThrottled:
      return std::max(failure.retry_after, absl::Seconds(30));
    case Reason::kTransient:
      return std::max(failure.retry_after, absl::Minutes(kMinutes[std::clamp(attempt, 1, 5) - 1]));
    case Reason::kUnavailable:
    case Reason::kConflict:
    case Reason::kNotFound:
    case Reason::kCancelled:
      return std::max(failure.retry_after, absl::Minutes(1));
    default:
      if (failure.retry_after > absl::ZeroDuration()) return failure.retry_after;
      return std::nullopt;
  }
}

}  // namespace

void EnforcementCounts::Add(const EnforcementCounts& other) {
  adopted += other.adopted;
  applied += other.applied;
  no_change += other.no_change;
  failed += other.failed;
  in_doubt += other.in_doubt;
  pending += other.pending;
  not_sent += other.not_sent;
  refused.insert(other.refused.begin(), other.refused.end());
}

absl::Status OperationLedger::Write(Change change) {
  store::Commit& commit = change.commit;
  if (!commit.operations.empty() || !commit.audit.empty() || !commit.secrets.empty()) {
    const absl::Time now = Now();
    for (audit::Entry& entry : commit.audit) {
      entry.time = now;
      entry.actor = run_->actor();
      entry.configuration = world_.configuration->hash;
      entry.snapshot = world_.snapshot->sequence;
      entry.plugin = context_.plugin_name(system_);
    }
  }
  pending_ = std::move(change);
  return WritePending();
}

absl::Status OperationLedger::WritePending() {
  const store::Commit& commit = pending_->commit;
  if (!commit.operations.empty() || !commit.audit.empty() || !commit.secrets.empty()) {
    RETURN_IF_ERROR(context_.store->Write(commit));
  }
  Change change = *std::move(pending_);
  pending_.reset();
  for (const std::string& id : change.ended) {
    under_way_.erase(id);
    sealed_.erase(id);
    awaiting_credential_.erase(id);
  }
  for (store::Operation& stored : change.open) under_way_[stored.planned.id] = std::move(stored);
  for (const std::string& id : change.succeeded) succeeded_.insert(id);
  for (store::Operation& stored : change.again) again_.push_back(std::move(stored));
  for (auto& [id, result] : change.found_done) awaiting_credential_[id] = std::move(result);
  wait_ = std::max(wait_, change.wait);
  for (const std::string& warning : change.warnings) run_->Warn(warning);
  counts_.Add(change.counts);
  return absl::OkStatus();
}

absl::Status OperationLedger::WriteOrForget(Change change) {
  absl::Status status = Write(std::move(change));
  if (!status.ok()) pending_.reset();
  return status;
}

void OperationLedger::End(store::Operation stored, const TargetResult& result, std::string outcome, Change& change) {
  stored.outcome = std::move(outcome);
  stored.ended = Now();
  change.ended.push_back(stored.planned.id);
  change.commit.audit.push_back(AuditOutcome(stored, result, stored.outcome));
  change.commit.operations.push_back(std::move(stored));
}

absl::Status OperationLedger::Adopt(const std::vector<core::PlannedOperation>& operations) {
  base::CrashPoints::Pass(base::CrashPoint::kBeforeAdoption);
  Change change;
  for (const core::PlannedOperation& operation : operations) {
    store::Operation stored;
    stored.planned = operation;
    stored.plan = plan_;
    stored.run_id = run_->id();
    stored.state = State::kDone;
    stored.host = context_.host_id;
    stored.fence = fence_;
    stored.written = Now();
    TargetResult result;
    result.operation_id = operation.id;
    result.outcome = Outcome::kNoChange;
    result.object_id = operation.object_id;
    RecordSuccess(stored, result, world_.as_of, state_, change.commit);
    change.succeeded.push_back(operation.id);
    ++change.counts.adopted;
    End(std::move(stored), result, "adopted", change);
  }
  RETURN_IF_ERROR(Write(std::move(change)));
  base::CrashPoints::Pass(base::CrashPoint::kAdopted);
  return absl::OkStatus();
}

absl::Status OperationLedger::Settle(const std::vector<TargetResult>& results, bool sends_again) {
  Change change;
  change.sends_again = sends_again;
  for (const TargetResult& result : results) {
    if (auto credential = credentials_.find(result.operation_id); credential != credentials_.end()) {
      SettleCredential(credential->second, result, change);
      credentials_.erase(credential);
      continue;
    }
    auto found = under_way_.find(result.operation_id);
    // What is in doubt is settled by a verdict only.
    if (found == under_way_.end() || found->second.state != State::kSent) continue;
    SettleOne(found->second, result, change);
  }
  return Write(std::move(change));
}

void OperationLedger::SettleOne(const store::Operation& stored, const TargetResult& result, Change& change) {
  switch (result.outcome) {
    case Outcome::kApplied:
    case Outcome::kNoChange:
      return SettleSuccess(stored, result, change);
    case Outcome::kPending: {
      store::Operation pending = stored;
      TakePending(pending, result);
      ++change.counts.pending;
      if (!result.waiting_for.empty()) {
        change.warnings.push_back(absl::StrCat(system_, ": operation ", pending.planned.id.substr(0, 8), " waits for ",
                                               result.waiting_for, "; it is verified at each run"));
      }
      return End(std::move(pending), result, "pending", change);
    }
    case Outcome::kInDoubt: {
      store::Operation doubtful = stored;
      doubtful.state = State::kInDoubt;
      change.commit.operations.push_back(doubtful);
      change.open.push_back(std::move(doubtful));
      return;
    }
    case Outcome::kPartlyApplied:
      return SettlePart(stored, result, change);
    case Outcome::kFailed:
      if (result.failure.reason == Reason::kNotFound && TakesAway(stored.planned.kind)) {
        TargetResult reached = result;
        reached.outcome = Outcome::kNoChange;
        return SettleSuccess(stored, reached, change);
      }
      return SettleFailure(stored, result, change);
  }
}

// What the target said of an operation that it is still at.
void OperationLedger::TakePending(store::Operation& stored, const TargetResult& result) {
  stored.state = State::kPending;
  if (!result.object_id.empty()) stored.object_id = result.object_id;
  if (!result.private_state.empty()) stored.private_state = result.private_state;
  if (!result.waiting_for.empty()) stored.error = absl::StrCat("waits for ", result.waiting_for);
}

void OperationLedger::SettleSuccess(store::Operation stored, const TargetResult& result, Change& change) {
  if (stored.planned.kind == OperationKind::kCreate) {
    // What the target took for this person's account is another one's: two people never get one account.
    if (const std::string holder = state_.OtherHolder(result.object_id, stored.planned.person_id); !holder.empty()) {
      TargetResult refused = result;
      refused.outcome = Outcome::kFailed;
      refused.failure.reason = Reason::kAmbiguous;
      refused.failure.message =
          absl::StrCat("account ", result.object_id, " has the correlation key of person ", stored.planned.person_id,
                       ", and person ", holder, " holds it; correct the key of one of the two");
      // It is asked again as another operation: the plugin would repeat what it said of this one.
      core::Grant& account =
          state_.GrantOf(stored.planned, stored.planned.entitlement, core::EntitlementKind::kAccount);
      ++account.generation;
      change.commit.grants.push_back(account);
      return Fail(std::move(stored), refused, change);
    }
  }
  RecordSuccess(stored, result, world_.as_of, state_, change.commit);
  const bool was_there =
      result.outcome == Outcome::kNoChange &&
      (stored.planned.kind == OperationKind::kCreate || stored.planned.kind == OperationKind::kCreateResource);
  if (was_there) {  // Neither its password nor its name is ours.
    for (const auto& [attribute, id] : stored.secrets) change.commit.secrets_dropped.push_back(id);
    ReleaseNames(stored, change.commit);
    stored.secrets.clear();
  } else {
    for (store::SealedSecret sealed : sealed_[stored.planned.id]) {
      sealed.is_confirmed = true;
      change.commit.secrets.push_back(std::move(sealed));
    }
  }
  if (stored.state == State::kPending) stored.error.clear();  // What it waited for.
  stored.state = State::kDone;
  change.succeeded.push_back(stored.planned.id);
  ++(result.outcome == Outcome::kApplied ? change.counts.applied : change.counts.no_change);
  End(std::move(stored), result, std::string(OutcomeName(result.outcome)), change);
}

void OperationLedger::SettleFailure(store::Operation stored, const TargetResult& result, Change& change) {
  if (!change.sends_again || !TryAgain(stored, result, change)) return Fail(std::move(stored), result, change);
  // Stays stored as sent until it is written ahead with what is new.
  change.commit.audit.push_back(AuditOutcome(stored, result, "failed"));
  change.ended.push_back(stored.planned.id);
  change.again.push_back(std::move(stored));
}

void OperationLedger::Fail(store::Operation stored, const TargetResult& result, Change& change) {
  stored.state = State::kFailed;
  stored.error_reason = std::string(ReasonName(result.failure.reason));
  stored.error = result.failure.message;
  stored.retry_at.reset();
  if (auto after = RetryAfter(result.failure, stored.attempt)) stored.retry_at = Now() + *after;
  for (const std::string& attribute : stored.planned.secrets) {  // Of an earlier attempt as well.
    change.commit.secrets_dropped.push_back(SecretId(stored.planned.id, attribute));
  }
  stored.secrets.clear();
  ReleaseNames(stored, change.commit);
  change.warnings.push_back(absl::StrCat(system_, ": ", core::OperationKindName(stored.planned.kind), " ",
                                         stored.planned.id.substr(0, 8), " failed: ", stored.error_reason, ": ",
                                         stored.error));
  ++change.counts.failed;
  End(std::move(stored), result, std::string(OutcomeName(result.outcome)), change);
}

// Some of it is written: what is counts, and the next plan wants the rest. Of an account that is half made reading says
// what it is.
void OperationLedger::SettlePart(store::Operation stored, const TargetResult& result, Change& change) {
  const OperationKind kind = stored.planned.kind;
  if (kind == OperationKind::kCreate || kind == OperationKind::kCreateResource) {
    stored.state = State::kInDoubt;
    change.commit.operations.push_back(stored);
    change.open.push_back(std::move(stored));
    return;
  }
  if (kind == OperationKind::kUpdate && !result.changes.empty()) {
    store::Operation part = stored;
    std::erase_if(part.planned.changes, [&](const core::AttributeChange& wanted) {
      return std::none_of(result.changes.begin(), result.changes.end(), [&](const engine::Change& written) {
        return absl::EqualsIgnoreCase(written.attribute, wanted.attribute);
      });
    });
    RecordSuccess(part, result, world_.as_of, state_, change.commit);
  }
  Fail(std::move(stored), result, change);
}

void OperationLedger::SettleCredential(const std::string& create, const TargetResult& result, Change& change) {
  auto created = awaiting_credential_.find(create);
  auto stored = under_way_.find(create);
  if (created == awaiting_credential_.end() || stored == under_way_.end()) return;
  if (result.outcome == Outcome::kApplied || result.outcome == Outcome::kNoChange) {
    return SettleSuccess(stored->second, created->second, change);
  }
  change.commit.audit.push_back(AuditOutcome(stored->second, result, "in_doubt"));
  change.warnings.push_back(absl::StrCat(system_, ": the first password of the account made by operation ",
                                         create.substr(0, 8), " could not be set: ", ReasonName(result.failure.reason),
                                         ": ", result.failure.message, "; it is tried again at the next run"));
  store::Operation doubtful = stored->second;
  ++change.counts.in_doubt;
  change.commit.operations.push_back(doubtful);
  change.ended.push_back(create);
}

// A name that the target knows and we did not: the next candidate, which is not a new plan. A refused password: another
// one. A target that has too much to do: a little later, as it says, unless that is longer than a run waits.
bool OperationLedger::TryAgain(const store::Operation& stored, const TargetResult& result, Change& change) {
  const std::string& id = stored.planned.id;
  if (result.failure.reason == Reason::kThrottled) {
    const absl::Duration after = std::max(result.failure.retry_after, context_.patience.between);
    if (after > context_.patience.plugin || ++throttled_[id] > kMostThrottled) return false;
    change.wait = std::max(change.wait, after);
    return true;
  }
  if (result.failure.reason == Reason::kPasswordPolicy) {
    return !stored.planned.secrets.empty() && ++passwords_[id] < kMostPasswords;
  }
  if (result.failure.reason != Reason::kAlreadyExists) return false;
  bool has_changed = false;
  for (const core::LateName& late : stored.planned.names) {
    bool is_taken = result.failure.taken.empty();
    for (const Taken& taken : result.failure.taken) is_taken |= absl::EqualsIgnoreCase(taken.attribute, late.attribute);
    auto name = stored.names.find(late.attribute);
    if (is_taken && name != stored.names.end()) has_changed |= taken_.insert(NameKey(late.domain, name->second)).second;
  }
  return has_changed;
}

void OperationLedger::Doubt(const std::vector<TargetOperation>& operations) {
  for (const TargetOperation& operation : operations) {
    auto found = under_way_.find(operation.id);
    if (found != under_way_.end()) found->second.state = State::kInDoubt;
  }
}

void OperationLedger::DoubtAll() {
  credentials_.clear();
  for (auto& [id, stored] : under_way_) {
    if (stored.state == State::kSent) stored.state = State::kInDoubt;
  }
}

bool OperationLedger::has_in_doubt() const {
  return std::any_of(under_way_.begin(), under_way_.end(), [&](const auto& one) {
    return one.second.state != State::kSent && !awaiting_credential_.contains(one.first);
  });
}

std::vector<TargetOperation> OperationLedger::InDoubt(size_t limit) {
  std::vector<TargetOperation> operations;
  for (const auto& [id, stored] : under_way_) {
    if (operations.size() == limit) break;
    if (stored.state == State::kSent || awaiting_credential_.contains(id)) continue;
    absl::StatusOr<TargetOperation> operation = ToTargetOperation(stored, state_, {});
    if (operation.ok()) {  // What it was told by, while it was pending.
      if (!stored.object_id.empty()) operation->object_id = stored.object_id;
      if (!stored.private_state.empty()) operation->private_state = stored.private_state;
    } else {  // The account that it speaks of is not known any more: the target is asked by the id alone.
      operation = TargetOperation();
      operation->id = id;
      operation->object_class = stored.planned.object_class;
      operation->action = ActionOf(stored.planned.kind);
    }
    operations.push_back(*std::move(operation));
  }
  return operations;
}

absl::Status OperationLedger::SettleVerdicts(const std::vector<std::string>& asked,
                                             const std::vector<Verdict>& verdicts, bool sends_again) {
  std::map<std::string, const Verdict*> by_id;
  for (const Verdict& verdict : verdicts) by_id[verdict.operation_id] = &verdict;
  Change change;
  for (const std::string& id : asked) {
    auto found = under_way_.find(id);
    if (found == under_way_.end()) continue;
    const store::Operation& stored = found->second;
    static const Verdict kNone;
    const Verdict& verdict = by_id.contains(id) ? *by_id[id] : kNone;
    if (verdict.state == Verdict::State::kDone) {
      TargetResult result = verdict.result;
      result.operation_id = id;
      result.outcome = Outcome::kApplied;
      if (stored.secrets.empty()) {
        SettleSuccess(stored, result, change);
      } else {
        change.found_done[id] = std::move(result);
      }
    } else if (verdict.state == Verdict::State::kNotDone && verdict.failure.reason != Reason::kUnspecified) {
      TargetResult refused;  // The target ended it so: an invitation was refused, say.
      refused.operation_id = id;
      refused.outcome = Outcome::kFailed;
      refused.failure = verdict.failure;
      change.counts.refused.insert(id);
      Fail(stored, refused, change);
    } else if (verdict.state == Verdict::State::kNotDone) {
      SettleNotDone(stored, sends_again, change);
    } else if (verdict.state == Verdict::State::kTooEarly && ++too_early_[id] < kMostTooEarly) {
      change.wait = std::max({change.wait, verdict.retry_after, absl::Milliseconds(1)});
    } else if (verdict.state == Verdict::State::kPending) {
      store::Operation pending = stored;
      TakePending(pending, verdict.result);
      LeaveInDoubt(std::move(pending), State::kPending, change);
    } else {
      LeaveInDoubt(stored, State::kInDoubt, change);
    }
  }
  return Write(std::move(change));
}

void OperationLedger::SettleNotDone(store::Operation stored, bool sends_again, Change& change) {
  if (sends_again && ++not_done_[stored.planned.id] < kMostNotDone) {
    change.ended.push_back(stored.planned.id);
    change.again.push_back(std::move(stored));
    return;
  }
  for (const auto& [attribute, id] : stored.secrets) change.commit.secrets_dropped.push_back(id);
  stored.secrets.clear();
  ReleaseNames(stored, change.commit);
  stored.state = State::kSuperseded;  // The next plan wants it again.
  TargetResult result;
  result.operation_id = stored.planned.id;
  ++change.counts.not_sent;
  End(std::move(stored), result, "not_done", change);
}

void OperationLedger::LeaveInDoubt(store::Operation stored, State state, Change& change) {
  stored.state = state;
  change.warnings.push_back(absl::StrCat(
      system_, ": operation ", stored.planned.id.substr(0, 8),
      state == State::kPending ? " is still under way in the target" : " is in doubt and reading does not settle it",
      "; it is verified again at the next run"));
  ++(state == State::kPending ? change.counts.pending : change.counts.in_doubt);
  change.ended.push_back(stored.planned.id);
  change.commit.operations.push_back(std::move(stored));
}

void OperationLedger::GiveUpDoubts() {
  counts_.in_doubt += static_cast<int64_t>(under_way_.size());  // They stay open in the store.
  under_way_.clear();
  awaiting_credential_.clear();
  credentials_.clear();
  pending_.reset();
}

}  // namespace sluice::engine
