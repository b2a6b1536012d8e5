#include "host/engine/outcome.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace sluice::engine {
namespace {

using core::OperationKind;

constexpr char kAccount[] = "account";
constexpr char kAccess[] = "access";

bool IsResource(OperationKind kind) {
  return kind == OperationKind::kCreateResource || kind == OperationKind::kDeleteResource;
}

// "group les-h4.bio2" -> "les-h4.bio2": the label without its class.
std::string LabelOf(const core::PlannedOperation& operation) {
  absl::string_view label = operation.label;
  if (!operation.object_class.empty()) absl::ConsumePrefix(&label, absl::StrCat(operation.object_class, " "));
  absl::ConsumePrefix(&label, "group ");
  return std::string(label);
}

std::pair<std::string, std::string> SplitEntitlement(const std::string& entitlement) {
  const size_t colon = entitlement.find(':');
  if (colon == std::string::npos) return {entitlement, ""};
  return {entitlement.substr(0, colon), entitlement.substr(colon + 1)};
}

// What was written, or found, as far as it is mapped.
void MergeDesired(const store::Operation& stored, core::Fields& desired) {
  for (const core::AttributeChange& change : stored.planned.changes) desired[change.attribute] = change.after;
  for (const auto& [attribute, name] : stored.names) desired[attribute] = core::Value::Text(name);
}

void TakeResult(const store::Operation& stored, const TargetResult& result, absl::CivilDay as_of, core::Grant& grant) {
  ++grant.generation;
  grant.last_operation = stored.planned.id;
  grant.since = as_of;
  grant.drifted_since.reset();
  if (!result.object_name.empty()) grant.object_name = result.object_name;
  if (!result.precondition.empty()) grant.precondition = result.precondition;
  if (!result.private_state.empty()) grant.private_state = result.private_state;
}

void SetAccess(const store::Operation& stored, const TargetResult& result, absl::CivilDay as_of, bool is_held,
               SystemState& state, store::Commit& commit) {
  core::Grant& access = state.GrantOf(stored.planned, kAccess, core::EntitlementKind::kAccess);
  const core::GrantState wanted = is_held ? core::GrantState::kHeld : core::GrantState::kAbsent;
  TakeResult(stored, result, as_of, access);
  access.state = wanted;
  access.label = kAccess;
  commit.grants.push_back(access);
}

void RecordAccount(const store::Operation& stored, const TargetResult& result, absl::CivilDay as_of, SystemState& state,
                   store::Commit& commit) {
  const core::PlannedOperation& planned = stored.planned;
  core::Grant& account = state.GrantOf(planned, kAccount, core::EntitlementKind::kAccount);
  TakeResult(stored, result, as_of, account);
  account.label = kAccount;
  if (!result.object_id.empty()) account.object_id = result.object_id;
  if (account.object_id.empty()) account.object_id = planned.object_id;
  switch (planned.kind) {
    case OperationKind::kRetire:
      account.state = core::GrantState::kRetired;
      account.retired_on = as_of;
      account.before_retirement.clear();
      for (const core::AttributeChange& change : planned.changes)
        account.before_retirement[change.attribute] = change.before;
      for (const Change& change : result.changes) {
        if (account.before_retirement.contains(change.attribute) && change.before.is_visible()) {
          account.before_retirement[change.attribute] = change.before;
        }
      }
      MergeDesired(stored, account.desired);
      break;
    case OperationKind::kDelete:
      account.state = core::GrantState::kAbsent;
      account.object_id.clear();
      account.object_name.clear();
      account.desired.clear();
      account.retired_on.reset();
      account.before_retirement.clear();
      break;
    default:
      account.state = core::GrantState::kHeld;
      account.retired_on.reset();
      account.before_retirement.clear();
      // What was ours already and is taken over as somebody left it is no less ours.
      if (planned.kind == OperationKind::kAdopt && planned.reason.origin != core::kDrift) account.is_correlated = true;
      if (planned.kind == OperationKind::kCreate && result.outcome == Outcome::kNoChange) {
        account.is_correlated = true;  // It was there already: the next plan compares all of it.
      } else {
        MergeDesired(stored, account.desired);
      }
  }
  commit.grants.push_back(account);
  const core::Grant* access = state.FindGrant(planned.person_id, kAccess);
  if (planned.kind == OperationKind::kRetire && access && access->state != core::GrantState::kAbsent) {
    SetAccess(stored, result, as_of, false, state, commit);
  }
}

void RecordPermission(const store::Operation& stored, const TargetResult& result, absl::CivilDay as_of,
                      SystemState& state, store::Commit& commit) {
  const core::PlannedOperation& planned = stored.planned;
  core::Grant& grant = state.GrantOf(planned, planned.entitlement, core::EntitlementKind::kPermission);
  TakeResult(stored, result, as_of, grant);
  grant.state = planned.kind == OperationKind::kRevoke ? core::GrantState::kAbsent : core::GrantState::kHeld;
  grant.is_correlated = planned.kind == OperationKind::kAdopt;
  grant.object_id = state.PermissionId(planned);
  grant.label = LabelOf(planned);
  if (planned.kind == OperationKind::kAdopt) {
    // A membership that was held through what had this object before is the same membership.
    for (core::Grant* before : state.OtherGrants(grant)) {
      ++before->generation;
      before->state = core::GrantState::kAbsent;
      before->since = as_of;
      before->last_operation = planned.id;
      grant.is_correlated = before->is_correlated;
      commit.grants.push_back(*before);
    }
  }
  commit.grants.push_back(grant);
}

std::string NameHolder(const core::ResourceInstance& resource) {
  return absl::StrCat("resource:", resource.resource, ":", resource.key);
}

// An object has one instance: who held it before holds it no more, and its names go along.
void TakeOver(core::ResourceInstance& resource, SystemState& state, store::Commit& commit) {
  for (core::ResourceInstance* before : state.OtherInstances(resource)) {
    resource.is_correlated = before->is_correlated;
    resource.desired = before->desired;
    ++before->generation;
    before->is_held = false;
    before->object_id.clear();
    before->unused_since.reset();
    before->desired.clear();
    commit.resources.push_back(*before);
    for (core::NameEntry& name : state.MoveNames(NameHolder(*before), NameHolder(resource))) {
      commit.names_released.push_back(name);
      name.holder = NameHolder(resource);
      commit.names_reserved.push_back(std::move(name));
    }
  }
}

void RecordResource(const store::Operation& stored, const TargetResult& result, SystemState& state,
                    store::Commit& commit) {
  core::ResourceInstance& resource = state.ResourceOf(stored.planned);
  ++resource.generation;
  resource.label = LabelOf(stored.planned);
  resource.object_class = stored.planned.object_class;
  resource.unused_since.reset();
  if (stored.planned.kind == OperationKind::kDeleteResource) {
    resource.is_held = false;
    resource.object_id.clear();
    resource.desired.clear();
  } else {
    resource.is_held = true;
    resource.is_correlated = stored.planned.kind == OperationKind::kAdopt || result.outcome == Outcome::kNoChange;
    resource.object_id = result.object_id.empty() ? stored.planned.object_id : result.object_id;
    if (stored.planned.kind == OperationKind::kAdopt) TakeOver(resource, state, commit);
    MergeDesired(stored, resource.desired);
  }
  commit.resources.push_back(resource);
}

}  // namespace

