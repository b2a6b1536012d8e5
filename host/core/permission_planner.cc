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

std::string LabelAttribute(const TargetSchema& schema, const std::string& object_class) {
  const auto found = schema.classes.find(object_class);
  if (found == schema.classes.end() || found->second.attributes.contains("name") ||
      found->second.label_attribute.empty()) {
    return "name";
  }
  return found->second.label_attribute;
}

std::string People(int64_t count) { return absl::StrCat(count, count == 1 ? " person" : " people"); }

}  // namespace

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
    instance.is_used = true;
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
    instance->second.is_activated |= c.is_activated;
    instance->second.is_used |= c.is_frozen || c.is_open || c.MayHoldAny(instance->second.resource, input_.as_of);
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
}

void TargetPlanner::NameInstances() {
  std::map<std::pair<std::string, std::string>, std::vector<Instance*>> by_label;  // Class, folded label.
  for (auto& [entitlement, instance] : instances_) {
    if (instance.spec == nullptr) continue;
    const bool is_there = !instance.object_id.empty();
    if (!is_there) {
      if (instance.first == nullptr) continue;
      const Person& person = instance.first->person();
      const int index = instance.interval->supports.front().contract;
      const Contract* contract = index < 0 ? nullptr : &person.contracts[index];
      instance.label = Evaluator::ResourceLabel(*instance.spec, person, contract);
      if (instance.label.empty()) {
        instance.is_held_back = true;
        HoldBackResource(absl::StrCat(entitlement, " has no name: ", instance.spec->position.ToString(),
                                      " computes it from fields that are empty or not visible"));
        continue;
      }
      const std::string label_attribute = LabelAttribute(schema_, instance.spec->object_class);
      for (const FieldMapping& field : instance.spec->fields) {
        const Value value =
            field.value.Evaluate([&](const std::string& path) { return FieldOf(person, contract, path); });
        if (value.has_value()) instance.fields[field.field == "name" ? label_attribute : field.field] = value;
      }
    }
    if (!instance.label.empty()) {
      by_label[{instance.spec->object_class, FoldCase(instance.label)}].push_back(&instance);
    }
  }
  for (const auto& [label, instances] : by_label) {
    if (instances.size() < 2) continue;
    std::vector<std::string> names;
    for (Instance* instance : instances) {
      names.push_back(instance->entitlement());
      if (instance->object_id.empty()) instance->is_held_back = true;
    }
    if (std::none_of(instances.begin(), instances.end(), [](const Instance* i) { return i->is_held_back; })) continue;
    HoldBackResource(absl::StrCat(absl::StrJoin(names, " and "), " would have one name, ", instances[0]->label,
                                  "; give them different names at ", instances[0]->spec->position.ToString()));
  }
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

bool TargetPlanner::AdoptInstance(Instance& instance, const std::string& label_attribute) {
  const std::vector<const Record*> found = index_.Labelled(instance.spec->object_class, instance.label);
  if (found.empty()) return false;
  if (found.size() > 1) {
    instance.is_held_back = true;
    HoldBackResource(absl::StrCat(instance.entitlement(), ": ", found.size(), " objects are called ", instance.label));
    return true;
  }
  const Record& object = *found[0];
  for (const auto& [entitlement, other] : instances_) {
    if (&other == &instance || other.object_id != object.id) continue;
    instance.is_held_back = true;
    HoldBackResource(absl::StrCat(instance.entitlement(), ": ", instance.label, " is already used for ", entitlement));
    return true;
  }
  if (std::string problem = InstanceProblem(instance, object.id); !problem.empty()) {
    instance.is_held_back = true;
    HoldBackResource(absl::StrCat(instance.entitlement(), ": ", problem));
    return true;
  }
  PlannedOperation operation;
  operation.kind = OperationKind::kAdopt;
  operation.object_id = object.id;
  for (const auto& [attribute, value] : instance.fields) {
    const auto seen = object.attributes.find(attribute);
    if (seen != object.attributes.end()) operation.changes.push_back({attribute, Value(), seen->second});
  }
  if (operation.changes.empty()) operation.changes.push_back({label_attribute, Value(), Value::Text(instance.label)});
  operation.system = system_.name;
  operation.entitlement = instance.entitlement();
  operation.generation = instance.held == nullptr ? 0 : instance.held->generation;
  operation.object_class = instance.spec->object_class;
  operation.label = absl::StrCat(instance.spec->object_class, " ", instance.label);
  operation.reason = reasons_.Given(instance.first->person(), *instance.interval, "correlation");
  operation.reason.summary = absl::StrCat("is there already; needed by ", People(instance.needed_by));
  instance.object_id = object.id;
  instance.create_id = Add(std::move(operation), instance.is_activated, false);
  return true;
}

void TargetPlanner::PlanInstance(Instance& instance) {
  if (!instance.object_id.empty()) return PlanUnused(instance);
  if (instance.is_held_back || instance.is_open || instance.first == nullptr) return;
  if (AdoptInstance(instance, LabelAttribute(schema_, instance.spec->object_class))) return;
  if (std::string problem = InstanceProblem(instance, ""); !problem.empty()) {
    instance.is_held_back = true;
    return HoldBackResource(absl::StrCat(instance.entitlement(), ": ", problem));
  }
  PlannedOperation operation;
  operation.kind = OperationKind::kCreateResource;
  operation.system = system_.name;
  operation.entitlement = instance.entitlement();
  operation.generation = instance.held == nullptr ? 0 : instance.held->generation;
  operation.object_class = instance.spec->object_class;
  operation.label = absl::StrCat(instance.spec->object_class, " ", instance.label);
  for (const auto& [attribute, value] : instance.fields) operation.changes.push_back({attribute, Value(), value});
  operation.reason = reasons_.Given(instance.first->person(), *instance.interval, "rules");
  operation.reason.summary = absl::StrCat("needed by ", People(instance.needed_by), ": ", operation.reason.summary);
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
  if (instance.held == nullptr || !instance.held->is_held) return;
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
    const auto grant = c.permissions.find(instance.entitlement());
    if (grant != c.permissions.end() && c.account != nullptr) ours.insert(c.account->object_id);
  }
  int64_t strangers = 0;
  for (const std::string& member : index_.Members(instance.held->object_class, instance.object_id)) {
    if (!ours.contains(member)) ++strangers;
  }
  if (strangers > 0) {
    return HoldBackResource(absl::StrCat(instance.entitlement(), " (", instance.label, ") is not deleted: ", strangers,
                                         strangers == 1 ? " member" : " members",
                                         " came from somebody else; remove them or keep it"));
  }
  PlannedOperation operation;
  operation.kind = OperationKind::kDeleteResource;
  operation.system = system_.name;
  operation.entitlement = instance.entitlement();
  operation.generation = instance.held->generation;
  operation.object_class = instance.held->object_class;
  operation.object_id = instance.object_id;
  operation.label = absl::StrCat(instance.held->object_class, " ", instance.label);
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
    if (known != input_.state->permissions.end()) {
      permission_ids_[entitlement] = known->second;
      continue;
    }
    const std::string object_class = entitlement.substr(0, entitlement.size() - intervals->label.size() - 1);
    const std::vector<const Record*> found = index_.Labelled(object_class, intervals->label);
    if (found.size() == 1) {
      permission_ids_[entitlement] = found[0]->id;
      plan_->resolved_permissions[name] = found[0]->id;
      continue;
    }
    plan_->warnings.push_back(
        found.empty()
            ? absl::StrCat(name, ": the target has no ", object_class, " of this name; nobody is given it")
            : absl::StrCat(name, ": ", found.size(), " objects of the target have this name; nobody is given it"));
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

void TargetPlanner::PlanGrant(Case& c, const EntitlementIntervals& wanted, const SupportedInterval& today) {
  const auto held = c.permissions.find(wanted.entitlement);
  const Grant* grant = held == c.permissions.end() ? nullptr : held->second;
  if (grant != nullptr && grant->state != GrantState::kAbsent) return;
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
  // Never touched by us and there already: taken over. Once we changed it, what was observed may be older than that.
  const bool is_there = !permission_id.empty() && !c.account_id.empty() &&
                        (grant == nullptr || grant->generation == 0) &&
                        index_.IsMember(object_class, permission_id, c.account_id);
  PlannedOperation operation =
      NewOperation(is_there ? OperationKind::kAdopt : OperationKind::kGrant, c, wanted.entitlement, grant);
  operation.object_class = object_class;
  operation.permission_id = permission_id;
  operation.label = PermissionLabel(wanted);
  if (!depends_on.empty()) operation.depends_on.push_back(depends_on);
  operation.reason = reasons_.Given(c.person(), today, is_there ? "correlation" : "rules");
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
  if (c.is_frozen || c.account_state() == GrantState::kUnmanaged) return;
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
    PlanRevoke(c, *grant);
  }
}

}  // namespace sluice::core
