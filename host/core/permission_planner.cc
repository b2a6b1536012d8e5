// Resources that rules need, permissions by their label, and who gets and loses them.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/core/names.h"
#include "host/core/target_planner.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

std::string People(int64_t count) { return absl::StrCat(count, count == 1 ? " person" : " people"); }

// "class group:" of "class group:<key>": entitlements of one kind.
absl::string_view KindOf(absl::string_view entitlement) { return entitlement.substr(0, entitlement.find(':') + 1); }

}  // namespace

std::string LabelAttribute(const TargetSchema& schema, const std::string& object_class) {
  const auto found = schema.classes.find(object_class);
  if (found == schema.classes.end() || found->second.attributes.contains("name") ||
      found->second.label_attribute.empty()) {
    return "name";
  }
  return found->second.label_attribute;
}

void TargetPlanner::CollectNeeds(const Case& c) {
  for (const auto& [entitlement, intervals] : c.permission_intervals) {
    if (intervals->kind != EntitlementRef::Kind::kResource) continue;
    const SupportedInterval* today = OnDay(*intervals, input_.as_of);
    if (today == nullptr) continue;
    const Support& support = today->supports.front();
    const std::string& resource = input_.configuration->rules[support.rule].grants[support.grant].resource;
    const std::string key = entitlement.substr(resource.size() + 1);
    if (key.empty()) continue;
    Instance& instance = instances_[entitlement];
    instance.resource = resource;
    instance.key = key;
    instance.spec = &system_.resources.at(resource);
    instance.is_used = instance.is_supported = true;
    if (today->verdict != Verdict::kTrue || !c.has_account || c.is_frozen || !c.problem.empty()) continue;
    if (instance.needed_by++ == 0) {
      instance.first = &c;
      instance.interval = today;
    }
    instance.is_activated |= c.is_activated;
  }
  for (const auto& [entitlement, grant] : c.permissions) {
    const auto instance = instances_.find(entitlement);
    if (instance == instances_.end() || grant->state == GrantState::kAbsent) continue;
    const bool may_hold = c.MayHoldAny(instance->second.resource, input_.as_of);
    instance->second.is_activated |= c.is_activated;
    instance->second.is_used |= c.is_frozen || c.is_unseen || c.is_open || may_hold;
    instance->second.is_supported |= may_hold;
  }
}

void TargetPlanner::CollectInstances() {
  for (const ResourceInstance& held : input_.state->resources) {
    if (held.system != system_.name) continue;
    Instance instance;
    instance.resource = held.resource;
    instance.key = held.key;
    instance.label = held.label;
    instance.held = &held;
    const auto spec = system_.resources.find(held.resource);
    if (spec != system_.resources.end()) instance.spec = &spec->second;
    instances_[instance.entitlement()] = std::move(instance);
  }
  for (const Case& c : cases_) CollectNeeds(c);
  for (auto& [entitlement, instance] : instances_) {
    instance.is_open = input_.state->open_objects.contains(absl::StrCat(system_.name, "/", entitlement));
    if (instance.held != nullptr && instance.held->is_held) instance.object_id = instance.held->object_id;
  }
  FindGoneResources();
}

// Whether it has a name; one that is not there yet gets it, with its other fields, from who asks first.
bool TargetPlanner::NameInstance(Instance& instance) {
  if (instance.spec == nullptr) return false;
  if (!instance.object_id.empty()) return !instance.label.empty();
  if (instance.first == nullptr) return false;
  const Person& person = instance.first->person();
  const int index = instance.interval->supports.front().contract;
  const Contract* contract = index < 0 ? nullptr : &person.contracts[index];
  instance.label = Evaluator::ResourceLabel(*instance.spec, person, contract);
  if (instance.label.empty()) {
    instance.is_held_back = true;
    HoldBackResources({&instance},
                      absl::StrCat(NeederText(instance), " has no name: ", instance.spec->position.ToString(),
                                   " computes it from fields that are empty or not visible"));
    return false;
  }
  const std::string label_attribute = LabelAttribute(schema_, instance.spec->object_class);
  for (const FieldMapping& field : instance.spec->fields) {
    if (mapping_.IsMissing(instance.spec->object_class, field.field)) continue;
    const Value value = field.value.Evaluate([&](const std::string& path) { return FieldOf(person, contract, path); });
    if (value.has_value()) instance.fields[field.field == "name" ? label_attribute : field.field] = value;
  }
  return true;
}

