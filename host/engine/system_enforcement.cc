#include "host/engine/system_enforcement.h"

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/hash.h"
#include "host/base/log.h"
#include "host/base/status.h"
#include "host/core/names.h"

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
constexpr size_t kMostUnderWay = 500;  // Sent and without a result.
constexpr int kMostRounds = 20;        // Names or passwords tried for one operation in one run.
constexpr absl::Duration kLease = absl::Minutes(10);

std::string NameKey(const std::string& domain, const std::string& name) {
  return absl::StrCat(domain, "\n", core::NormaliseName(name));
}

std::string HolderOf(const core::PlannedOperation& operation) {
  return operation.person_id.empty() ? absl::StrCat("resource:", operation.entitlement)
                                     : absl::StrCat("person:", operation.person_id);
}

std::string CredentialId(const std::string& operation_id) {
  return base::UuidOf({"operation", operation_id, "credential"});
}

bool StopsTheSystem(Reason reason) { return reason == Reason::kAuth || reason == Reason::kUnavailable; }

}  // namespace

SystemEnforcement::SystemEnforcement(const Context& context, const World& world, std::string system,
                                     std::vector<core::PlannedOperation> operations, std::string plan,
                                     std::shared_ptr<ActiveRun> run, int64_t fence, base::Executor* strand, Done done)
    : context_(context),
      world_(world),
      system_(std::move(system)),
      plan_(std::move(plan)),
      run_(std::move(run)),
      fence_(fence),
      strand_(strand),
      done_(std::move(done)),
      state_(*world.state, system_),
      operations_(std::move(operations)) {}

void SystemEnforcement::Start() {
  strand_->Run([self = shared_from_this()] {
    std::vector<core::PlannedOperation> adoptions;
    for (const core::PlannedOperation& operation : self->operations_) {
      if (operation.kind == OperationKind::kAdopt) adoptions.push_back(operation);
    }
    self->AdoptAll(adoptions);
    self->NextPhase();
  });
}

// Takes over what is already so: no call to the target. Accounts come before what hangs on them, as in the plan.
void SystemEnforcement::AdoptAll(const std::vector<core::PlannedOperation>& operations) {
  for (size_t from = 0; from < operations.size(); from += kBatch) {
    store::Commit commit;
    for (size_t i = from; i < std::min(from + kBatch, operations.size()); ++i) {
      store::Operation stored;
      stored.planned = operations[i];
      stored.plan = plan_;
      stored.run_id = run_->id();
      stored.state = store::Operation::State::kDone;
      stored.outcome = "adopted";
      stored.host = context_.host_id;
      stored.fence = fence_;
      stored.written = stored.ended = Now();
      TargetResult result;
      result.operation_id = operations[i].id;
      result.outcome = Outcome::kNoChange;
      result.object_id = operations[i].object_id;
      RecordSuccess(stored, result, world_.as_of, state_, commit);
      commit.audit.push_back(AuditOutcome(stored, result, stored.outcome));
      commit.operations.push_back(std::move(stored));
      succeeded_.insert(operations[i].id);
      ++counts_.adopted;
      ++settled_;
    }
    Commit(commit);
  }
  ReportProgress();
}

bool SystemEnforcement::IsReady(const core::PlannedOperation& operation) const {
  for (const std::string& id : operation.depends_on) {
    if (!succeeded_.contains(id)) return false;
  }
  return true;
}

void SystemEnforcement::NextPhase() {
  while (!is_done_) {
    if (run_->is_stopping()) return GiveUp("stopped");
    if (phase_ == kPhases.size()) return Finish();
    const OperationKind kind = kPhases[phase_++];
    for (const core::PlannedOperation& operation : operations_) {
      if (operation.kind != kind) continue;
      if (!IsReady(operation)) {
        ++counts_.not_sent;  // What it needs did not succeed: the next plan wants it again.
        ++settled_;
        continue;
      }
      store::Operation stored;
      stored.planned = operation;
      stored.plan = plan_;
      stored.run_id = run_->id();
      stored.written = Now();
      queue_.push_back(std::move(stored));
    }
    if (!queue_.empty()) return SendMore();
  }
}