Action ActionOf(OperationKind kind) {
  switch (kind) {
    case OperationKind::kCreateResource:
    case OperationKind::kCreate:
      return Action::kCreate;
    case OperationKind::kUpdate:
    case OperationKind::kAdopt:
      return Action::kUpdate;
    case OperationKind::kEnable:
      return Action::kEnable;
    case OperationKind::kGrant:
      return Action::kGrant;
    case OperationKind::kRevoke:
      return Action::kRevoke;
    case OperationKind::kDisable:
    case OperationKind::kRetire:
      return Action::kDisable;
    case OperationKind::kDelete:
    case OperationKind::kDeleteResource:
      return Action::kDelete;
  }
  return Action::kUpdate;
}

absl::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kInDoubt:
      return "in_doubt";
    case Outcome::kApplied:
      return "applied";
    case Outcome::kNoChange:
      return "no_change";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kPartlyApplied:
      return "partly_applied";
    case Outcome::kPending:
      return "pending";
  }
  return "in_doubt";
}

SystemState::SystemState(const core::State& state, const std::string& system) : system_(system) {
  if (auto schema = state.schemas.find(system); schema != state.schemas.end()) schema_ = schema->second;
  for (const core::Grant& grant : state.grants) {
    if (grant.system == system) grants_[{grant.person_id, grant.entitlement}] = grant;
  }
  for (const core::ResourceInstance& resource : state.resources) {
    if (resource.system == system) resources_[absl::StrCat(resource.resource, ":", resource.key)] = resource;
  }
  for (const core::NameEntry& name : state.names) {
    if (name.system == system && absl::StartsWith(name.holder, "resource:")) names_.push_back(name);
  }
}