void TargetPlanner::NameInstances() {
  std::map<std::pair<std::string, std::string>, std::vector<Instance*>> by_label;  // Class, folded label.
  for (auto& [entitlement, instance] : instances_) {
    if (!NameInstance(instance)) continue;
    by_label[{instance.spec->object_class, FoldCase(instance.label)}].push_back(&instance);
  }
  for (const auto& [label, instances] : by_label) {
    if (instances.size() > 1) SettleOneName(instances);
  }
}

// "class group h4.bio2 of person 104233": what asks for it, where its own name does not tell it from another.
std::string TargetPlanner::NeederText(const Instance& instance) const {
  const Person& person = instance.first->person();
  const int index = instance.interval->supports.front().contract;
  return absl::StrCat(index < 0 ? instance.resource : ContractText(person.contracts[index]), " of person ",
                      NumberOf(person.id));
}

// Several would have one name. What is held and serves nobody any more goes over to the one that is needed; otherwise
// who comes later waits, and what is held stays as it is.
void TargetPlanner::SettleOneName(const std::vector<Instance*>& instances) {
  std::vector<Instance*> held, wanted;
  for (Instance* instance : instances) (instance->object_id.empty() ? wanted : held).push_back(instance);
  if (wanted.empty()) return;
  if (held.size() == 1 && wanted.size() == 1 && !held[0]->is_supported) {
    wanted[0]->predecessor = held[0];
    held[0]->has_successor = true;
    wanted[0]->is_open |= held[0]->is_open;
    return;
  }
  const std::vector<const Instance*> held_back(wanted.begin(), wanted.end());
  std::vector<std::string> needers;
  int64_t waiting = 0;
  for (Instance* instance : wanted) {
    instance->is_held_back = true;
    if (held.size() == 1) instance->contested_object = held[0]->object_id;
    needers.push_back(NeederText(*instance));
    waiting += instance->needed_by;
  }
  const std::string name = absl::StrCat(wanted[0]->resource, " ", wanted[0]->label, ": ");
  const std::string remedy = absl::StrCat("give them different names at ", wanted[0]->spec->position.ToString());
  if (held.empty()) {
    return HoldBackResources(
        held_back, absl::StrCat(name, absl::StrJoin(needers, " and "), " would have this one name; ", remedy));
  }
  HoldBackResources(held_back,
                    absl::StrCat(name, "wanted for ", absl::StrJoin(needers, " and "), " (", People(waiting),
                                 "), but another of that name is ",
                                 held.size() > 1           ? "held twice"
                                 : held[0]->needed_by == 0 ? "held"
                                                           : absl::StrCat("needed by ", People(held[0]->needed_by)),
                                 "; wait until that has ended, or ", remedy));
}

std::string TargetPlanner::InstanceProblem(const Instance& instance, const std::string& own_object) const {
  const std::string& object_class = instance.spec->object_class;
  std::set<std::string> domains;
  for (const auto& [attribute, value] : instance.fields) {
    if (std::string problem = mapping_.CheckValue(object_class, attribute, value); !problem.empty()) return problem;
    const std::string domain = mapping_.DomainOf(object_class, attribute);
    if (!domain.empty() && attribute == LabelAttribute(schema_, object_class)) domains.insert(domain);
  }
  const auto info = schema_.classes.find(object_class);
  if (domains.empty() && info != schema_.classes.end()) {
    // Its name is not itself unique, but what the target makes of it is (a group's login name in Active Directory).
    for (const auto& [attribute, described] : info->second.attributes) {
      if (!described.unique_in.empty()) domains.insert(described.unique_in);
    }
  }
  const std::string holder = absl::StrCat("resource:", instance.entitlement());
  for (const std::string& domain : domains) {
    if (IsTaken(domain, instance.label, holder, own_object)) {
      return absl::StrCat("its name ", instance.label, " is taken by another object; rename that or change ",
                          instance.spec->position.ToString());
    }
  }
  return "";
}

