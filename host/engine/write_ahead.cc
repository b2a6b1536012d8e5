// What comes before sending: names, secrets, and the row that says "sent".
#include <algorithm>
#include <cstddef>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/crash_point.h"
#include "host/base/hash.h"
#include "host/base/status.h"
#include "host/engine/operation_ledger.h"
#include "host/engine/operation_ledger_internal.h"

namespace sluice::engine {
namespace {

constexpr absl::Duration kLease = absl::Minutes(10);

std::string CredentialId(const std::string& operation_id) {
  return base::UuidOf({"operation", operation_id, "credential"});
}

}  // namespace

OperationLedger::OperationLedger(const Context& context, const World& world, std::string system, std::string plan,
                                 std::shared_ptr<ActiveRun> run, int64_t fence)
    : context_(context),
      world_(world),
      system_(std::move(system)),
      plan_(std::move(plan)),
      run_(std::move(run)),
      fence_(fence),
      state_(*world.state, system_) {
  if (const core::SystemSpec* spec = world.configuration->FindSystem(system_)) {
    state_.set_account_class(spec->account_class);
  }
  for (const core::NameEntry& entry : world.state->names) {
    if (entry.system == system_)
      held_before_.insert(absl::StrCat(NameKey(entry.domain, entry.name), "\n", entry.holder));
  }
}

std::string OperationLedger::FreeName(const core::PlannedOperation& planned, const core::LateName& late) const {
  const auto is_free = [&](const std::string& candidate) {
    const std::string key = NameKey(late.domain, candidate);
    const auto claim = claimed_.find(key);
    if (taken_.contains(key) || (claim != claimed_.end() && claim->second != planned.id)) return false;
    const auto holder = holders_.find(key);  // What the object itself has is free for it.
    return holder == holders_.end() || (!holder->second.empty() && holder->second == planned.object_id);
  };
  if (!late.expected.empty() && is_free(late.expected)) return late.expected;
  const auto found = std::find_if(late.candidates.begin(), late.candidates.end(), is_free);
  return found == late.candidates.end() ? "" : *found;
}

OperationLedger::NamesToAsk OperationLedger::UnaskedNames(const std::deque<store::Operation>& next,
                                                          size_t count) const {
  constexpr size_t kMostAsked = 100;  // The contract's.
  NamesToAsk ask;
  std::set<std::string> asks;
  for (size_t i = 0; i < std::min(count, next.size()); ++i) {
    for (const core::LateName& late : next[i].planned.names) {
      if (asked_.contains(late.domain) || (!ask.domain.empty() && late.domain != ask.domain)) continue;
      const std::string name = FreeName(next[i].planned, late);
      const std::string key = NameKey(late.domain, name);
      if (name.empty() || asked_.contains(key) || !asks.insert(key).second) continue;
      ask.domain = late.domain;
      ask.names.push_back(name);
      if (ask.names.size() == kMostAsked) return ask;
    }
  }
  return ask;
}

void OperationLedger::Learn(const NamesToAsk& asked, const absl::StatusOr<std::vector<Taken>>& taken) {
  if (!taken.ok()) {  // Without it a name that is in use is refused, and the next one tried.
    asked_.insert(asked.domain);
    return;
  }
  for (const std::string& name : asked.names) asked_.insert(NameKey(asked.domain, name));
  for (const Taken& one : *taken) holders_[NameKey(asked.domain, one.value.ToText())] = one.holder.id;
}

std::optional<Failure> OperationLedger::ChooseNames(Prepared& prepared) {
  store::Operation& stored = prepared.stored;
  for (const core::LateName& late : stored.planned.names) {
    const std::string chosen = FreeName(stored.planned, late);
    const std::string holder = HolderOf(stored.planned);
    std::string& name = stored.names[late.attribute];
    if (!name.empty() && NameKey(late.domain, name) != NameKey(late.domain, chosen)) {
      if (!held_before_.contains(absl::StrCat(NameKey(late.domain, name), "\n", holder))) {
        prepared.released.push_back({system_, late.domain, core::NormaliseName(name), holder});
      }
    }
    name = chosen;
    if (chosen.empty()) {
      Failure failure;
      failure.reason = Reason::kAlreadyExists;
      failure.message = absl::StrCat("all ", late.candidates.size(), " candidates of ", late.attribute,
                                     " are taken; add one to its template");
      return failure;
    }
    claimed_[NameKey(late.domain, chosen)] = stored.planned.id;
    prepared.reserved.push_back({system_, late.domain, core::NormaliseName(chosen), holder});
  }
  return std::nullopt;
}

// One that holds no part of the person's names, as directories demand.
std::string OperationLedger::MakePassword(const store::Operation& stored) {
  std::vector<std::string> names;
  if (const core::Person* person = world_.snapshot->Find(stored.planned.person_id)) {
    for (const auto& [field, value] : person->fields) {
      if (absl::StartsWith(field, "name.")) names.push_back(value.ToText());
    }
  }
  for (const auto& [attribute, name] : stored.names) names.push_back(name);
  core::TargetClass policy;
  const auto& classes = state_.schema().classes;
  if (auto found = classes.find(stored.planned.object_class); found != classes.end()) policy = found->second;
  // One that was refused is followed by a longer one: the target may not show all of its policy.
  constexpr uint32_t kShortest = 14, kLonger = 6;
  if (auto refused = passwords_.find(stored.planned.id); refused != passwords_.end()) {
    policy.password_min_length =
        std::max(policy.password_min_length, kShortest) + kLonger * static_cast<uint32_t>(refused->second);
    if (policy.password_max_length > 0) {
      policy.password_min_length = std::min(policy.password_min_length, policy.password_max_length);
    }
  }
  return context_.vault->MakePassword(policy, names);
}

absl::Status OperationLedger::MakeSecrets(Prepared& prepared) {
  store::Operation& stored = prepared.stored;
  for (const std::string& attribute : stored.planned.secrets) {
    store::SealedSecret sealed;
    sealed.id = SecretId(stored.planned.id, attribute);
    prepared.secrets[attribute] = MakePassword(stored);
    ASSIGN_OR_RETURN(sealed.sealed, context_.vault->Seal(sealed.id, prepared.secrets[attribute]));
    sealed.person_id = stored.planned.person_id;
    sealed.system = system_;
    sealed.attribute = attribute;
    sealed.operation_id = stored.planned.id;
    sealed.made = Now();
    stored.secrets[attribute] = sealed.id;
    prepared.sealed.push_back(std::move(sealed));
  }
  return absl::OkStatus();
}

// `stored` has its attempt already. Names that this run knows to be taken are passed over.
OperationLedger::Prepared OperationLedger::Prepare(store::Operation stored) {
  Prepared prepared;
  prepared.stored = std::move(stored);
  prepared.stored.state = store::Operation::State::kSent;
  prepared.stored.secrets.clear();
  const auto refuse = [&prepared](const absl::Status& status) {
    Failure failure;
    failure.reason = Reason::kInvalid;
    failure.message = std::string(status.message());
    prepared.refusal = std::move(failure);
  };
  prepared.refusal = ChooseNames(prepared);
  if (prepared.refusal) return prepared;
  if (absl::Status status = MakeSecrets(prepared); !status.ok()) {
    refuse(status);
    return prepared;
  }
  absl::StatusOr<TargetOperation> operation = ToTargetOperation(prepared.stored, state_, prepared.secrets);
  if (operation.ok()) {
    prepared.operation = *std::move(operation);
  } else {
    refuse(operation.status());
  }
  return prepared;
}

OperationLedger::Ahead OperationLedger::WriteAhead(std::vector<store::Operation> batch) {
  base::CrashPoints::Pass(base::CrashPoint::kBeforeWriteAhead);
  Ahead ahead;
  ahead.lease_until = Now() + kLease;
  std::vector<std::string> ids;
  for (const store::Operation& stored : batch) ids.push_back(stored.planned.id);
  const absl::StatusOr<std::map<std::string, int>> before = context_.store->LoadAttempts(ids);
  if (!before.ok()) {
    ahead.status = before.status();
    ahead.unwritten = std::move(batch);
    return ahead;
  }
  std::vector<Prepared> prepared;
  for (store::Operation stored : batch) {
    if (stored.attempt == 0) {  // A target takes another payload under the same id only with a higher attempt.
      if (const auto known = before->find(stored.planned.id); known != before->end()) stored.attempt = known->second;
    }
    ++stored.attempt;
    stored.host = context_.host_id;
    stored.fence = fence_;
    stored.lease_until = ahead.lease_until;
    prepared.push_back(Prepare(std::move(stored)));
  }
  size_t written = 0;
  ahead.status = WriteSent(prepared, ahead.send);
  if (absl::IsAlreadyExists(ahead.status)) ahead.status = WriteOneByOne(prepared, ahead.send, written);
  if (!ahead.status.ok()) {
    ahead.unwritten.assign(std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(written)),
                           std::make_move_iterator(batch.end()));
  }
  return ahead;
}

