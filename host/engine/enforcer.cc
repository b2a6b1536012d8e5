#include "host/engine/enforcer.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/status.h"

namespace sluice::engine {

struct Enforcer::Job {
  std::shared_ptr<ActiveRun> run;
  World world;
  std::string plan;
  int64_t fence = 0;
  int64_t blocked = 0, waiting = 0, observing = 0;
  absl::Mutex mutex;
  size_t open ABSL_GUARDED_BY(mutex) = 0;
  std::map<std::string, EnforcementCounts> counts ABSL_GUARDED_BY(mutex);
  std::vector<std::shared_ptr<SystemEnforcement>> systems ABSL_GUARDED_BY(mutex);
};

absl::StatusOr<std::shared_ptr<Enforcer::Job>> Enforcer::Begin(const std::string& kind, const std::string& actor,
                                                               const World& world, const std::string& plan,
                                                               size_t systems) {
  auto job = std::make_shared<Job>();
  ASSIGN_OR_RETURN(job->run, runs_.Begin(kind, actor, "", plan));
  job->world = world;
  job->plan = plan;
  absl::StatusOr<int64_t> fence = context_.store->NextFence();
  if (!fence.ok()) {
    runs_.End(job->run, "failed", std::string(fence.status().message()));
    return fence.status();
  }
  job->fence = *fence;
  absl::MutexLock lock(&job->mutex);
  job->open = systems;
  return job;
}

std::shared_ptr<SystemEnforcement> Enforcer::Make(const std::shared_ptr<Job>& job, const std::string& system,
                                                  std::vector<core::PlannedOperation> operations) {
  auto enforcement = std::make_shared<SystemEnforcement>(
      context_, job->world, system, std::move(operations), job->plan, job->run, job->fence, StrandOf(system),
      [this, job, system](const EnforcementCounts& counts) { OnDone(job, system, counts); });
  absl::MutexLock lock(&job->mutex);
  job->systems.push_back(enforcement);
  return enforcement;
}

absl::StatusOr<std::string> Enforcer::Start(const std::string& actor, const World& world, const core::Plan& plan) {
  std::map<std::string, std::vector<core::PlannedOperation>> by_system;
  int64_t blocked = 0, waiting = 0, observing = 0;
  for (const core::PlannedOperation& operation : plan.operations) {
    switch (operation.status) {
      case core::OperationStatus::kReady:
        by_system[operation.system].push_back(operation);
        break;
      case core::OperationStatus::kBlocked:
        ++blocked;
        break;
      case core::OperationStatus::kWaiting:
        ++waiting;
        break;
      case core::OperationStatus::kObserving:
        ++observing;
        break;
    }
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, Begin("enforce", actor, world, plan.hash, by_system.size()));
  job->blocked = blocked;
  job->waiting = waiting;
  job->observing = observing;
  if (by_system.empty()) {
    absl::MutexLock lock(&job->mutex);
    job->open = 1;
  }
  if (by_system.empty()) OnDone(job, "", {});
  for (auto& [system, operations] : by_system) Make(job, system, std::move(operations))->Start();
  return job->run->id();
}

absl::StatusOr<std::string> Enforcer::Recover(const std::string& actor, const World& world,
                                              std::vector<store::Operation> open) {
  std::map<std::string, std::vector<store::Operation>> by_system;
  for (store::Operation& operation : open) by_system[operation.planned.system].push_back(std::move(operation));
  ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, Begin("verify", actor, world, "", by_system.size()));
  for (auto& [system, operations] : by_system) Make(job, system, {})->Recover(std::move(operations));
  return job->run->id();
}

void Enforcer::OnDone(const std::shared_ptr<Job>& job, const std::string& system, const EnforcementCounts& counts) {
  std::map<std::string, EnforcementCounts> all;
  {
    absl::MutexLock lock(&job->mutex);
    if (!system.empty()) job->counts[system] = counts;
    if (--job->open > 0) return;
    all = job->counts;
  }
  EnforcementCounts sum;
  std::vector<std::string> lines;
  nlohmann::json by_system = nlohmann::json::object();
  for (const auto& [name, one] : all) {
    sum.adopted += one.adopted;
    sum.applied += one.applied;
    sum.no_change += one.no_change;
    sum.failed += one.failed;
    sum.in_doubt += one.in_doubt + one.pending;
    sum.not_sent += one.not_sent;
    if (!one.error.empty()) lines.push_back(absl::StrCat(name, ": ", one.error));
    by_system[name] = {{"adopted", one.adopted},  {"applied", one.applied},   {"no_change", one.no_change},
                       {"failed", one.failed},    {"in_doubt", one.in_doubt}, {"pending", one.pending},
                       {"not_sent", one.not_sent}};
  }
  std::vector<std::string> parts = {absl::StrCat(sum.applied, " applied")};
  const auto add = [&](int64_t count, absl::string_view what) {
    if (count > 0) parts.push_back(absl::StrCat(count, " ", what));
  };
  add(sum.adopted, "taken over");
  add(sum.no_change, "already so");
  add(sum.failed, "failed");
  add(sum.in_doubt, "in doubt");
  add(sum.not_sent, "not sent");
  add(job->blocked, "blocked");
  add(job->waiting, "waiting");
  add(job->observing, "only observed");
  lines.insert(lines.begin(), absl::StrJoin(parts, ", "));
  const bool has_failed = sum.failed > 0 || sum.in_doubt > 0 || lines.size() > 1;
  const std::string state = job->run->is_stopping() ? "stopped"
                            : has_failed            ? "failed"
                            : job->blocked > 0      ? "blocked"
                                                    : "succeeded";
  nlohmann::json json = {
      {"systems", by_system}, {"blocked", job->blocked}, {"waiting", job->waiting}, {"observing", job->observing}};
  runs_.End(job->run, state, absl::StrJoin(lines, "; "), std::move(json));
  context_.post([job] {  // Not from within a strand that one of them still uses.
    absl::MutexLock lock(&job->mutex);
    job->systems.clear();
  });
}

base::Executor* Enforcer::StrandOf(const std::string& system) {
  absl::MutexLock lock(&mutex_);
  std::unique_ptr<base::Executor>& strand = strands_[system];
  if (strand == nullptr) strand = std::make_unique<base::Executor>(system);
  return strand.get();
}

}  // namespace sluice::engine