PlannedOperation TargetPlanner::NewResourceOperation(OperationKind kind, const Instance& instance) const {
  PlannedOperation operation;
  operation.kind = kind;
  operation.system = system_.name;
  operation.entitlement = instance.entitlement();
  operation.generation = instance.held == nullptr ? 0 : instance.held->generation;
  operation.object_class = instance.spec == nullptr ? instance.held->object_class : instance.spec->object_class;
  operation.object_id = instance.object_id;
  operation.label = absl::StrCat(operation.object_class, " ", instance.label);
  return operation;
}

bool TargetPlanner::AdoptInstance(Instance& instance, const std::string& label_attribute) {
  const std::vector<const Record*> found = index_.Labelled(instance.spec->object_class, instance.label);
  if (found.empty()) return false;
  const std::string name = absl::StrCat(instance.resource, " ", instance.label, ": ");
  const auto hold_back = [&](const std::string& problem) {
    instance.is_held_back = true;
    HoldBackResources({&instance}, absl::StrCat(name, problem));
    return true;
  };
  if (found.size() > 1) return hold_back(absl::StrCat(found.size(), " objects of the target have this name"));
  const Record& object = *found[0];
  for (const auto& [entitlement, other] : instances_) {
    if (&other == &instance || other.object_id != object.id) continue;
    return hold_back(absl::StrCat("the object of this name is already used for ", other.resource, " ",
                                  other.label.empty() ? other.key : other.label));
  }
  if (std::string problem = InstanceProblem(instance, object.id); !problem.empty()) return hold_back(problem);
  PlannedOperation operation = NewResourceOperation(OperationKind::kAdopt, instance);
  operation.object_id = object.id;
  for (const auto& [attribute, value] : instance.fields) {
    const auto seen = object.attributes.find(attribute);
    if (seen != object.attributes.end()) operation.changes.push_back({attribute, Value(), seen->second});
  }
  if (operation.changes.empty()) operation.changes.push_back({label_attribute, Value(), Value::Text(instance.label)});
  operation.reason = reasons_.Given(instance.first->person(), *instance.interval, "correlation");
  operation.reason.summary = absl::StrCat("is there already; needed by ", People(instance.needed_by));
  instance.object_id = object.id;
  instance.create_id = Add(std::move(operation), instance.is_activated, false);
  return true;
}

// The object of one that nobody needs any more, without a write: next year's class group has last year's name.
void TargetPlanner::TakeOver(Instance& instance) {
  const ResourceInstance& before = *instance.predecessor->held;
  const Record* observed = index_.Find(before.object_class, before.object_id);
  PlannedOperation operation = NewResourceOperation(OperationKind::kAdopt, instance);
  operation.object_id = before.object_id;
  for (const auto& [attribute, value] : instance.fields) {
    const auto written = before.desired.find(attribute);
    if (written != before.desired.end()) {
      operation.changes.push_back({attribute, Value(), written->second});
    } else if (observed != nullptr && observed->attributes.contains(attribute)) {
      operation.changes.push_back({attribute, Value(), observed->attributes.at(attribute)});
    }
  }
  operation.reason = reasons_.Given(instance.first->person(), *instance.interval, "succession");
  operation.reason.summary = absl::StrCat("taken over from last year's ", operation.object_class,
                                          " of that name; needed by ", People(instance.needed_by));
  instance.object_id = before.object_id;
  instance.create_id = Add(std::move(operation), instance.is_activated, false);
}

void TargetPlanner::PlanInstance(Instance& instance) {
  if (!instance.object_id.empty()) return PlanUnused(instance);
  if (instance.is_held_back || instance.is_open || instance.first == nullptr) return;
  if (instance.predecessor != nullptr) return TakeOver(instance);
  if (AdoptInstance(instance, LabelAttribute(schema_, instance.spec->object_class))) return;
  if (std::string problem = InstanceProblem(instance, ""); !problem.empty()) {
    instance.is_held_back = true;
    return HoldBackResources({&instance}, absl::StrCat(instance.resource, " ", instance.label, ": ", problem));
  }
  PlannedOperation operation = NewResourceOperation(OperationKind::kCreateResource, instance);
  for (const auto& [attribute, value] : instance.fields) operation.changes.push_back({attribute, Value(), value});
  operation.reason = reasons_.Given(instance.first->person(), *instance.interval, "rules");
  operation.reason.summary = absl::StrCat("needed by ", People(instance.needed_by), ": ", operation.reason.summary);
  PlanGoneResource(instance, operation);
  const auto info = schema_.classes.find(instance.spec->object_class);
  if (info != schema_.classes.end()) {
    for (const auto& [attribute, described] : info->second.attributes) {
      if (described.unique_in.empty()) continue;
      reserved_[{described.unique_in, NormaliseName(instance.label)}] =
          absl::StrCat("resource:", instance.entitlement());
    }
  }
  instance.create_id = Add(std::move(operation), instance.is_activated, false);
}