absl::Status OperationLedger::WriteSent(std::vector<Prepared>& batch, std::vector<TargetOperation>& out) {
  Change change;
  std::vector<TargetOperation> operations;
  for (Prepared& prepared : batch) {
    store::Commit& commit = change.commit;
    commit.names_released.insert(commit.names_released.end(), prepared.released.begin(), prepared.released.end());
    if (prepared.refusal) {
      TargetResult result;
      result.operation_id = prepared.stored.planned.id;
      result.outcome = Outcome::kFailed;
      result.failure = *prepared.refusal;
      Fail(prepared.stored, result, change);
      continue;
    }
    commit.names_reserved.insert(commit.names_reserved.end(), prepared.reserved.begin(), prepared.reserved.end());
    commit.secrets.insert(commit.secrets.end(), prepared.sealed.begin(), prepared.sealed.end());
    commit.operations.push_back(prepared.stored);
    change.open.push_back(prepared.stored);
    operations.push_back(prepared.operation);
  }
  RETURN_IF_ERROR(WriteOrForget(std::move(change)));
  for (Prepared& prepared : batch) {
    if (!prepared.refusal && !prepared.sealed.empty()) sealed_[prepared.stored.planned.id] = std::move(prepared.sealed);
  }
  for (TargetOperation& operation : operations) out.push_back(std::move(operation));
  return absl::OkStatus();
}

