#include "host/engine/runs.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "host/base/backoff.h"
#include "host/base/crash_point.h"
#include "host/base/hash.h"
#include "host/base/log.h"
#include "host/base/status.h"

namespace sluice::engine {
namespace {
constexpr size_t kRecentRuns = 50;
constexpr size_t kMostWarnings = 200;
}  // namespace

void ActiveRun::SetProgress(RunProgress progress) {
  absl::MutexLock lock(&mutex_);
  progress_ = std::move(progress);
  ++version_;
}

void ActiveRun::Warn(const std::string& line) {
  base::LogWarning(line, {{"run", id()}});
  absl::MutexLock lock(&mutex_);
  if (warnings_.size() < kMostWarnings) warnings_.push_back(line);
  ++version_;
}

void ActiveRun::Pause(absl::Duration duration) const {
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(
                              +[](const std::atomic<bool>* is_stopping) { return is_stopping->load(); }, &is_stopping_),
                          duration);
}

bool IsStoreAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

absl::Status Runs::Persist(ActiveRun& run, const std::function<absl::Status()>& work) const {
  base::Backoff backoff(context_.patience.store);
  for (bool has_warned = false;; has_warned = true) {
    absl::Status status = work();
    if (!IsStoreAway(status) || run.is_stopping()) {
      if (has_warned && status.ok()) base::LogInfo("the store takes writes again", {{"run", run.id()}});
      return status;
    }
    if (!has_warned) run.Warn(absl::StrCat(status.message(), "; the run waits for it"));
    run.Pause(backoff.Next());
  }
}

absl::Status Runs::Write(ActiveRun& run, const store::Commit& commit) const {
  return Persist(run, [&] { return context_.store->Write(commit); });
}

absl::StatusOr<std::shared_ptr<ActiveRun>> Runs::Begin(const std::string& kind, const std::string& actor,
                                                       const std::string& system, const std::string& plan) {
  store::Run run;
  run.id = base::RandomUuid();
  run.kind = kind;
  run.state = "running";
  run.actor = actor;
  run.system = system;
  run.plan = plan;
  run.started = context_.clock->Now();
  auto active = std::make_shared<ActiveRun>(run);
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, other] : active_) {
      if (other->Get().kind == kind) {
        return absl::AbortedError(absl::StrCat("run ", id.substr(0, 8), " (", kind,
                                               ") is under way; wait for it, or: sluice run stop ", id.substr(0, 8)));
      }
    }
    active_[run.id] = active;
  }
  store::Commit commit;
  commit.run = run;
  base::CrashPoints::Pass(base::CrashPoint::kRunBegins);
  if (absl::Status status = context_.store->Write(commit); !status.ok()) {
    absl::MutexLock lock(&mutex_);
    active_.erase(run.id);
    return status;
  }
  base::CrashPoints::Pass(base::CrashPoint::kRunIsStored);
  return active;
}

store::Run Runs::Ended(const ActiveRun& run, const std::string& state, const std::string& summary,
                       nlohmann::json counts) const {
  store::Run ended = run.Get();
  ended.state = state;
  ended.summary = summary;
  ended.counts = std::move(counts);
  ended.ended = context_.clock->Now();
  return ended;
}

void Runs::Finish(const std::shared_ptr<ActiveRun>& run, const store::Run& ended) {
  base::LogInfo("run ended", {{"run", ended.id}, {"kind", ended.kind}, {"state", ended.state}});
  {  // Gone before anybody is told that it has ended: whoever waited for that may begin the next one.
    absl::MutexLock lock(&mutex_);
    active_.erase(ended.id);
    if (recent_.size() >= kRecentRuns) recent_.erase(recent_.begin());
    recent_[ended.id] = {ended, run->progress(), run->warnings()};
  }
  absl::MutexLock lock(&run->mutex_);
  run->run_.state = ended.state;
  run->run_.summary = ended.summary;
  run->run_.counts = ended.counts;
  run->run_.ended = ended.ended;
  ++run->version_;
}

void Runs::End(const std::shared_ptr<ActiveRun>& run, const std::string& state, const std::string& summary,
               nlohmann::json counts) {
  const store::Run ended = Ended(*run, state, summary, std::move(counts));
  store::Commit commit;
  commit.run = ended;
  base::CrashPoints::Pass(base::CrashPoint::kRunEnds);
  if (absl::Status status = Write(*run, commit); !status.ok()) {
    base::LogError("the end of a run could not be stored; it counts as interrupted after a restart",
                   {{"run", ended.id}, {"error", std::string(status.message())}});
  }
  base::CrashPoints::Pass(base::CrashPoint::kRunHasEnded);
  Finish(run, ended);
}

std::shared_ptr<ActiveRun> Runs::FindActive(const std::string& id_prefix) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, run] : active_) {
    if (!id_prefix.empty() && absl::StartsWith(id, id_prefix)) return run;
  }
  return nullptr;
}

bool Runs::HasActive(const std::string& kind) const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(active_.begin(), active_.end(), [&](const auto& run) { return run.second->Get().kind == kind; });
}

void Runs::AwaitNone(absl::Duration patience) const {
  const auto is_none = [this] {
    mutex_.AssertReaderHeld();
    return active_.empty();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&is_none), patience);
}

absl::StatusOr<Runs::View> Runs::Watch(const std::string& id, int64_t& version, absl::Duration patience) const {
  if (id.empty()) return absl::NotFoundError("a run has an id; see: sluice run list");
  if (std::shared_ptr<ActiveRun> run = FindActive(id)) {
    absl::MutexLock lock(&run->mutex_);
    const auto has_changed = [&] {
      run->mutex_.AssertReaderHeld();
      return run->version_ != version || run->run_.ended.has_value();
    };
    if (version != 0) run->mutex_.AwaitWithTimeout(absl::Condition(&has_changed), patience);
    version = std::max<int64_t>(run->version_, 1);
    return View{run->run_, run->progress_, run->warnings_};
  }
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [known, view] : recent_) {
      if (absl::StartsWith(known, id)) return view;
    }
  }
  ASSIGN_OR_RETURN(const std::vector<store::Run> runs, context_.store->LoadRuns(1000));
  for (const store::Run& run : runs) {
    if (absl::StartsWith(run.id, id)) return View{run, {}, {}};
  }
  return absl::NotFoundError(absl::StrCat("there is no run ", id, "; see: sluice run list"));
}

void Runs::StopAll() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, run] : active_) run->AskToStop();
}

}  // namespace sluice::engine
