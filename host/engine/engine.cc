#include "host/engine/engine.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/crash_point.h"
#include "host/base/log.h"
#include "host/base/status.h"

namespace sluice::engine {
namespace {

store::BlockRecord ToRecord(const core::Block& block, const store::BlockRecord* known, absl::Time now) {
  store::BlockRecord record;
  record.id = block.id;
  record.system = block.system;
  record.kind = block.kind;
  record.detail = block.detail;
  record.verdict = block.verdict;
  record.ids = block.ids;
  record.state = block.is_approved ? "approved" : "waiting";
  record.since = now;
  if (known != nullptr && block.is_approved) {
    record.decided_by = known->decided_by;
    record.reason = known->reason;
    record.decided = known->decided;
  }
  if (known != nullptr && known->state == record.state) record.since = known->since;
  if (known != nullptr && known->state == "rejected" && known->ids == block.ids) return *known;
  return record;
}

// An approval holds while something of its system is under way: that may turn out not to be done, and what hangs on it
// (the access of an account that is being made) is not planned meanwhile, though it is still wanted.
bool IsUnderWay(const store::BlockRecord& block, const World& world) {
  const auto& objects = world.state->open_objects;
  const std::string prefix = absl::StrCat(block.system, "/");
  const auto first = objects.lower_bound(prefix);
  return (first != objects.end() && absl::StartsWith(*first, prefix)) ||
         std::any_of(block.ids.begin(), block.ids.end(),
                     [&](const std::string& id) { return world.state->open_operations.contains(id); });
}

// Resources whose day of disuse begins or ends.
void NoteDisuse(const core::Plan& plan, const World& world, store::Commit& commit) {
  const std::set<std::string> unused(plan.unused_resources.begin(), plan.unused_resources.end());
  const std::set<std::string> reused(plan.reused_resources.begin(), plan.reused_resources.end());
  for (core::ResourceInstance resource : world.state->resources) {
    const std::string name = absl::StrCat(resource.system, "/", resource.resource, ":", resource.key);
    if (unused.contains(name)) {
      resource.unused_since = plan.as_of;
    } else if (reused.contains(name)) {
      resource.unused_since.reset();
    } else {
      continue;
    }
    commit.resources.push_back(std::move(resource));
  }
}

// Grants that the target begins, or ceases, to contradict.
void NoteDrift(const core::Plan& plan, const World& world, store::Commit& commit) {
  const std::set<std::string> drifted(plan.drifted.begin(), plan.drifted.end());
  const std::set<std::string> settled(plan.settled.begin(), plan.settled.end());
  if (drifted.empty() && settled.empty()) return;
  for (const core::Grant& held : world.state->grants) {
    const std::string name = absl::StrCat(held.system, "/", held.person_id, "/", held.entitlement);
    if (!drifted.contains(name) && !settled.contains(name)) continue;
    core::Grant grant = held;
    grant.drifted_since.reset();
    if (drifted.contains(name)) grant.drifted_since = world.state->observed.at(held.system).as_of;
    commit.grants.push_back(std::move(grant));
  }
}

Context WithCache(Context context) {
  context.worlds = std::make_shared<WorldCache>();
  return context;
}

}  // namespace

Engine::Engine(Context context)
    : context_(WithCache(std::move(context))),
      runs_(context_),
      calendar_(context_),
      snapshots_(context_),
      importer_(context_, runs_, calendar_, snapshots_),
      enforcer_(context_, runs_) {}

Engine::~Engine() { Stop(absl::ZeroDuration()); }

void Engine::Stop(absl::Duration patience) {
  runs_.StopAll();
  runs_.AwaitNone(patience);
  importer_.Stop();
  enforcer_.Stop();
}

absl::StatusOr<World> Engine::CurrentWorld() const {
  ASSIGN_OR_RETURN(const absl::CivilDay today, calendar_.AcceptedToday());
  return LoadWorld(context_, today);
}

absl::StatusOr<std::string> Engine::StartRecovery() {
  ASSIGN_OR_RETURN(std::vector<store::Operation> open, context_.store->LoadOpenOperations());
  if (open.empty()) return std::string();
  ASSIGN_OR_RETURN(World world, CurrentWorld());
  return enforcer_.Recover("host", std::move(world), std::move(open));
}

absl::StatusOr<std::string> Engine::StartImport(const Actor& actor, std::vector<std::string> systems) {
  return importer_.Start(actor.name, std::move(systems));
}

absl::StatusOr<core::Plan> Engine::MakePlan(const Actor&) {
  const bool is_enforcing = runs_.HasActive("enforce") || runs_.HasActive("verify");
  ASSIGN_OR_RETURN(Enforcer::Work work, PlanNow("", !is_enforcing));
  return std::move(work.plan);
}

absl::StatusOr<Enforcer::Work> Engine::PlanNow(const std::string& plan, bool may_note_disuse) {
  absl::MutexLock lock(&planning_);
  Enforcer::Work work;
  ASSIGN_OR_RETURN(work.world, CurrentWorld());
  work.plan = core::MakePlan(work.world.input());
  RETURN_IF_ERROR(KeepPlan(work.plan, work.world, may_note_disuse));
  if (!plan.empty() && !absl::StartsWith(work.plan.hash, plan)) {
    return absl::FailedPreconditionError(absl::StrCat("plan ", plan, " is no longer what follows: it would be plan ",
                                                      work.plan.hash.substr(0, 6),
                                                      " now; look at it with: sluice plan"));
  }
  return work;
}

absl::Status Engine::KeepPlan(const core::Plan& plan, const World& world, bool may_note_disuse) {
  ASSIGN_OR_RETURN(const std::vector<store::BlockRecord> known, context_.store->LoadBlocks());
  std::map<std::string, const store::BlockRecord*> by_id;
  for (const store::BlockRecord& block : known) by_id[block.id] = &block;
  store::Commit commit;
  commit.plan = plan;
  commit.permissions = plan.resolved_permissions;
  if (may_note_disuse) {
    NoteDisuse(plan, world, commit);
    NoteDrift(plan, world, commit);
  }
  std::set<std::string> current;
  for (const core::Block& block : plan.blocks) {
    current.insert(block.id);
    auto found = by_id.find(block.id);
    commit.blocks.push_back(ToRecord(block, found == by_id.end() ? nullptr : found->second, context_.clock->Now()));
    if (block.is_approved) continue;
    for (const core::Approval& approval : world.state->approvals) {
      if (approval.block_id == block.id) commit.approvals_lapsed.push_back(block.id);
    }
  }
  for (store::BlockRecord block : known) {
    const core::SystemSpec* spec = world.configuration->FindSystem(block.system);
    const bool is_of_a_target = spec == nullptr ? block.system != kHostSystem : !spec->is_source;
    if (current.contains(block.id) || !is_of_a_target || IsUnderWay(block, world)) continue;
    block.state = "gone";
    commit.approvals_lapsed.push_back(block.id);
    commit.blocks.push_back(std::move(block));
  }
  base::CrashPoints::Pass(base::CrashPoint::kPlanIsMade);
  RETURN_IF_ERROR(context_.store->Write(commit));
  base::CrashPoints::Pass(base::CrashPoint::kPlanIsStored);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Engine::StartEnforcement(const Actor& actor, const std::string& plan) {
  if (runs_.HasActive("enforce")) {  // Before anything is computed or stored.
    return absl::AbortedError("an enforcement is under way; see: sluice run list");
  }
  ASSIGN_OR_RETURN(const std::vector<store::Operation> open, context_.store->LoadOpenOperations());
  if (open.empty() && !enforcer_.is_recovering()) {
    ASSIGN_OR_RETURN(Enforcer::Work work, PlanNow(plan, /*may_note_disuse=*/true));
    return enforcer_.Start(actor.name, std::move(work));
  }
  if (!plan.empty()) RETURN_IF_ERROR(PlanNow(plan, /*may_note_disuse=*/false).status());
  return enforcer_.StartAfterRecovery(
      actor.name, [this] { return CurrentWorld(); }, [this, plan] { return PlanNow(plan, /*may_note_disuse=*/true); });
}

absl::Status Engine::StopRun(const Actor& actor, const std::string& run) {
  const std::shared_ptr<ActiveRun> active = runs_.FindActive(run);
  if (run.empty() || active == nullptr) return absl::NotFoundError(absl::StrCat("no run ", run, " is under way"));
  active->AskToStop();
  importer_.Cancel(active->id());
  return WriteDecision(actor, "run.stopped", "", "", {{"run", active->id()}}, {});
}

absl::StatusOr<const core::Person*> Engine::FindPerson(const core::Snapshot& snapshot, const std::string& name) {
  std::vector<const core::Person*> exact, beginning;
  for (const auto& person : snapshot.persons) {
    if (person->id == name || person->external_id == name) exact.push_back(person.get());
    if (name.size() >= 4 && absl::StartsWith(person->id, name)) beginning.push_back(person.get());
  }
  const std::vector<const core::Person*>& found = exact.empty() ? beginning : exact;
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return absl::NotFoundError(
        absl::StrCat("nobody has the number or id \"", name, "\"; search with: sluice person list --search"));
  }
  std::vector<std::string> ids;
  for (const core::Person* person : found) ids.push_back(person->id);
  return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is said of ", found.size(),
                                                 " persons: ", absl::StrJoin(ids, ", "), "; name one by its id"));
}

absl::StatusOr<core::Explanation> Engine::Why(const std::string& person, const std::string& entitlement) const {
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  return core::Explain(world.input(), found->id, entitlement);
}

}  // namespace sluice::engine