// A name that somebody else reserved meanwhile: the next candidate, for whom it concerns.
absl::Status OperationLedger::WriteOneByOne(std::vector<Prepared>& batch, std::vector<TargetOperation>& out,
                                            size_t& written) {
  for (Prepared& one : batch) {
    std::vector<Prepared> alone;
    alone.push_back(std::move(one));
    absl::Status status = WriteSent(alone, out);
    while (absl::IsAlreadyExists(status)) {
      // Which of its names it is, is not said: each is tried no more.
      for (const core::NameEntry& entry : alone[0].reserved) taken_.insert(NameKey(entry.domain, entry.name));
      store::Operation stored = std::move(alone[0].stored);
      const std::vector<core::NameEntry> released = std::move(alone[0].released);
      for (auto& [attribute, name] : stored.names) name.clear();  // Never reserved: there is nothing to release.
      alone[0] = Prepare(std::move(stored));
      alone[0].released.insert(alone[0].released.end(), released.begin(), released.end());
      status = WriteSent(alone, out);
    }
    RETURN_IF_ERROR(status);
    ++written;
  }
  return absl::OkStatus();
}

std::vector<store::Operation> OperationLedger::TakeBack(const std::vector<std::string>& ids) {
  std::vector<store::Operation> back;
  for (const std::string& id : ids) {
    if (auto credential = credentials_.find(id); credential != credentials_.end()) {
      credentials_.erase(credential);  // Its CREATE is in doubt as before.
      continue;
    }
    auto found = under_way_.find(id);
    if (found == under_way_.end()) continue;
    back.push_back(std::move(found->second));
    under_way_.erase(found);
  }
  return back;
}

