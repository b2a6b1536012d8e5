#include "host/engine/enforcer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/status.h"

namespace sluice::engine {
namespace {

std::string SummaryOf(const EnforcementCounts& sum, int64_t blocked, int64_t undecided, int64_t waiting,
                      int64_t observing) {
  std::vector<std::string> parts = {absl::StrCat(sum.applied, " applied")};
  const auto add = [&](int64_t count, absl::string_view what) {
    if (count > 0) parts.push_back(absl::StrCat(count, " ", what));
  };
  add(sum.adopted, "taken over");
  add(sum.no_change, "already so");
  add(sum.failed, "failed");
  add(sum.in_doubt, "in doubt");
  add(sum.pending, "pending");
  add(sum.not_sent, "not sent");
  add(blocked, "blocked");
  add(undecided, "changed by hand and not decided");
  add(waiting, "waiting");
  add(observing, "only observed");
  return absl::StrJoin(parts, ", ");
}

nlohmann::json ToJson(const EnforcementCounts& counts) {
  return {{"adopted", counts.adopted},  {"applied", counts.applied},   {"no_change", counts.no_change},
          {"failed", counts.failed},    {"in_doubt", counts.in_doubt}, {"pending", counts.pending},
          {"not_sent", counts.not_sent}};
}

}  // namespace

struct Enforcer::Job {
  std::shared_ptr<ActiveRun> run;
  int64_t fence = 0;
  // Of StartAfterRecovery; `plan` is taken when it is called.
  Load load;
  LoadWork plan;
  // Written before the stage that they belong to is launched.
  World world;
  int64_t blocked = 0, undecided = 0, waiting = 0, observing = 0;

  absl::Mutex mutex;
  size_t open ABSL_GUARDED_BY(mutex) = 0;                                  // Systems of this stage that are not done.
  std::map<std::string, EnforcementCounts> counts ABSL_GUARDED_BY(mutex);  // Of all stages.
  std::map<std::string, std::pair<int64_t, int64_t>> progress ABSL_GUARDED_BY(mutex);
  std::vector<std::shared_ptr<SystemEnforcement>> systems ABSL_GUARDED_BY(mutex);
};

absl::StatusOr<std::shared_ptr<Enforcer::Job>> Enforcer::Begin(const std::string& kind, const std::string& actor,
                                                               const std::string& plan) {
  auto job = std::make_shared<Job>();
  ASSIGN_OR_RETURN(job->fence, context_.store->NextFence());
  ASSIGN_OR_RETURN(job->run, runs_.Begin(kind, actor, "", plan));
  absl::MutexLock lock(&mutex_);
  std::erase_if(jobs_, [](const std::weak_ptr<Job>& other) { return other.expired(); });
  jobs_.push_back(job);
  return job;
}

absl::StatusOr<std::string> Enforcer::Start(const std::string& actor, Work work) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, Begin("enforce", actor, work.plan.hash));
  LaunchPlan(job, std::move(work));
  return job->run->id();
}

absl::StatusOr<std::string> Enforcer::StartAfterRecovery(const std::string& actor, Load load, LoadWork plan) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, Begin("enforce", actor, ""));
  job->load = std::move(load);
  job->plan = std::move(plan);
  job->run->SetProgress({"verifying what an earlier run left open", 0, 0});
  const std::string id = job->run->id();
  {
    absl::MutexLock lock(&mutex_);
    if (recovery_ != nullptr) {
      after_recovery_.push_back([this, job] { BeginRecovery(job); });
      return id;
    }
  }
  Post([this, job] { BeginRecovery(job); });
  return id;
}

absl::StatusOr<std::string> Enforcer::Recover(const std::string& actor, World world,
                                              std::vector<store::Operation> open) {
  if (runs_.HasActive("enforce")) return absl::AbortedError("an enforcement is under way, which verifies what is open");
  ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, Begin("verify", actor, ""));
  {
    absl::MutexLock lock(&mutex_);
    recovery_ = job;
  }
  job->world = std::move(world);
  LaunchOpen(job, std::move(open));
  return job->run->id();
}

