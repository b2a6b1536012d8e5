// Carries out a plan: what an earlier run left open is verified first, then the ready operations of each target, target
// beside target, in one run.
//
// Thread-safe. Nothing waits on a thread: each stage is started by the end of the one before it.
#ifndef SLUICE_HOST_ENGINE_ENFORCER_H_
#define SLUICE_HOST_ENGINE_ENFORCER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/engine/context.h"
#include "host/engine/runs.h"
#include "host/engine/strand.h"
#include "host/engine/system_enforcement.h"
#include "host/engine/world.h"

namespace sluice::engine {

class Enforcer {
 public:
  struct Work {
    World world;
    core::Plan plan;  // Made from `world`.
  };
  using LoadWork = std::function<absl::StatusOr<Work>()>;
  using Load = std::function<absl::StatusOr<World>()>;

  Enforcer(const Context& context, Runs& runs) : context_(context), runs_(runs) {}
  ~Enforcer() { Stop(); }

  // Each returns the run's id. ABORTED: a run of its kind is under way.
  absl::StatusOr<std::string> Start(const std::string& actor, Work work);
  // Verifies what is open and then carries out what `plan` gives, which is called on the pool.
  absl::StatusOr<std::string> StartAfterRecovery(const std::string& actor, Load load, LoadWork plan);
  // Only verifies.
  absl::StatusOr<std::string> Recover(const std::string& actor, World world, std::vector<store::Operation> open);
  bool is_recovering() const;

  // What was sent stays in the store; nothing runs any more when this returns. Not on a strand.
  void Stop();

 private:
  struct Job;

  absl::StatusOr<std::shared_ptr<Job>> Begin(const std::string& kind, const std::string& actor,
                                             const std::string& plan);
  void BeginRecovery(const std::shared_ptr<Job>& job);
  void Launch(const std::shared_ptr<Job>& job, std::vector<SystemEnforcement::Work> work);
  void LaunchOpen(const std::shared_ptr<Job>& job, std::vector<store::Operation> open);
  void LaunchPlan(const std::shared_ptr<Job>& job, Work work);
  void OnSystemDone(const std::shared_ptr<Job>& job, const std::string& system, const EnforcementCounts& counts);
  void OnStageDone(const std::shared_ptr<Job>& job);
  void Plan(const std::shared_ptr<Job>& job);
  void Fail(const std::shared_ptr<Job>& job, const absl::Status& status);
  void End(const std::shared_ptr<Job>& job);
  std::shared_ptr<Strand> StrandOf(const std::string& system);
  void Post(std::function<void()> task);

  const Context& context_;
  Runs& runs_;
  mutable absl::Mutex mutex_;
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Job> recovery_ ABSL_GUARDED_BY(mutex_);                      // Of a run that only verifies.
  std::vector<std::function<void()>> after_recovery_ ABSL_GUARDED_BY(mutex_);  // What waits for it.
  std::map<std::string, std::shared_ptr<Strand>> strands_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_ENFORCER_H_
