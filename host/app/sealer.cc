#include "host/app/sealer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/audit/export.h"
#include "host/base/log.h"
#include "host/base/status.h"

namespace sluice::app {
namespace {

constexpr int kPage = 1000;
constexpr absl::Duration kWholeEvery = absl::Hours(24);

std::pair<int64_t, std::string> IdOf(const audit::Seal& seal) { return {seal.sequence, seal.hash}; }

}  // namespace

absl::Status Sealer::Check() {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CheckAll());
  return Verdict();
}

absl::Status Sealer::Seal() {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CheckNew());
  return SealNewest();
}

absl::StatusOr<api::AuditState> Sealer::Accept(const engine::Actor& actor, int64_t first, int64_t last) {
  if (actor.reason.empty()) {
    return absl::InvalidArgumentError("accepting damage of the audit log needs a reason: add --reason \"...\"");
  }
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CheckAll());
  store::Commit commit;
  std::vector<std::string> others;
  for (const audit::Finding& finding : judgement_.open) {
    if (finding.first < first || finding.last > last) {
      others.push_back(finding.first == finding.last ? absl::StrCat(finding.first)
                                                     : absl::StrCat(finding.first, "-", finding.last));
      continue;
    }
    ASSIGN_OR_RETURN(audit::Entry entry, audit::AcceptFinding(finding, actor.name, actor.reason, clock_->Now(), *key_));
    commit.audit.push_back(std::move(entry));
  }
  if (commit.audit.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing is damaged within rows ", first, " to ", last,
                     others.empty() ? std::string("; nor elsewhere")
                                    : absl::StrCat("; accept whole: rows ", absl::StrJoin(others, ", "))));
  }
  RETURN_IF_ERROR(store_->Write(commit));
  RETURN_IF_ERROR(CheckNew());
  if (judgement_.open.empty()) RETURN_IF_ERROR(SealNewest());
  return State();
}

absl::Status Sealer::Export(const std::function<bool(const std::string&)>& line) {
  std::vector<audit::Seal> seals;
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(CheckAll());
    if (judgement_.open.empty()) RETURN_IF_ERROR(SealNewest());
    seals = check_->seals();
  }
  const audit::RowReader read = [this](int64_t from, int limit) { return Read(from, limit); };
  return audit::Export(read, seals, {}, [&](absl::string_view text) {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    return line(std::string(text)) ? absl::OkStatus() : absl::CancelledError("nobody reads the export any more");
  });
}

api::AuditState Sealer::State() const {
  absl::MutexLock lock(&state_mutex_);
  return state_;
}

void Sealer::End() {
  if (mutex_.TryLock()) {
    if (check_.has_value() && CheckNew().ok()) SealNewest().IgnoreError();
    mutex_.Unlock();
  }
  is_stopping_ = true;
}

absl::StatusOr<std::vector<audit::Row>> Sealer::Read(int64_t from, int limit) const {
  if (is_stopping_) return absl::CancelledError("the host ends");
  return store_->LoadAudit(from, limit);
}

absl::Status Sealer::CheckAll() {
  ASSIGN_OR_RETURN(std::vector<audit::Seal> seals, store_->LoadSeals());
  const absl::StatusOr<std::vector<audit::Seal>> copied = copy_.Read();
  MendCopy(seals, copied);
  if (copied.ok()) seals.insert(seals.end(), copied->begin(), copied->end());
  const audit::RowReader read = [this](int64_t from, int limit) { return Read(from, limit); };
  ASSIGN_OR_RETURN(audit::LogCheck check, audit::CheckLog(read, std::move(seals), key_->id()));
  check_.emplace(std::move(check));
  checked_ = clock_->Now();
  Judge();
  return absl::OkStatus();
}

// From the last row that was checked on; that row must still be the one that it was.
absl::Status Sealer::CheckNew() {
  if (!check_.has_value() || clock_->Now() >= checked_ + kWholeEvery || clock_->Now() < checked_) return CheckAll();
  if (const int64_t last = check_->last_row(); last > 0) {
    ASSIGN_OR_RETURN(const std::vector<audit::Row> rows, Read(last, 1));
    if (rows.empty() || rows[0].sequence != last || rows[0].hash != check_->hash()) return CheckAll();
  }
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<audit::Row> rows, Read(check_->last_row() + 1, kPage));
    if (rows.empty()) break;
    for (const audit::Row& row : rows) check_->Add(row);
  }
  Judge();
  return absl::OkStatus();
}

absl::Status Sealer::SealNewest() {
  ASSIGN_OR_RETURN(const std::optional<audit::Seal> seal, audit::MakeSeal(judgement_, *key_, clock_->Now()));
  if (!seal.has_value()) return absl::OkStatus();
  // A seal of another past over a row of this number is void and stays; the copy holds this one then.
  if (absl::Status stored = store_->WriteSeal(*seal); !stored.ok() && !absl::IsAlreadyExists(stored)) return stored;
  SayCopy(copy_.Append({*seal}));
  check_->AddSeal(*seal);
  Judge();
  base::LogInfo("the audit log is sealed",
                {{"row", absl::StrCat(seal->sequence)}, {"hash", seal->hash}, {"key", seal->key_id}});
  return absl::OkStatus();
}

absl::Status Sealer::Verdict() const {
  return judgement_.open.empty() ? absl::OkStatus() : absl::DataLossError(judgement_.open.front().what);
}

void Sealer::Judge() {
  judgement_ = check_->Judge();
  if (judgement_.open.empty()) {
    said_.clear();
  } else if (said_ != judgement_.open.front().what) {
    said_ = judgement_.open.front().what;
    base::LogError("the audit log is damaged and is not sealed until somebody accepts that: sluice audit check",
                   {{"first", said_}, {"findings", absl::StrCat(judgement_.open.size())}});
  }
  absl::MutexLock lock(&state_mutex_);
  state_.is_checked = true;
  state_.last_row = judgement_.last_row;
  state_.sealed_row = judgement_.sealed_row;
  state_.sealed_at = judgement_.sealed_at;
  state_.damage.clear();
  for (const audit::Finding& finding : judgement_.open) {
    state_.damage.push_back({finding.first, finding.last, finding.what, 0, "", ""});
  }
  for (const audit::AcceptedFinding& one : judgement_.accepted) {
    state_.damage.push_back({one.first, one.last, one.what, one.row, one.actor, one.reason});
  }
}

// The copy gets what only the store has: a first copy, another file, seals that it could not take when they were made.
void Sealer::MendCopy(const std::vector<audit::Seal>& stored, const absl::StatusOr<std::vector<audit::Seal>>& copied) {
  if (!copied.ok()) return SayCopy(copied.status());
  std::set<std::pair<int64_t, std::string>> known;
  for (const audit::Seal& seal : *copied) known.insert(IdOf(seal));
  std::vector<audit::Seal> lacking;
  for (const audit::Seal& seal : stored) {
    if (!known.contains(IdOf(seal)) && audit::CheckSeal(seal).ok()) lacking.push_back(seal);
  }
  if (lacking.empty()) return SayCopy(absl::OkStatus());
  base::LogWarning("the copy of the seals lacked some that the store has; they were added",
                   {{"copy", copy_.path()}, {"seals", absl::StrCat(lacking.size())}});
  SayCopy(copy_.Append(lacking));
}

void Sealer::SayCopy(const absl::Status& status) {
  absl::MutexLock lock(&state_mutex_);
  const std::string problem(status.message());
  if (!problem.empty() && problem != state_.copy_problem) base::LogError(problem);
  state_.copy_problem = problem;
}

}  // namespace sluice::app