bool Enforcer::is_recovering() const {
  absl::MutexLock lock(&mutex_);
  return recovery_ != nullptr;
}

void Enforcer::BeginRecovery(const std::shared_ptr<Job>& job) {
  std::vector<store::Operation> open;
  const absl::Status status = runs_.Persist(*job->run, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(open, context_.store->LoadOpenOperations());
    ASSIGN_OR_RETURN(job->world, job->load());
    return absl::OkStatus();
  });
  if (!status.ok()) return Fail(job, status);
  LaunchOpen(job, std::move(open));
}

void Enforcer::LaunchOpen(const std::shared_ptr<Job>& job, std::vector<store::Operation> open) {
  std::map<std::string, SystemEnforcement::Work> by_system;
  for (store::Operation& operation : open) {
    SystemEnforcement::Work& work = by_system[operation.planned.system];
    work.system = operation.planned.system;
    work.open.push_back(std::move(operation));
  }
  std::vector<SystemEnforcement::Work> all;
  for (auto& [system, work] : by_system) all.push_back(std::move(work));
  Launch(job, std::move(all));
}

void Enforcer::LaunchPlan(const std::shared_ptr<Job>& job, Work work) {
  std::set<std::string> refused;
  {
    absl::MutexLock lock(&job->mutex);
    for (const auto& [system, counts] : job->counts) refused.insert(counts.refused.begin(), counts.refused.end());
  }
  std::map<std::string, SystemEnforcement::Work> by_system;
  for (core::PlannedOperation& operation : work.plan.operations) {
    switch (operation.status) {
      case core::OperationStatus::kReady: {
        if (refused.contains(operation.id)) break;
        SystemEnforcement::Work& one = by_system[operation.system];
        one.system = operation.system;
        one.plan = work.plan.hash;
        one.operations.push_back(std::move(operation));
        break;
      }
      case core::OperationStatus::kBlocked:
        // What somebody did in the target waits without a hurry, and makes no run a failed one.
        ++(operation.reason.origin == core::kDrift ? job->undecided : job->blocked);
        break;
      case core::OperationStatus::kWaiting:
        ++job->waiting;
        break;
      case core::OperationStatus::kObserving:
        ++job->observing;
        break;
    }
  }
  job->world = std::move(work.world);
  std::vector<SystemEnforcement::Work> all;
  for (auto& [system, one] : by_system) all.push_back(std::move(one));
  Launch(job, std::move(all));
}

void Enforcer::Launch(const std::shared_ptr<Job>& job, std::vector<SystemEnforcement::Work> all) {
  std::vector<std::shared_ptr<SystemEnforcement>> systems;
  {
    absl::MutexLock lock(&job->mutex);
    job->open = all.size();
    job->progress.clear();
    for (SystemEnforcement::Work& work : all) {
      const std::string system = work.system;
      const std::string activity =
          absl::StrCat(work.open.empty() ? "carrying out operations in " : "verifying operations in ", system);
      auto progress = [job, system, activity](int64_t settled, int64_t expected) {
        RunProgress sum{activity, 0, 0};
        absl::MutexLock lock(&job->mutex);
        job->progress[system] = {settled, expected};
        for (const auto& [name, one] : job->progress) {
          sum.done += one.first;
          sum.expected += one.second;
        }
        job->run->SetProgress(std::move(sum));
      };
      job->progress[system] = {0, work.operations.size() + work.open.size()};
      systems.push_back(std::make_shared<SystemEnforcement>(
          context_, job->world, std::move(work), job->run, job->fence, StrandOf(system), std::move(progress),
          [this, job, system](const EnforcementCounts& counts) { OnSystemDone(job, system, counts); }));
    }
    job->systems = systems;
  }
  for (const auto& system : systems) system->Start();
  if (systems.empty()) Post([this, job] { OnStageDone(job); });
}

