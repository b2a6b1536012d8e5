#include "host/engine/engine.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

absl::Status DemandReason(const Actor& actor) {
  if (!actor.reason.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("a decision needs a reason: add --reason \"...\"");
}

}  // namespace

Engine::Engine(Context context)
    : context_(std::move(context)),
      runs_(context_),
      calendar_(context_),
      snapshots_(context_),
      importer_(context_, runs_, calendar_, snapshots_),
      enforcer_(context_, runs_) {}

Engine::~Engine() { runs_.StopAll(); }

absl::StatusOr<World> Engine::CurrentWorld() const {
  ASSIGN_OR_RETURN(const absl::CivilDay today, calendar_.AcceptedToday());
  return LoadWorld(context_, today);
}

absl::StatusOr<std::string> Engine::StartRecovery() {
  ASSIGN_OR_RETURN(std::vector<store::Operation> open, context_.store->LoadOpenOperations());
  if (open.empty()) return std::string();
  ASSIGN_OR_RETURN(const absl::CivilDay today, calendar_.AcceptedToday());
  ASSIGN_OR_RETURN(const World world, LoadWorld(context_, today));
  return enforcer_.Recover("host", world, std::move(open));
}

absl::StatusOr<std::string> Engine::StartImport(const Actor& actor, std::vector<std::string> systems) {
  return importer_.Start(actor.name, std::move(systems));
}

absl::StatusOr<core::Plan> Engine::MakePlan(const Actor&) {
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  core::Plan plan = core::MakePlan(world.input());
  RETURN_IF_ERROR(KeepPlan(plan, world));
  return plan;
}

absl::Status Engine::KeepPlan(const core::Plan& plan, const World& world) {
  ASSIGN_OR_RETURN(const std::vector<store::BlockRecord> known, context_.store->LoadBlocks());
  std::map<std::string, const store::BlockRecord*> by_id;
  for (const store::BlockRecord& block : known) by_id[block.id] = &block;
  store::Commit commit;
  commit.plan = plan;
  commit.permissions = plan.resolved_permissions;
  NoteDisuse(plan, world, commit);
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
    if (current.contains(block.id) || spec == nullptr || spec->is_source) continue;
    block.state = "gone";
    commit.approvals_lapsed.push_back(block.id);
    commit.blocks.push_back(std::move(block));
  }
  return context_.store->Write(commit);
}

absl::StatusOr<std::string> Engine::StartEnforcement(const Actor& actor, const std::string& plan) {
  ASSIGN_OR_RETURN(const std::vector<store::Operation> open, context_.store->LoadOpenOperations());
  if (!open.empty() && runs_.FindActive("") == nullptr) {
    ASSIGN_OR_RETURN(const std::string recovery, StartRecovery());
    int64_t version = 0;
    for (;;) {
      ASSIGN_OR_RETURN(const Runs::View view, runs_.Watch(recovery, version, absl::Seconds(5)));
      if (view.run.ended) break;
    }
  }
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  const core::Plan current = core::MakePlan(world.input());
  RETURN_IF_ERROR(KeepPlan(current, world));
  if (!plan.empty() && !absl::StartsWith(current.hash, plan)) {
    return absl::FailedPreconditionError(absl::StrCat("plan ", plan, " is no longer what follows: it would be plan ",
                                                      current.hash.substr(0, 6), " now; look at it with: sluice plan"));
  }
  return enforcer_.Start(actor.name, world, current);
}