std::vector<core::Grant*> SystemState::OtherGrants(const core::Grant& grant) {
  std::vector<core::Grant*> others;
  const std::string kind = SplitEntitlement(grant.entitlement).first;
  for (auto at = grants_.lower_bound({grant.person_id, ""}); at != grants_.end(); ++at) {
    if (at->first.first != grant.person_id) break;
    core::Grant& other = at->second;
    if (other.entitlement != grant.entitlement && other.object_id == grant.object_id && !grant.object_id.empty() &&
        other.kind == core::EntitlementKind::kPermission && other.state == core::GrantState::kHeld &&
        SplitEntitlement(other.entitlement).first == kind) {
      others.push_back(&other);
    }
  }
  return others;
}

std::vector<core::ResourceInstance*> SystemState::OtherInstances(const core::ResourceInstance& instance) {
  std::vector<core::ResourceInstance*> others;
  for (auto& [entitlement, other] : resources_) {
    if (&other != &instance && other.is_held && !instance.object_id.empty() && other.object_id == instance.object_id) {
      others.push_back(&other);
    }
  }
  return others;
}

std::vector<core::NameEntry> SystemState::MoveNames(const std::string& from, const std::string& to) {
  std::vector<core::NameEntry> moved;
  for (core::NameEntry& name : names_) {
    if (name.holder != from) continue;
    moved.push_back(name);
    name.holder = to;
  }
  return moved;
}

core::Grant* SystemState::FindGrant(const std::string& person_id, const std::string& entitlement) {
  auto found = grants_.find({person_id, entitlement});
  return found == grants_.end() ? nullptr : &found->second;
}

core::Grant& SystemState::GrantOf(const core::PlannedOperation& operation, const std::string& entitlement,
                                  core::EntitlementKind kind) {
  core::Grant& grant = grants_[{operation.person_id, entitlement}];
  grant.person_id = operation.person_id;
  grant.system = system_;
  grant.entitlement = entitlement;
  grant.kind = kind;
  return grant;
}

std::string SystemState::OtherHolder(const std::string& account_id, const std::string& person_id) const {
  if (account_id.empty()) return "";
  for (const auto& [key, grant] : grants_) {
    if (grant.kind == core::EntitlementKind::kAccount && grant.state != core::GrantState::kAbsent &&
        grant.object_id == account_id && grant.person_id != person_id) {
      return grant.person_id;
    }
  }
  return "";
}

core::ResourceInstance* SystemState::FindResource(const std::string& entitlement) {
  auto found = resources_.find(entitlement);
  return found == resources_.end() ? nullptr : &found->second;
}

core::ResourceInstance& SystemState::ResourceOf(const core::PlannedOperation& operation) {
  core::ResourceInstance& resource = resources_[operation.entitlement];
  resource.system = system_;
  std::tie(resource.resource, resource.key) = SplitEntitlement(operation.entitlement);
  return resource;
}

std::string SystemState::AccountId(const core::PlannedOperation& operation) {
  if (IsResource(operation.kind) || operation.person_id.empty()) {
    const core::ResourceInstance* resource = FindResource(operation.entitlement);
    return resource && !resource->object_id.empty() ? resource->object_id : operation.object_id;
  }
  const core::Grant* account = FindGrant(operation.person_id, kAccount);
  return account && !account->object_id.empty() ? account->object_id : operation.object_id;
}

std::string SystemState::PermissionId(const core::PlannedOperation& operation) {
  if (!operation.permission_id.empty()) return operation.permission_id;
  if (const core::ResourceInstance* resource = FindResource(operation.entitlement)) return resource->object_id;
  const core::Grant* grant = FindGrant(operation.person_id, operation.entitlement);
  return grant ? grant->object_id : "";
}