void Enforcer::OnSystemDone(const std::shared_ptr<Job>& job, const std::string& system,
                            const EnforcementCounts& counts) {
  {
    absl::MutexLock lock(&job->mutex);
    EnforcementCounts& sum = job->counts[system];
    sum.Add(counts);
    if (!counts.error.empty()) sum.error = counts.error;
    if (--job->open > 0) return;
  }
  OnStageDone(job);
}

void Enforcer::OnStageDone(const std::shared_ptr<Job>& job) {
  {
    absl::MutexLock lock(&job->mutex);
    job->systems.clear();
  }
  if (job->plan && !job->run->is_stopping()) return Post([this, job] { Plan(job); });
  End(job);
}

void Enforcer::Plan(const std::shared_ptr<Job>& job) {
  const LoadWork plan = std::move(job->plan);
  job->plan = nullptr;
  Work work;
  const absl::Status status = runs_.Persist(*job->run, [&]() -> absl::Status {
    ASSIGN_OR_RETURN(work, plan());
    return absl::OkStatus();
  });
  if (!status.ok()) return Fail(job, status);
  job->run->SetPlan(work.plan.hash);
  LaunchPlan(job, std::move(work));
}

void Enforcer::Fail(const std::shared_ptr<Job>& job, const absl::Status& status) {
  runs_.End(job->run, "failed", std::string(status.message()));
}

void Enforcer::End(const std::shared_ptr<Job>& job) {
  std::map<std::string, EnforcementCounts> all;
  {
    absl::MutexLock lock(&job->mutex);
    all = job->counts;
  }
  EnforcementCounts sum;
  std::vector<std::string> lines;
  nlohmann::json by_system = nlohmann::json::object();
  for (const auto& [name, one] : all) {
    sum.Add(one);
    if (!one.error.empty()) lines.push_back(absl::StrCat(name, ": ", one.error));
    by_system[name] = ToJson(one);
  }
  const bool has_failed = sum.failed > 0 || sum.in_doubt > 0 || !lines.empty();
  lines.insert(lines.begin(), SummaryOf(sum, job->blocked, job->undecided, job->waiting, job->observing));
  const std::string state = job->run->is_stopping() ? "stopped"
                            : has_failed            ? "failed"
                            : job->blocked > 0      ? "blocked"
                                                    : "succeeded";
  runs_.End(
      job->run, state, absl::StrJoin(lines, "; "),
      {{"systems", by_system}, {"blocked", job->blocked}, {"waiting", job->waiting}, {"observing", job->observing}});
  std::vector<std::function<void()>> waiting;
  {
    absl::MutexLock lock(&mutex_);
    if (recovery_ != job) return;
    recovery_.reset();
    waiting.swap(after_recovery_);
  }
  for (std::function<void()>& task : waiting) Post(std::move(task));
}

std::shared_ptr<Strand> Enforcer::StrandOf(const std::string& system) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<Strand>& strand = strands_[system];
  if (strand == nullptr) strand = std::make_shared<Strand>(system);
  if (is_stopped_) strand->Close();
  return strand;
}

void Enforcer::Post(std::function<void()> task) {
  {
    absl::MutexLock lock(&mutex_);
    if (is_stopped_) return;
  }
  context_.post(std::move(task));
}

void Enforcer::Stop() {
  std::map<std::string, std::shared_ptr<Strand>> strands;
  std::vector<std::weak_ptr<Job>> jobs;
  {
    absl::MutexLock lock(&mutex_);
    is_stopped_ = true;
    strands = strands_;
    jobs = jobs_;
    after_recovery_.clear();
  }
  for (const auto& [system, strand] : strands) strand->Close();
  for (const std::weak_ptr<Job>& weak : jobs) {  // A job and its systems hold each other until they are done.
    const std::shared_ptr<Job> job = weak.lock();
    if (job == nullptr) continue;
    std::vector<std::shared_ptr<SystemEnforcement>> systems;
    absl::MutexLock lock(&job->mutex);
    systems.swap(job->systems);
  }
}

}  // namespace sluice::engine