absl::Status OperationLedger::Claim(std::vector<store::Operation> open) {
  base::CrashPoints::Pass(base::CrashPoint::kBeforeClaim);
  Change change;
  bool has_secrets = false;
  for (store::Operation& stored : open) {
    stored.host = context_.host_id;
    stored.fence = fence_;
    stored.lease_until = Now() + kLease;
    if (stored.state == store::Operation::State::kWritten) {  // Never sent.
      stored.state = store::Operation::State::kSuperseded;
      stored.ended = Now();
      ReleaseNames(stored, change.commit);
      change.commit.operations.push_back(std::move(stored));
      continue;
    }
    if (stored.state == store::Operation::State::kSent) stored.state = store::Operation::State::kInDoubt;
    has_secrets |= !stored.secrets.empty();
    // What it reserved was reserved for it alone.
    for (const core::LateName& late : stored.planned.names) {
      held_before_.erase(
          absl::StrCat(NameKey(late.domain, stored.names[late.attribute]), "\n", HolderOf(stored.planned)));
    }
    change.commit.operations.push_back(stored);
    change.open.push_back(std::move(stored));
  }
  std::vector<store::SealedSecret> secrets;
  if (has_secrets) {
    ASSIGN_OR_RETURN(secrets, context_.store->LoadSecrets(""));
  }
  RETURN_IF_ERROR(WriteOrForget(std::move(change)));
  base::CrashPoints::Pass(base::CrashPoint::kClaimed);
  for (store::SealedSecret& secret : secrets) {
    if (under_way_.contains(secret.operation_id)) sealed_[secret.operation_id].push_back(std::move(secret));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TargetOperation>> OperationLedger::WriteAheadCredentials() {
  base::CrashPoints::Pass(base::CrashPoint::kBeforeCredential);
  Change change;
  std::vector<TargetOperation> out;
  std::map<std::string, std::vector<store::SealedSecret>> all_sealed;
  for (const auto& [id, created] : awaiting_credential_) {
    if (credentials_.contains(CredentialId(id))) continue;  // Sent.
    store::Operation stored = under_way_[id];
    ++stored.attempt;
    TargetOperation operation;
    operation.id = CredentialId(id);
    operation.attempt = static_cast<uint32_t>(stored.attempt);
    operation.action = Action::kSetCredential;
    operation.object_class = stored.planned.object_class;
    operation.object_id = created.object_id;
    operation.object_name = created.object_name;
    std::vector<store::SealedSecret> sealed;
    for (const auto& [attribute, secret_id] : stored.secrets) {
      store::SealedSecret secret;
      for (const store::SealedSecret& known : sealed_[id]) {
        if (known.id == secret_id) secret = known;
      }
      absl::StatusOr<std::string> opened = context_.vault->Open(secret_id, secret.sealed);
      if (!opened.ok()) {  // Sealed with a key that is gone: another password, before anybody was given the first.
        opened = MakePassword(stored);
        ASSIGN_OR_RETURN(secret.sealed, context_.vault->Seal(secret_id, *opened));
        secret.id = secret_id;
        secret.person_id = stored.planned.person_id;
        secret.system = system_;
        secret.attribute = attribute;
        secret.operation_id = id;
        secret.made = Now();
        change.commit.secrets.push_back(secret);
      }
      operation.deltas.push_back({attribute, Delta::Change::kReplace, core::Value::Text(*opened), true});
      sealed.push_back(std::move(secret));
    }
    all_sealed[id] = std::move(sealed);
    change.commit.operations.push_back(stored);
    change.open.push_back(std::move(stored));
    out.push_back(std::move(operation));
  }
  RETURN_IF_ERROR(WriteOrForget(std::move(change)));
  base::CrashPoints::Pass(base::CrashPoint::kCredentialIsWrittenAhead);
  for (const auto& [id, created] : awaiting_credential_) credentials_[CredentialId(id)] = id;
  for (auto& [id, sealed] : all_sealed) sealed_[id] = std::move(sealed);
  return out;
}

void OperationLedger::ReleaseNames(const store::Operation& stored, store::Commit& commit) const {
  const std::string holder = HolderOf(stored.planned);
  for (const core::LateName& late : stored.planned.names) {
    auto name = stored.names.find(late.attribute);
    if (name == stored.names.end() || name->second.empty()) continue;
    // What the same person had before, of an account that is gone, stays theirs.
    if (held_before_.contains(absl::StrCat(NameKey(late.domain, name->second), "\n", holder))) continue;
    commit.names_released.push_back({system_, late.domain, core::NormaliseName(name->second), holder});
  }
}

}  // namespace sluice::engine