void TargetPlanner::PlanUnused(Instance& instance) {
  if (instance.held == nullptr || !instance.held->is_held || instance.has_successor) return;
  const std::string name = absl::StrCat(system_.name, "/", instance.entitlement());
  if (instance.is_used) {
    if (instance.held->unused_since) plan_->reused_resources.push_back(name);
    return;
  }
  if (!instance.held->unused_since) {
    plan_->unused_resources.push_back(name);
    return;
  }
  // What was there before us is left, and so is what nobody said how long to keep.
  if (instance.held->is_correlated || instance.spec == nullptr || !instance.spec->keep_unused_days) return;
  if (*instance.held->unused_since + *instance.spec->keep_unused_days > input_.as_of || instance.is_open) return;
  std::set<std::string> ours;
  for (const Case& c : cases_) {
    if (c.account == nullptr) continue;
    const bool is_ours = std::any_of(c.permissions.begin(), c.permissions.end(), [&](const auto& held) {
      return held.first == instance.entitlement() || held.second->object_id == instance.object_id;
    });
    if (is_ours) ours.insert(c.account->object_id);
  }
  int64_t strangers = 0;
  for (const std::string& member : index_.Members(instance.held->object_class, instance.object_id)) {
    if (!ours.contains(member)) ++strangers;
  }
  if (strangers > 0) {
    return HoldBackResources({&instance}, absl::StrCat(instance.resource, " ", instance.label, " is not deleted: ",
                                                       strangers, strangers == 1 ? " member" : " members",
                                                       " came from somebody else; remove them or keep it"));
  }
  PlannedOperation operation = NewResourceOperation(OperationKind::kDeleteResource, instance);
  operation.reason.origin = "unused";
  operation.reason.summary =
      absl::StrCat("nobody needs it since ", DayText(*instance.held->unused_since, input_.as_of));
  const auto activation = input_.state->activations.find(system_.name);
  const bool is_activated =
      activation != input_.state->activations.end() && activation->second.state != Activation::State::kObserving;
  instance.create_id = Add(std::move(operation), is_activated, false);
}

void TargetPlanner::PlanResources() {
  CollectInstances();
  NameInstances();
  WarnOtherNames();
  for (auto& [entitlement, instance] : instances_) PlanInstance(instance);
}

void TargetPlanner::ResolvePermissions() {
  std::map<std::string, const EntitlementIntervals*> wanted;
  for (const Case& c : cases_) {
    if (!c.has_account || c.is_frozen) continue;
    for (const auto& [entitlement, intervals] : c.permission_intervals) {
      if (intervals->kind != EntitlementRef::Kind::kPermission) continue;
      if (c.PermissionVerdict(entitlement, input_.as_of) == Verdict::kTrue) wanted[entitlement] = intervals;
    }
  }
  for (const auto& [entitlement, intervals] : wanted) {
    const std::string name = absl::StrCat(system_.name, "/", entitlement);
    const auto known = input_.state->permissions.find(name);
    const std::string object_class = entitlement.substr(0, entitlement.size() - intervals->label.size() - 1);
    const bool is_gone =
        known != input_.state->permissions.end() && index_.Find(object_class, known->second) == nullptr;
    if (known != input_.state->permissions.end() && !is_gone) {
      permission_ids_[entitlement] = known->second;
      continue;
    }
    const std::vector<const Record*> found = index_.Labelled(object_class, intervals->label);
    if (found.size() == 1) {
      permission_ids_[entitlement] = found[0]->id;
      plan_->resolved_permissions[name] = found[0]->id;
      continue;
    }
    plan_->warnings.push_back(
        !found.empty()
            ? absl::StrCat(name, ": ", found.size(), " objects of the target have this name; nobody is given it")
        : is_gone ? absl::StrCat(name, ": the ", object_class,
                                 " that it was is not there any more, or may not be read; nobody is given it until it "
                                 "is, or another has this name")
                  : absl::StrCat(name, ": the target has no ", object_class, " of this name; nobody is given it"));
    plan_->hindered[name] = plan_->warnings.back();
  }
}