absl::Status Engine::StopRun(const Actor& actor, const std::string& run) {
  const std::shared_ptr<ActiveRun> active = runs_.FindActive(run);
  if (run.empty() || active == nullptr) return absl::NotFoundError(absl::StrCat("no run ", run, " is under way"));
  active->AskToStop();
  if (active->Get().kind == "import") {
    for (const auto& [system, spec] : context_.configuration()->systems) {
      if (Connector* connector = context_.connectors->Find(system)) connector->Cancel();
    }
  }
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

absl::Status Engine::WriteDecision(const Actor& actor, const std::string& action, const std::string& system,
                                   const std::string& person_id, nlohmann::json facts, store::Commit commit) {
  audit::Entry entry;
  entry.time = context_.clock->Now();
  entry.actor = actor.name;
  entry.action = action;
  entry.system = system;
  entry.person_id = person_id;
  entry.configuration = context_.configuration()->hash;
  entry.reason = actor.reason;
  entry.facts = std::move(facts);
  commit.audit.push_back(std::move(entry));
  return context_.store->Write(commit);
}

absl::StatusOr<store::BlockRecord> Engine::Decide(const Actor& actor, const std::string& block, bool is_approved) {
  RETURN_IF_ERROR(DemandReason(actor));
  ASSIGN_OR_RETURN(const std::vector<store::BlockRecord> blocks, context_.store->LoadBlocks());
  std::vector<store::BlockRecord> found;
  for (const store::BlockRecord& one : blocks) {
    if (absl::StartsWith(one.id, block) && one.state == "waiting") found.push_back(one);
  }
  if (found.empty())
    return absl::NotFoundError(absl::StrCat("no block ", block, " is waiting; see: sluice block list"));
  if (found.size() > 1) return absl::InvalidArgumentError(absl::StrCat("several blocks begin with ", block));
  store::BlockRecord decided = found.front();
  decided.state = is_approved ? "approved" : "rejected";
  decided.decided_by = actor.name;
  decided.reason = actor.reason;
  decided.decided = context_.clock->Now();
  store::Commit commit;
  if (is_approved) {
    core::Approval approval;
    approval.block_id = decided.id;
    approval.system = decided.system;
    approval.kind = decided.kind;
    approval.ids.insert(decided.ids.begin(), decided.ids.end());
    commit.approvals.push_back(std::move(approval));
    if (decided.system == kHostSystem && decided.kind == kClockKind) {
      absl::CivilDay date;
      if (!absl::ParseCivilTime(decided.detail, &date)) return absl::InternalError("a clock block without a date");
      commit.as_of = date;
      decided.state = "gone";
    }
  }
  commit.blocks.push_back(decided);
  RETURN_IF_ERROR(WriteDecision(actor, is_approved ? "block.approved" : "block.rejected", decided.system, "",
                                {{"block", decided.id}, {"kind", decided.kind}, {"count", decided.ids.size()}},
                                std::move(commit)));
  const core::SystemSpec* spec = context_.configuration()->FindSystem(decided.system);
  if (is_approved && spec != nullptr && spec->is_source) {
    ASSIGN_OR_RETURN(const absl::CivilDay today, calendar_.AcceptedToday());
    store::Commit activation;
    ASSIGN_OR_RETURN(const bool is_active, snapshots_.ActivateCandidate(decided.system, today, activation));
    if (is_active) {
      RETURN_IF_ERROR(
          WriteDecision(actor, "import.accepted", decided.system, "", {{"block", decided.id}}, std::move(activation)));
    }
  }
  return decided;
}

absl::Status Engine::Exclude(const Actor& actor, const std::string& person, std::optional<absl::CivilDay> until) {
  RETURN_IF_ERROR(DemandReason(actor));
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  store::Commit commit;
  commit.exclusions.push_back({found->id, until, actor.reason});
  return WriteDecision(actor, "person.excluded", "", found->id, {{"until", until ? absl::FormatCivilTime(*until) : ""}},
                       std::move(commit));
}

absl::Status Engine::Include(const Actor& actor, const std::string& person) {
  RETURN_IF_ERROR(DemandReason(actor));
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  store::Commit commit;
  commit.included.push_back(found->id);
  return WriteDecision(actor, "person.included", "", found->id, {}, std::move(commit));
}

absl::StatusOr<core::SystemSpec> Engine::FindTarget(const std::string& system) const {
  const core::SystemSpec* spec = context_.configuration()->FindSystem(system);
  if (spec == nullptr)
    return absl::NotFoundError(absl::StrCat("there is no system \"", system, "\"; see: sluice system list"));
  if (spec->is_source)
    return absl::InvalidArgumentError(absl::StrCat("\"", system, "\" is a source; only a target is activated"));
  return *spec;
}

absl::Status Engine::Link(const Actor& actor, const std::string& system, const std::string& person,
                          const std::string& account_id) {
  RETURN_IF_ERROR(DemandReason(actor));
  RETURN_IF_ERROR(FindTarget(system).status());
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  bool is_there = false;
  if (auto observed = world.state->observed.find(system); observed != world.state->observed.end()) {
    for (const core::Record& record : observed->second.records) is_there |= record.id == account_id;
  }
  if (!is_there) {
    return absl::NotFoundError(absl::StrCat("\"", system, "\" held no account ", account_id, " when it was last read"));
  }
  store::Commit commit;
  commit.links[{found->id, system}] = account_id;
  return WriteDecision(actor, "correlation.linked", system, found->id, {{"account", account_id}}, std::move(commit));
}

absl::Status Engine::Activate(const Actor& actor, const std::string& system, const std::vector<std::string>& persons,
                              const std::string& when) {
  RETURN_IF_ERROR(DemandReason(actor));
  RETURN_IF_ERROR(FindTarget(system).status());
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  std::vector<std::string> texts;
  nlohmann::json facts = {{"persons", nlohmann::json::array()}, {"when", when}};
  for (const std::string& person : persons) {
    ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
    texts.push_back(absl::StrCat("person:", found->id));
    facts["persons"].push_back(found->id);
  }
  if (!when.empty()) {
    RETURN_IF_ERROR(context_.parse_condition(when).status());
    texts.push_back(absl::StrCat("when:", when));
  }
  store::Commit commit;
  commit.activations[system] = {texts.empty() ? core::Activation::State::kActive : core::Activation::State::kPartly,
                                texts};
  return WriteDecision(actor, "system.activated", system, "", std::move(facts), std::move(commit));
}

absl::Status Engine::Observe(const Actor& actor, const std::string& system) {
  RETURN_IF_ERROR(DemandReason(actor));
  RETURN_IF_ERROR(FindTarget(system).status());
  store::Commit commit;
  commit.activations[system] = {core::Activation::State::kObserving, {}};
  return WriteDecision(actor, "system.observed_only", system, "", {}, std::move(commit));
}

absl::StatusOr<std::vector<Engine::Credential>> Engine::HandOut(const Actor& actor, const std::string& person) {
  ASSIGN_OR_RETURN(const World world, CurrentWorld());
  ASSIGN_OR_RETURN(const core::Person* found, FindPerson(*world.snapshot, person));
  ASSIGN_OR_RETURN(const std::vector<store::SealedSecret> secrets, context_.store->LoadSecrets(found->id));
  std::vector<Credential> credentials;
  store::Commit commit;
  nlohmann::json ids = nlohmann::json::array();
  for (store::SealedSecret secret : secrets) {
    if (!secret.is_confirmed || secret.handed_out) continue;
    Credential credential;
    credential.person_id = secret.person_id;
    credential.system = secret.system;
    credential.attribute = secret.attribute;
    ASSIGN_OR_RETURN(credential.secret, context_.vault->Open(secret.id, secret.sealed));
    for (const core::Grant& grant : world.state->grants) {
      if (grant.person_id != secret.person_id || grant.system != secret.system || grant.entitlement != "account")
        continue;
      if (auto login = grant.desired.find("sAMAccountName"); login != grant.desired.end())
        credential.login = login->second.ToText();
      if (credential.login.empty()) credential.login = grant.object_name;
    }
    credentials.push_back(std::move(credential));
    ids.push_back(secret.id);
    secret.handed_out = context_.clock->Now();
    secret.sealed.clear();
    commit.secrets.push_back(std::move(secret));
  }
  if (credentials.empty()) {
    return absl::NotFoundError(
        "no first password is waiting for this person: it was handed out already, or none was made");
  }
  RETURN_IF_ERROR(WriteDecision(actor, "credential.handed_out", "", found->id, {{"secrets", ids}}, std::move(commit)));
  return credentials;
}

}  // namespace sluice::engine