absl::StatusOr<TargetOperation> ToTargetOperation(const store::Operation& stored, SystemState& state,
                                                  const std::map<std::string, std::string>& secrets) {
  const core::PlannedOperation& planned = stored.planned;
  TargetOperation operation;
  operation.id = planned.id;
  operation.attempt = static_cast<uint32_t>(stored.attempt);
  operation.action = ActionOf(planned.kind);
  operation.object_class = planned.object_class;
  if (operation.action != Action::kCreate) {
    operation.object_id = state.AccountId(planned);
    if (operation.object_id.empty()) {
      return absl::FailedPreconditionError("the account, or the object, that it changes is not there");
    }
    if (const core::Grant* account = state.FindGrant(planned.person_id, kAccount)) {
      operation.object_name = account->object_name;
      operation.precondition = account->precondition;
      operation.private_state = account->private_state;
    }
  }
  if (operation.action == Action::kGrant || operation.action == Action::kRevoke) {
    operation.object_class = state.account_class();
    operation.permission_id = state.PermissionId(planned);
    if (operation.permission_id.empty()) return absl::FailedPreconditionError("the permission's object is not there");
    const auto& relations = state.schema().relations;
    auto relation = relations.find(planned.object_class);
    if (relation == relations.end() && relations.size() == 1) relation = relations.begin();
    if (relation == relations.end())
      return absl::FailedPreconditionError("the target has no relation that can be granted");
    operation.relation_class = relation->second.relation_class;
    return operation;
  }
  for (const core::AttributeChange& change : planned.changes) {
    if (!change.after.is_visible()) continue;
    if (operation.action == Action::kCreate && change.after.is_empty()) continue;
    Delta delta;
    delta.attribute = change.attribute;
    delta.change = change.after.is_empty() ? Delta::Change::kClear : Delta::Change::kReplace;
    delta.value = change.after;
    operation.deltas.push_back(std::move(delta));
  }
  for (const auto& [attribute, name] : stored.names) {
    operation.deltas.push_back({attribute, Delta::Change::kReplace, core::Value::Text(name), false});
  }
  for (const auto& [attribute, secret] : secrets) {
    operation.deltas.push_back({attribute, Delta::Change::kReplace, core::Value::Text(secret), true});
  }
  for (const auto& [attribute, value] : planned.correlate) operation.correlate.push_back({attribute, value});
  return operation;
}

void RecordSuccess(const store::Operation& stored, const TargetResult& result, absl::CivilDay as_of, SystemState& state,
                   store::Commit& commit) {
  const core::PlannedOperation& planned = stored.planned;
  if (planned.person_id.empty()) {
    RecordResource(stored, result, state, commit);
  } else if (planned.kind == OperationKind::kGrant || planned.kind == OperationKind::kRevoke) {
    RecordPermission(stored, result, as_of, state, commit);
  } else if (planned.entitlement == kAccess) {
    SetAccess(stored, result, as_of, planned.kind != OperationKind::kDisable, state, commit);
  } else if (planned.entitlement == kAccount) {
    RecordAccount(stored, result, as_of, state, commit);
  } else {
    RecordPermission(stored, result, as_of, state, commit);  // An adopted permission.
  }
}

audit::Entry AuditOutcome(const store::Operation& stored, const TargetResult& result, absl::string_view outcome) {
  const core::PlannedOperation& planned = stored.planned;
  audit::Entry entry;
  entry.action = absl::StrCat("operation.", core::OperationKindName(planned.kind));
  entry.run_id = stored.run_id;
  entry.system = planned.system;
  entry.person_id = planned.person_id;
  entry.entitlement = planned.entitlement;
  entry.operation_id = planned.id;
  entry.plan = stored.plan;
  entry.outcome = std::string(outcome);
  entry.detail = std::string(ReasonName(result.failure.reason));
  if (result.failure.reason == Reason::kUnspecified) entry.detail.clear();
  if (!result.failure.target_status.empty()) absl::StrAppend(&entry.detail, " (", result.failure.target_status, ")");
  entry.facts = {{"attempt", stored.attempt}};
  if (!result.object_id.empty()) entry.facts["object_id"] = result.object_id;
  if (!planned.permission_id.empty()) entry.facts["permission_id"] = planned.permission_id;
  nlohmann::json rules = nlohmann::json::array();
  for (const core::SupportReason& support : planned.reason.supports) {
    rules.push_back({{"rule", support.rule}, {"at", support.position.ToString()}, {"contract", support.contract_id}});
  }
  entry.facts["origin"] = planned.reason.origin;
  entry.facts["rules"] = std::move(rules);
  if (!result.changes.empty()) {
    for (const Change& change : result.changes) {
      const std::vector<std::string>& secrets = planned.secrets;
      if (std::find(secrets.begin(), secrets.end(), change.attribute) != secrets.end()) continue;
      entry.changes.push_back({planned.person_id, change.attribute, change.before, change.after});
    }
  } else if (outcome == "applied") {
    for (const core::AttributeChange& change : planned.changes) {
      entry.changes.push_back({planned.person_id, change.attribute, change.before, change.after});
    }
    for (const auto& [attribute, name] : stored.names) {
      entry.changes.push_back({planned.person_id, attribute, core::Value::NotVisible(), core::Value::Text(name)});
    }
  }
  return entry;
}

}  // namespace sluice::engine