std::string TargetPlanner::PermissionLabel(const EntitlementIntervals& wanted) const {
  if (wanted.kind == EntitlementRef::Kind::kResource) {
    const Instance& instance = instances_.at(wanted.entitlement);
    return absl::StrCat(instance.spec->object_class, " ", instance.label);
  }
  const std::string object_class = wanted.entitlement.substr(0, wanted.entitlement.size() - wanted.label.size() - 1);
  return absl::StrCat(object_class, " ", wanted.label);
}

// The object that something wanted is, or will be, as far as it is known; empty: it is not.
std::string TargetPlanner::ObjectOf(const EntitlementIntervals& wanted) const {
  if (wanted.kind != EntitlementRef::Kind::kResource) {
    const auto found = permission_ids_.find(wanted.entitlement);
    return found == permission_ids_.end() ? "" : found->second;
  }
  const auto found = instances_.find(wanted.entitlement);
  if (found == instances_.end()) return "";
  const Instance& instance = found->second;
  if (!instance.object_id.empty()) return instance.object_id;
  return instance.predecessor != nullptr ? instance.predecessor->object_id : instance.contested_object;
}

// A grant of the same object that no rule gives any more: last year's class group, taken over by this year's.
const Grant* TargetPlanner::HeldThroughAnother(const Case& c, const std::string& entitlement,
                                               const std::string& object) const {
  if (object.empty()) return nullptr;
  for (const auto& [other, grant] : c.permissions) {
    if (other == entitlement || grant->state != GrantState::kHeld || grant->object_id != object) continue;
    if (KindOf(other) == KindOf(entitlement) && c.PermissionVerdict(other, input_.as_of) == Verdict::kFalse) {
      return grant;
    }
  }
  return nullptr;
}

// A revoke would take away what something else gives, or may give.
bool TargetPlanner::IsWantedThroughAnother(const Case& c, const Grant& grant) const {
  if (grant.object_id.empty()) return false;
  return std::any_of(c.permission_intervals.begin(), c.permission_intervals.end(), [&](const auto& wanted) {
    return wanted.first != grant.entitlement && OnDay(*wanted.second, input_.as_of) != nullptr &&
           ObjectOf(*wanted.second) == grant.object_id;
  });
}

void TargetPlanner::PlanGrant(Case& c, const EntitlementIntervals& wanted, const SupportedInterval& today) {
  const auto held = c.permissions.find(wanted.entitlement);
  const Grant* grant = held == c.permissions.end() ? nullptr : held->second;
  const bool is_held = grant != nullptr && grant->state != GrantState::kAbsent;
  if (is_held && grant->state != GrantState::kHeld) return;
  std::string permission_id, depends_on, object_class;
  bool waits = c.is_open;
  if (wanted.kind == EntitlementRef::Kind::kResource) {
    const auto found = instances_.find(wanted.entitlement);
    if (found == instances_.end() || found->second.is_held_back) return;
    const Instance& instance = found->second;
    permission_id = instance.object_id;
    depends_on = instance.create_id;
    waits |= instance.is_open;
    if (permission_id.empty() && depends_on.empty() && !waits) return;
    object_class = instance.spec->object_class;
  } else {
    const auto found = permission_ids_.find(wanted.entitlement);
    if (found == permission_ids_.end()) return;
    permission_id = found->second;
    object_class = wanted.entitlement.substr(0, wanted.entitlement.size() - wanted.label.size() - 1);
  }
  const Membership seen = is_held ? SeenMembership(c, *grant, object_class, permission_id) : Membership::kAsHeld;
  if (is_held && seen == Membership::kAsHeld) return;
  if (seen == Membership::kTakenAway) {
    c.drifted_permissions.insert(wanted.entitlement);
    if (system_.drift.removed == DriftSpec::Policy::kLeave) {
      left_removed_.push_back(c.person().id);
      return;
    }
  }
  const bool is_kept = !is_held && HeldThroughAnother(c, wanted.entitlement, permission_id) != nullptr;
  // Never touched by us and there already: taken over. Once we changed it, what was observed may be older than that.
  const bool is_changed = std::any_of(c.permissions.begin(), c.permissions.end(), [&](const auto& known) {
    return known.second->generation > 0 && (known.second == grant || (known.second->object_id == permission_id &&
                                                                      known.second->state == GrantState::kAbsent));
  });
  const bool is_there = is_kept || (!permission_id.empty() && !c.account_id.empty() && !is_changed &&
                                    index_.IsMember(object_class, permission_id, c.account_id));
  PlannedOperation operation =
      NewOperation(is_there ? OperationKind::kAdopt : OperationKind::kGrant, c, wanted.entitlement, grant);
  operation.object_class = object_class;
  operation.permission_id = permission_id;
  operation.label = PermissionLabel(wanted);
  if (!depends_on.empty()) operation.depends_on.push_back(depends_on);
  operation.reason = reasons_.Given(c.person(), today, is_kept ? "succession" : is_there ? "correlation" : "rules");
  if (is_kept) operation.reason.summary = absl::StrCat("keeps the membership; ", operation.reason.summary);
  if (seen == Membership::kTakenAway) ExplainDrift(operation.reason, *grant, "taken away by somebody else");
  if (seen == Membership::kLostWithItsObject) {
    // A group that somebody made under the name of the one that is gone may be for something else: that is asked.
    if (wanted.kind != EntitlementRef::Kind::kResource) operation.reason.origin = kDrift;
    operation.reason.summary =
        absl::StrCat("lost with the ", object_class, " that somebody deleted; ", operation.reason.summary);
  }
  Add(std::move(operation), c.is_activated, waits);
}