void SystemEnforcement::SendMore() {
  while (!queue_.empty() && under_way_.size() + kBatch <= kMostUnderWay && !is_stream_broken_) {
    if (run_->is_stopping()) {
      counts_.not_sent += static_cast<int64_t>(queue_.size());
      queue_.clear();
      break;
    }
    std::vector<store::Operation> batch;
    while (!queue_.empty() && batch.size() < kBatch) {
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    if (absl::Status status = SendBatch(std::move(batch)); !status.ok()) return GiveUp(std::string(status.message()));
  }
  if (stream_ && queue_.empty() && !under_way_.empty()) stream_->Flush();
  if (queue_.empty() && under_way_.empty()) NextPhase();
}

absl::Status SystemEnforcement::SendBatch(std::vector<store::Operation> batch) {
  if (!stream_) {
    Connector* connector = context_.connectors->Find(system_);
    if (connector == nullptr) return absl::UnavailableError(absl::StrCat("system \"", system_, "\" has no connector"));
    stream_ = connector->Apply(run_->id(), shared_from_this());
  }
  std::vector<TargetOperation> out;
  RETURN_IF_ERROR(WriteAhead(batch, out));
  stream_->Send(std::move(out));
  return absl::OkStatus();
}

// Fills in late names and secrets; what cannot be sent gets its outcome at once.
absl::Status SystemEnforcement::Prepare(store::Operation& stored, store::Commit& commit,
                                        std::map<std::string, std::string>& secrets) {
  for (const core::LateName& late : stored.planned.names) {
    std::vector<std::string> order;
    if (!late.expected.empty()) order.push_back(late.expected);
    for (const std::string& candidate : late.candidates) {
      if (candidate != late.expected) order.push_back(candidate);
    }
    std::string chosen;
    for (const std::string& candidate : order) {
      if (!taken_names_.contains(NameKey(late.domain, candidate))) {
        chosen = candidate;
        break;
      }
    }
    if (chosen.empty())
      return absl::ResourceExhaustedError(absl::StrCat("every candidate for ", late.attribute, " is taken"));
    stored.names[late.attribute] = chosen;
    commit.names_reserved.push_back({system_, late.domain, core::NormaliseName(chosen), HolderOf(stored.planned)});
  }
  const core::Person* person = world_.snapshot->Find(stored.planned.person_id);
  std::vector<std::string> names;
  if (person != nullptr) {
    for (const auto& [field, value] : person->fields) {
      if (absl::StartsWith(field, "name.")) names.push_back(value.ToText());
    }
  }
  for (const auto& [attribute, name] : stored.names) names.push_back(name);
  for (const std::string& attribute : stored.planned.secrets) {
    store::SealedSecret sealed;
    sealed.id = base::UuidOf({"secret", stored.planned.id, attribute});
    core::TargetClass policy;
    const auto& classes = state_.schema().classes;
    if (auto found = classes.find(stored.planned.object_class); found != classes.end()) policy = found->second;
    secrets[attribute] = context_.vault->MakePassword(policy, names);
    ASSIGN_OR_RETURN(sealed.sealed, context_.vault->Seal(sealed.id, secrets[attribute]));
    sealed.person_id = stored.planned.person_id;
    sealed.system = system_;
    sealed.attribute = attribute;
    sealed.operation_id = stored.planned.id;
    sealed.made = Now();
    stored.secrets[attribute] = sealed.id;
    commit.secrets.push_back(std::move(sealed));
  }
  return absl::OkStatus();
}

absl::Status SystemEnforcement::WriteAhead(std::vector<store::Operation>& batch, std::vector<TargetOperation>& out) {
  store::Commit commit;
  for (store::Operation& stored : batch) {
    std::map<std::string, std::string> secrets;
    ++stored.attempt;
    stored.state = store::Operation::State::kSent;
    stored.host = context_.host_id;
    stored.fence = fence_;
    stored.lease_until = Now() + kLease;
    absl::Status prepared;
    for (int round = 0; round <= kMostRounds; ++round) {
      store::Commit one;
      secrets.clear();
      prepared = Prepare(stored, one, secrets);
      if (!prepared.ok()) break;
      one.operations.push_back(stored);
      // A name that somebody else reserved meanwhile: the next one. Only what reserves names is written on its own.
      if (one.names_reserved.empty()) {
        commit.operations.push_back(stored);
        commit.secrets.insert(commit.secrets.end(), one.secrets.begin(), one.secrets.end());
        break;
      }
      prepared = context_.store->Write(one);
      if (!absl::IsAlreadyExists(prepared)) break;
      for (const core::NameEntry& entry : one.names_reserved)
        taken_names_.insert(absl::StrCat(entry.domain, "\n", entry.name));
    }
    absl::StatusOr<TargetOperation> operation =
        prepared.ok() ? ToTargetOperation(stored, state_, secrets) : absl::StatusOr<TargetOperation>(prepared);
    if (!operation.ok()) {
      if (absl::IsUnavailable(operation.status()) || absl::IsAborted(operation.status())) return operation.status();
      TargetResult refused;
      refused.operation_id = stored.planned.id;
      refused.outcome = Outcome::kFailed;
      refused.failure = {Reason::kInvalid, std::string(operation.status().message()), "", absl::ZeroDuration(), {}, {}};
      under_way_[stored.planned.id] = stored;
      strand_->Run([self = shared_from_this(), refused] { self->Settle({refused}); });
      continue;
    }
    under_way_[stored.planned.id] = stored;
    out.push_back(*std::move(operation));
  }
  if (commit.operations.empty()) return absl::OkStatus();
  return context_.store->Write(commit);
}

void SystemEnforcement::OnResults(std::vector<TargetResult> results) {
  strand_->Run([self = shared_from_this(), results = std::move(results)] { self->Settle(results); });
}

void SystemEnforcement::OnClosed(absl::Status status) {
  strand_->Run([self = shared_from_this(), status] {
    if (self->is_done_) return;
    self->is_stream_broken_ = true;
    if (!status.ok()) self->counts_.error = std::string(status.message());
    if (!self->under_way_.empty()) {
      self->VerifyInDoubt();
    } else if (!status.ok()) {
      self->GiveUp(self->counts_.error);
    }
  });
}

void SystemEnforcement::Settle(const std::vector<TargetResult>& results) {
  if (is_done_) return;
  store::Commit commit;
  std::string stop;
  for (const TargetResult& result : results) {
    if (awaiting_credential_.contains(result.operation_id) || !under_way_.contains(result.operation_id)) continue;
    if (result.outcome == Outcome::kFailed && StopsTheSystem(result.failure.reason)) stop = result.failure.message;
    SettleOne(result, commit);
  }
  Commit(commit);
  ReportProgress();
  if (is_done_) return;
  if (!stop.empty()) return GiveUp(stop);
  SendMore();
}

void SystemEnforcement::SettleOne(const TargetResult& result, store::Commit& commit) {
  auto found = under_way_.find(result.operation_id);
  store::Operation stored = std::move(found->second);
  under_way_.erase(found);
  switch (result.outcome) {
    case Outcome::kApplied:
    case Outcome::kNoChange:
      RecordSuccess(stored, result, world_.as_of, state_, commit);
      if (stored.planned.kind == OperationKind::kCreate && result.outcome == Outcome::kNoChange) {
        for (const auto& [attribute, id] : stored.secrets)
          commit.secrets_dropped.push_back(id);  // Its password is not ours.
      } else {
        ConfirmSecrets(stored, commit);
      }
      stored.state = store::Operation::State::kDone;
      succeeded_.insert(stored.planned.id);
      ++(result.outcome == Outcome::kApplied ? counts_.applied : counts_.no_change);
      ++settled_;
      break;
    case Outcome::kPending:
      stored.state = store::Operation::State::kPending;
      ++counts_.pending;
      ++settled_;
      break;
    case Outcome::kInDoubt:
      stored.state = store::Operation::State::kInDoubt;
      under_way_[stored.planned.id] = stored;
      commit.operations.push_back(stored);
      if (!is_stream_broken_) strand_->Run([self = shared_from_this()] { self->VerifyInDoubt(); });
      return;
    case Outcome::kFailed:
    case Outcome::kPartlyApplied:
      return SettleFailure(stored, result, commit);
  }
  stored.outcome = std::string(OutcomeName(result.outcome));
  stored.ended = Now();
  commit.audit.push_back(AuditOutcome(stored, result, stored.outcome));
  commit.operations.push_back(std::move(stored));
}

void SystemEnforcement::SettleFailure(store::Operation& stored, const TargetResult& result, store::Commit& commit) {
  if (TryAgain(stored, result)) {
    commit.audit.push_back(AuditOutcome(stored, result, "failed"));
    queue_.push_back(std::move(stored));
    return;
  }
  stored.state = store::Operation::State::kFailed;
  stored.outcome = std::string(OutcomeName(result.outcome));
  stored.error_reason = std::string(ReasonName(result.failure.reason));
  stored.error = result.failure.message;
  if (result.failure.retry_after > absl::ZeroDuration()) stored.retry_at = Now() + result.failure.retry_after;
  stored.ended = Now();
  for (const auto& [attribute, id] : stored.secrets) commit.secrets_dropped.push_back(id);
  for (const core::LateName& late : stored.planned.names) {
    commit.names_released.push_back(
        {system_, late.domain, core::NormaliseName(stored.names[late.attribute]), HolderOf(stored.planned)});
  }
  stored.secrets.clear();
  run_->Warn(absl::StrCat(system_, ": ", core::OperationKindName(stored.planned.kind), " ",
                          stored.planned.id.substr(0, 8), " failed: ", stored.error_reason, ": ", stored.error));
  ++counts_.failed;
  ++settled_;
  commit.audit.push_back(AuditOutcome(stored, result, stored.outcome));
  commit.operations.push_back(std::move(stored));
}

// A name that the target knows and we did not: the next candidate, which is not a new plan. A refused password: another
// one.
bool SystemEnforcement::TryAgain(store::Operation& stored, const TargetResult& result) {
  if (result.outcome != Outcome::kFailed || name_rounds_[stored.planned.id] >= kMostRounds) return false;
  bool has_changed = result.failure.reason == Reason::kPasswordPolicy && !stored.planned.secrets.empty() &&
                     name_rounds_[stored.planned.id] < 3;
  if (result.failure.reason == Reason::kAlreadyExists) {
    for (const core::LateName& late : stored.planned.names) {
      bool is_taken = result.failure.taken.empty();
      for (const Taken& taken : result.failure.taken)
        is_taken |= absl::EqualsIgnoreCase(taken.attribute, late.attribute);
      if (is_taken) has_changed |= taken_names_.insert(NameKey(late.domain, stored.names[late.attribute])).second;
    }
  }
  if (has_changed) ++name_rounds_[stored.planned.id];
  return has_changed;
}

void SystemEnforcement::ConfirmSecrets(store::Operation& stored, store::Commit& commit) {
  for (const auto& [attribute, id] : stored.secrets) {
    auto secret = context_.store->LoadSecret(id);
    if (!secret.ok() || !secret->has_value()) continue;
    (*secret)->is_confirmed = true;
    commit.secrets.push_back(**std::move(secret));
  }
}

void SystemEnforcement::Commit(const store::Commit& unstamped) {
  store::Commit commit = unstamped;
  if (commit.operations.empty() && commit.audit.empty()) return;
  for (audit::Entry& entry : commit.audit) {
    entry.time = Now();
    entry.actor = run_->actor();
    entry.configuration = world_.configuration->hash;
    entry.snapshot = world_.snapshot->sequence;
    entry.plugin = context_.plugin_name(system_);
  }
  absl::Status status = context_.store->Write(commit);
  if (!status.ok()) GiveUp(absl::StrCat("outcomes could not be stored: ", status.message()));
}

void SystemEnforcement::VerifyInDoubt() {
  if (is_done_ || under_way_.empty()) return;
  Connector* connector = context_.connectors->Find(system_);
  if (connector == nullptr) return GiveUp(absl::StrCat("system \"", system_, "\" has no connector"));
  std::vector<TargetOperation> operations;
  for (const auto& [id, stored] : under_way_) {
    const bool is_open =
        is_stream_broken_ || mode_ == Mode::kRecover || stored.state == store::Operation::State::kInDoubt;
    if (!is_open || awaiting_credential_.contains(id)) continue;
    absl::StatusOr<TargetOperation> operation = ToTargetOperation(stored, state_, {});
    if (operation.ok()) operations.push_back(*std::move(operation));
  }
  if (operations.empty()) return;
  connector->Verify(std::move(operations), [self = shared_from_this()](absl::StatusOr<std::vector<Verdict>> verdicts) {
    self->strand_->Run([self, verdicts = std::move(verdicts)]() mutable { self->OnVerdicts(std::move(verdicts)); });
  });
}

void SystemEnforcement::OnVerdicts(absl::StatusOr<std::vector<Verdict>> verdicts) {
  if (is_done_) return;
  if (!verdicts.ok())
    return GiveUp(absl::StrCat(verdicts.status().message(), "; what is in doubt is verified at the next run"));
  store::Commit commit;
  std::vector<std::pair<store::Operation, TargetResult>> credentials;
  for (const Verdict& verdict : *verdicts) {
    auto found = under_way_.find(verdict.operation_id);
    if (found == under_way_.end()) continue;
    store::Operation& stored = found->second;
    TargetResult result = verdict.result;
    result.operation_id = verdict.operation_id;
    if (verdict.state == Verdict::State::kDone) {
      result.outcome = Outcome::kApplied;
      if (!stored.secrets.empty()) {
        credentials.emplace_back(stored, result);
      } else {
        SettleOne(result, commit);
      }
    } else if (verdict.state == Verdict::State::kNotDone) {
      store::Operation again = std::move(stored);
      under_way_.erase(found);
      for (const auto& [attribute, id] : again.secrets) commit.secrets_dropped.push_back(id);
      again.secrets.clear();
      if (mode_ == Mode::kEnforce && !is_stream_broken_) {
        queue_.push_back(std::move(again));
        continue;
      }
      again.state = store::Operation::State::kSuperseded;  // Not done: the next plan wants it again.
      again.outcome = "not_done";
      again.ended = Now();
      ++counts_.not_sent;
      ++settled_;
      commit.audit.push_back(AuditOutcome(again, result, again.outcome));
      commit.operations.push_back(std::move(again));
    } else {
      stored.state = verdict.state == Verdict::State::kPending ? store::Operation::State::kPending
                                                               : store::Operation::State::kInDoubt;
      commit.operations.push_back(stored);
      run_->Warn(absl::StrCat(system_, ": operation ", verdict.operation_id.substr(0, 8),
                              " is in doubt and reading does not settle it; it is verified again at the next run"));
      ++counts_.in_doubt;
      ++settled_;
      under_way_.erase(found);
    }
  }
  Commit(commit);
  for (auto& [stored, result] : credentials) SetCredential(std::move(stored), std::move(result));
  ReportProgress();
  if (is_done_ || !awaiting_credential_.empty()) return;
  if (!under_way_.empty()) return;
  if (mode_ == Mode::kRecover) return Finish();
  if (is_stream_broken_) return GiveUp(counts_.error);
  SendMore();
}

// A secret cannot be verified: an account that turns out to be made gets its sealed password set once more before it
// counts as made.
void SystemEnforcement::SetCredential(store::Operation stored, TargetResult result) {
  Connector* connector = context_.connectors->Find(system_);
  TargetOperation operation;
  operation.id = CredentialId(stored.planned.id);
  operation.action = Action::kSetCredential;
  operation.object_class = stored.planned.object_class;
  operation.object_id = result.object_id;
  for (const auto& [attribute, id] : stored.secrets) {
    auto secret = context_.store->LoadSecret(id);
    if (!secret.ok() || !secret->has_value()) continue;
    auto opened = context_.vault->Open(id, (*secret)->sealed);
    if (opened.ok()) operation.deltas.push_back({attribute, Delta::Change::kReplace, core::Value::Text(*opened), true});
  }
  awaiting_credential_[stored.planned.id] = result;

  class Sink final : public ApplySink {
   public:
    Sink(std::shared_ptr<SystemEnforcement> owner, TargetResult created)
        : owner_(std::move(owner)), created_(std::move(created)) {}
    void OnResults(std::vector<TargetResult> results) override {
      for (const TargetResult& one : results)
        is_set_ |= one.outcome == Outcome::kApplied || one.outcome == Outcome::kNoChange;
    }
    void OnClosed(absl::Status) override {
      owner_->strand_->Run([owner = owner_, created = created_, is_set = is_set_, stream = stream] {
        owner->awaiting_credential_.erase(created.operation_id);
        if (!is_set)
          return owner->GiveUp("a first password could not be set after a crash; it is tried again at the next run");
        owner->Settle({created});
        if (owner->mode_ == Mode::kRecover && owner->under_way_.empty() && owner->awaiting_credential_.empty())
          owner->Finish();
      });
    }
    std::shared_ptr<std::unique_ptr<ApplyStream>> stream = std::make_shared<std::unique_ptr<ApplyStream>>();

   private:
    std::shared_ptr<SystemEnforcement> owner_;
    TargetResult created_;
    bool is_set_ = false;
  };
  auto sink = std::make_shared<Sink>(shared_from_this(), result);
  *sink->stream = connector->Apply(run_->id(), sink);
  (*sink->stream)->Send({operation});
  (*sink->stream)->Close();
}

void SystemEnforcement::Recover(std::vector<store::Operation> open) {
  strand_->Run([self = shared_from_this(), open = std::move(open)] {
    self->mode_ = Mode::kRecover;
    store::Commit commit;
    for (store::Operation stored : open) {
      stored.host = self->context_.host_id;
      stored.fence = self->fence_;
      if (stored.state == store::Operation::State::kWritten) {
        stored.state = store::Operation::State::kSuperseded;
        stored.ended = self->Now();
        commit.operations.push_back(std::move(stored));
        continue;
      }
      if (stored.state == store::Operation::State::kSent) stored.state = store::Operation::State::kInDoubt;
      commit.operations.push_back(stored);
      self->under_way_[stored.planned.id] = std::move(stored);
    }
    self->Commit(commit);
    if (self->under_way_.empty()) return self->Finish();
    self->VerifyInDoubt();
  });
}

void SystemEnforcement::GiveUp(const std::string& error) {
  if (is_done_) return;
  counts_.error = error;
  counts_.not_sent += static_cast<int64_t>(queue_.size());
  queue_.clear();
  counts_.in_doubt +=
      static_cast<int64_t>(under_way_.size());  // They stay as sent in the store: the next run verifies them.
  Finish();
}

void SystemEnforcement::Finish() {
  if (is_done_) return;
  is_done_ = true;
  if (stream_) stream_->Close();
  done_(counts_);
}

void SystemEnforcement::ReportProgress() {
  run_->SetProgress({absl::StrCat("carrying out operations in ", system_), settled_, operations_.size()});
}

}  // namespace sluice::engine
