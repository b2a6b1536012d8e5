// Carries out a plan: the ready operations of each target, target beside target, in one run.
#ifndef SLUICE_HOST_ENGINE_ENFORCER_H_
#define SLUICE_HOST_ENGINE_ENFORCER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/base/executor.h"
#include "host/engine/context.h"
#include "host/engine/runs.h"
#include "host/engine/system_enforcement.h"
#include "host/engine/world.h"

namespace sluice::engine {

class Enforcer {
 public:
  Enforcer(const Context& context, Runs& runs) : context_(context), runs_(runs) {}

  // `plan` was made from `world`. Returns the run's id.
  absl::StatusOr<std::string> Start(const std::string& actor, const World& world, const core::Plan& plan);
  // Verifies `open` operations; the run's id.
  absl::StatusOr<std::string> Recover(const std::string& actor, const World& world, std::vector<store::Operation> open);

 private:
  struct Job;
  std::shared_ptr<SystemEnforcement> Make(const std::shared_ptr<Job>& job, const std::string& system,
                                          std::vector<core::PlannedOperation> operations);
  absl::StatusOr<std::shared_ptr<Job>> Begin(const std::string& kind, const std::string& actor, const World& world,
                                             const std::string& plan, size_t systems);
  void OnDone(const std::shared_ptr<Job>& job, const std::string& system, const EnforcementCounts& counts);
  base::Executor* StrandOf(const std::string& system);

  const Context& context_;
  Runs& runs_;
  absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<base::Executor>> strands_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_ENFORCER_H_