void TargetPlanner::PlanRevoke(Case& c, const Grant& grant) {
  PlannedOperation operation = NewOperation(OperationKind::kRevoke, c, grant.entitlement, &grant);
  operation.depends_on.clear();
  operation.object_id = c.account->object_id;
  operation.permission_id = grant.object_id;
  const auto instance = instances_.find(grant.entitlement);
  const size_t colon = grant.entitlement.find(':');
  operation.object_class = instance != instances_.end() && instance->second.held != nullptr
                               ? instance->second.held->object_class
                               : grant.entitlement.substr(0, colon);
  std::string label = grant.label;
  if (label.empty())
    label = instance != instances_.end() ? instance->second.label : grant.entitlement.substr(colon + 1);
  operation.label = absl::StartsWith(label, absl::StrCat(operation.object_class, " "))
                        ? label
                        : absl::StrCat(operation.object_class, " ", label);
  const auto intervals = c.permission_intervals.find(grant.entitlement);
  if (c.has_account) {
    operation.reason =
        reasons_.Ended(c.person(), intervals == c.permission_intervals.end() ? nullptr : intervals->second);
  } else {
    operation.reason = reasons_.Ended(c.person(), c.account_intervals);
  }
  Add(std::move(operation), c.is_activated, false);
}

void TargetPlanner::PlanPermissions(Case& c) {
  if (c.is_frozen || c.is_unseen || c.account_state() == GrantState::kUnmanaged) return;
  if (c.has_account && c.problem.empty() && (c.wants_account() || c.is_open)) {
    for (const auto& [entitlement, intervals] : c.permission_intervals) {
      const SupportedInterval* today = OnDay(*intervals, input_.as_of);
      if (today != nullptr && today->verdict == Verdict::kTrue) PlanGrant(c, *intervals, *today);
    }
  }
  if (c.is_open || c.account == nullptr || c.account->object_id.empty() || c.account_state() == GrantState::kAbsent) {
    return;
  }
  const bool loses_account = !c.may_want_account();
  for (const auto& [entitlement, grant] : c.permissions) {
    if (grant->state != GrantState::kHeld) continue;
    const Verdict verdict = c.PermissionVerdict(entitlement, input_.as_of);
    if (verdict == Verdict::kUnknown || (verdict == Verdict::kTrue && !loses_account)) continue;
    const auto instance = instances_.find(entitlement);
    if (instance != instances_.end() && c.MayHoldAny(instance->second.resource, input_.as_of)) continue;
    if (instance != instances_.end() && instance->second.is_open) continue;
    if (!loses_account && IsWantedThroughAnother(c, *grant)) continue;
    PlanRevoke(c, *grant);
  }
}

}  // namespace sluice::core
