// What the host can be asked for: every verb of the command line, behind one door. The management API translates to and
// from this.
//
// Thread-safe. Long work starts a run and returns its id; everything else answers from the store. Decisions are state:
// made by somebody with a name, with a reason, and audited.
#ifndef SLUICE_HOST_ENGINE_ENGINE_H_
#define SLUICE_HOST_ENGINE_ENGINE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "host/core/planner.h"
#include "host/engine/calendar.h"
#include "host/engine/context.h"
#include "host/engine/enforcer.h"
#include "host/engine/importer.h"
#include "host/engine/runs.h"
#include "host/engine/snapshots.h"
#include "host/engine/world.h"

namespace sluice::engine {

// Who asks, and why if it is a decision.
struct Actor {
  std::string name;  // "user:alice"
  std::string reason;
};

class Engine {
 public:
  explicit Engine(Context context);
  ~Engine();

  // Asks runs to stop, gives them `patience` to settle what is under way, and ends them: what has no outcome then stays
  // in the store and is verified at the next start. After this nothing uses the context's pool.
  void Stop(absl::Duration patience);

  const Context& context() const { return context_; }
  Runs& runs() { return runs_; }
  const Calendar& calendar() const { return calendar_; }
  const Snapshots& snapshots() const { return snapshots_; }

  // Starts a run that verifies what an earlier host left open; nothing to do: an empty id.
  absl::StatusOr<std::string> StartRecovery();

  absl::StatusOr<std::string> StartImport(const Actor& actor, std::vector<std::string> systems);
  // The plan as of now, kept by its hash; blocks are stored, approvals lapse.
  absl::StatusOr<core::Plan> MakePlan(const Actor& actor);
  // Carries out the plan as it is computed now, once what an earlier run left open is verified: one run. With `plan`, a
  // hash or its beginning: FAILED_PRECONDITION unless it is the same plan (the run fails when only verifying changed
  // it).
  absl::StatusOr<std::string> StartEnforcement(const Actor& actor, const std::string& plan);
  absl::Status StopRun(const Actor& actor, const std::string& run);

  absl::StatusOr<World> CurrentWorld() const;
  // A person by id, external id, or the beginning of its id. INVALID_ARGUMENT: several, each named.
  static absl::StatusOr<const core::Person*> FindPerson(const core::Snapshot& snapshot, const std::string& name);
  absl::StatusOr<core::Explanation> Why(const std::string& person, const std::string& entitlement) const;

  // Decisions. Each demands a reason.
  absl::StatusOr<store::BlockRecord> Decide(const Actor& actor, const std::string& block, bool is_approved);
  absl::Status Exclude(const Actor& actor, const std::string& person, std::optional<absl::CivilDay> until);
  absl::Status Include(const Actor& actor, const std::string& person);
  // `account_id` is the person's. One that the person held and that is not there any more is let go, with all that was
  // held through it; "new": no other takes its place but one that is found or made by the next plan.
  absl::Status Link(const Actor& actor, const std::string& system, const std::string& person,
                    const std::string& account_id);
  // `persons` and `when` empty: everybody.
  absl::Status Activate(const Actor& actor, const std::string& system, const std::vector<std::string>& persons,
                        const std::string& when);
  absl::Status Observe(const Actor& actor, const std::string& system);

  // First passwords, each once: person, system, attribute and the secret. Handing out is audited before the secret
  // leaves.
  struct Credential {
    std::string person_id, system, attribute, secret, login;
  };
  absl::StatusOr<std::vector<Credential>> HandOut(const Actor& actor, const std::string& person);

 private:
  absl::StatusOr<core::SystemSpec> FindTarget(const std::string& system) const;
  absl::Status WriteDecision(const Actor& actor, const std::string& action, const std::string& system,
                             const std::string& person_id, nlohmann::json facts, store::Commit commit);
  absl::StatusOr<Enforcer::Work> PlanNow(const std::string& plan, bool may_note_disuse) ABSL_LOCKS_EXCLUDED(planning_);
  absl::Status KeepPlan(const core::Plan& plan, const World& world, bool may_note_disuse)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(planning_);
  absl::StatusOr<store::BlockRecord> FindBlock(const std::string& id, bool is_approved) const;
  absl::Status AcceptImport(const Actor& actor, const store::BlockRecord& block);
  absl::Status LetGo(const World& world, const std::string& system, const std::string& person_id,
                     const std::string& account_id, store::Commit& commit);

  Context context_;
  // Held while a plan is computed and kept, and while a block is decided: what is stored was true of the same state.
  absl::Mutex planning_;
  absl::Mutex handing_out_;  // Each secret leaves once.
  Runs runs_;
  Calendar calendar_;
  Snapshots snapshots_;
  Importer importer_;
  Enforcer enforcer_;
};

}  // namespace sluice::engine

#endif  // SLUICE_HOST_ENGINE_ENGINE_H_
