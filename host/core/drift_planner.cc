// What somebody changed in the target by hand: what is no longer as it was written, what is not there any more, and
// places that are gone.
//
// The target is believed only where it was read after the last operation on a grant. A difference becomes an operation
// of its own, with the origin "drift": it waits for a decision, or is done, or only told, as the configuration says
// (thresholds.h holds it back). What cannot be seen is never taken for gone: it may be the right to look that is gone.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "host/core/target_planner.h"

namespace sluice::core {
namespace {

constexpr char kPlace[] = "parent";
constexpr size_t kShownPersons = 5;

const Value* Find(const Fields& fields, const std::string& attribute) {
  const auto found = fields.find(attribute);
  return found == fields.end() || !found->second.is_visible() ? nullptr : &found->second;
}

// "OU=b" of "OU=a,OU=b"; a comma that is part of a name has a backslash before it.
std::string Above(const std::string& place) {
  for (size_t i = 0; i < place.size(); ++i) {
    if (place[i] == '\\') {
      ++i;
    } else if (place[i] == ',') {
      return place.substr(i + 1);
    }
  }
  return "";
}

std::string PlaceIn(const Fields& fields) {
  const Value* place = Find(fields, kPlace);
  return place == nullptr || !place->has_value() ? "" : PlaceKey(place->ToText());
}

}  // namespace

bool TargetPlanner::IsReadSince(const Grant& grant) const { return grant.since < observed_.as_of; }

// Fills what is known of places, and which held accounts are not there.
void TargetPlanner::LookAtTarget() {
  for (const Record& record : observed_.records) {
    const std::string place = PlaceIn(record.attributes);
    if (!place.empty()) ++inhabited_[place];
    // A container: neither an account nor something that can be granted, and it has a place itself.
    const bool is_container = record.object_class != system_.account_class && record.attributes.contains(kPlace) &&
                              !schema_.relations.contains(record.object_class);
    if (!is_container) continue;
    const std::string name = PlaceKey(record.name);
    containers_.insert(absl::StrCat(name.substr(0, name.size() - Above(name).size()), place));
  }
  std::set<std::string> ends;  // "ou=a," of a container directly below the base has a comma too many.
  for (const std::string& container : containers_) ends.insert(std::string(absl::StripSuffix(container, ",")));
  containers_ = std::move(ends);
  for (Case& c : cases_) {
    const GrantState state = c.account_state();
    if ((state != GrantState::kHeld && state != GrantState::kRetired) || c.is_open || !IsReadSince(*c.account))
      continue;
    c.seen = index_.Find(system_.account_class, c.account->object_id);
    const std::string place = PlaceIn(c.account->desired);
    for (std::string at = place; !at.empty(); at = Above(at)) known_places_.insert(at);
    if (c.seen == nullptr) {
      c.is_missing = true;
      ++missing_from_[place];
    } else if (const std::string now = PlaceIn(c.seen->attributes); !place.empty() && now != place) {
      ++moved_[place][now];
    }
  }
  for (Case& c : cases_) {
    if (c.is_missing) c.is_unseen = !CanBeSeen(PlaceIn(c.account->desired));
  }
}

// One can look there: something else is seen in it, or it is there and only one account is missing from it.
bool TargetPlanner::CanBeSeen(const std::string& place) const {
  if (containers_.empty()) return true;  // The target has none: nobody can be hidden in one.
  if (place.empty()) return false;
  if (inhabited_.contains(place)) return true;
  const auto missing = missing_from_.find(place);
  return containers_.contains(place) && (missing == missing_from_.end() || missing->second < 2);
}

// The part of a place in which accounts stood and that is not there any more; empty: it can be used.
std::string TargetPlanner::GonePart(const Value& wanted) const {
  if (containers_.empty() || !wanted.has_value()) return "";
  std::string gone;
  for (std::string at = PlaceKey(wanted.ToText()); !at.empty(); at = Above(at)) {
    if (known_places_.contains(at) && !containers_.contains(at) && !inhabited_.contains(at)) gone = at;
  }
  return gone;
}

void TargetPlanner::ExplainDrift(Reason& reason, const Grant& grant, absl::string_view what) const {
  reason.origin = kDrift;
  reason.summary =
      absl::StrCat(what, ", seen since ", DayText(grant.drifted_since.value_or(observed_.as_of), input_.as_of),
                   reason.summary.empty() ? "" : "; ", reason.summary);
}

// Mapped attributes that are otherwise than they were written, though what is wanted is what was written.
void TargetPlanner::PlanChangedByHand(Case& c, const std::vector<AttributeChange>& planned) {
  if (c.seen == nullptr) return;
  std::vector<AttributeChange> changes;
  for (const auto& [attribute, value] : c.values.always) {
    const Value* written = Find(c.account->desired, attribute);
    const Value* now = Find(c.seen->attributes, attribute);
    const TargetAttribute* info = mapping_.Attribute(system_.account_class, attribute);
    if (written == nullptr || now == nullptr || (info != nullptr && !info->updatable)) continue;
    const auto is_same = [&](const Value& other) {
      return value.is_empty() ? !other.has_value() : mapping_.IsSame(system_.account_class, attribute, other, value);
    };
    if (!is_same(*written) || is_same(*now)) continue;
    if (std::any_of(planned.begin(), planned.end(), [&](const auto& other) { return other.attribute == attribute; }))
      continue;
    if (!NameProblem(c, attribute, value).empty()) continue;
    // A key that another account has by now is not written to this one.
    const bool is_key = std::any_of(system_.correlate.begin(), system_.correlate.end(),
                                    [&](const FieldMapping& field) { return field.field == attribute; });
    const std::vector<const Record*>& with_key = index_.Matching(c.key);
    if (is_key && std::any_of(with_key.begin(), with_key.end(),
                              [&](const Record* other) { return other->id != c.account->object_id; }))
      continue;
    changes.push_back({attribute, *now, value});
  }
  if (changes.empty()) return;
  c.has_drifted_account = true;
  if (system_.drift.changed == DriftSpec::Policy::kLeave) {
    left_changed_.push_back(c.person().id);
    return;
  }
  const bool is_moved = changes.size() == 1 && changes[0].attribute == kPlace;
  const std::string gone = is_moved ? GonePart(changes[0].after) : "";
  PlanUpdate(c, std::move(changes), "", is_moved ? "moved by somebody else" : "changed by somebody else");
  if (!gone.empty() && !plan_->operations.empty() && plan_->operations.back().reason.origin == kDrift)
    absl::StrAppend(&plan_->operations.back().reason.summary, "; ", gone, " is not there any more");
}

// Whether the account was disabled by somebody else though it is held; then that is all that is planned for it.
bool TargetPlanner::PlanDisabledByHand(Case& c) {
  if (c.seen == nullptr || !IsReadSince(*c.access)) return false;
  const Value* enabled = Find(c.seen->attributes, std::string(kEnabledAttribute));
  if (enabled == nullptr || *enabled != Value::Flag(false)) return false;
  c.has_drifted_access = true;
  if (system_.drift.disabled == DriftSpec::Policy::kLeave) {
    left_disabled_.push_back(c.person().id);
    return true;
  }
  PlannedOperation operation = NewOperation(OperationKind::kEnable, c, "access", c.access);
  operation.reason = reasons_.Given(c.person(), *c.access_today, kDrift);
  ExplainDrift(operation.reason, *c.access, "disabled by somebody else");
  Add(std::move(operation), c.is_activated, false);
  return true;
}

// An account that nobody may use, as far as we know, and that somebody else enabled.
void TargetPlanner::PlanEnabledByHand(Case& c) {
  if (c.seen == nullptr || c.access_today != nullptr) return;
  const bool is_never_ours = c.access == nullptr || c.access->generation == 0;
  if (c.account_state() == GrantState::kHeld && c.account->is_correlated && is_never_ours) return;  // As it was found.
  if (c.access != nullptr && (c.access->state != GrantState::kAbsent || !IsReadSince(*c.access))) return;
  const Value* enabled = Find(c.seen->attributes, std::string(kEnabledAttribute));
  if (enabled == nullptr || *enabled != Value::Flag(true)) return;
  c.has_drifted_account = true;
  if (system_.drift.enabled == DriftSpec::Policy::kLeave) {
    left_enabled_.push_back(c.person().id);
    return;
  }
  PlannedOperation operation = NewOperation(OperationKind::kDisable, c, "access", c.access);
  operation.reason = reasons_.Ended(c.person(), c.access_intervals);
  ExplainDrift(operation.reason, *c.account, "enabled by somebody else");
  Add(std::move(operation), c.is_activated, false);
}

// Accounts of ours that somebody put where they are wanted now: taken over without a write.
bool TargetPlanner::TakeOverAsFound(Case& c, std::vector<AttributeChange>& changes) {
  if (c.seen == nullptr || changes.empty()) return false;
  const bool is_so = std::all_of(changes.begin(), changes.end(), [&](const AttributeChange& change) {
    const Value* now = Find(c.seen->attributes, change.attribute);
    if (now == nullptr) return false;
    return change.after.is_empty() ? !now->has_value()
                                   : mapping_.IsSame(system_.account_class, change.attribute, *now, change.after);
  });
  if (!is_so) return false;
  PlannedOperation operation = NewOperation(OperationKind::kAdopt, c, "account", c.account);
  operation.reason = reasons_.Given(c.person(), *c.account_today, kDrift);
  operation.reason.summary = "is as wanted already, by somebody else";
  operation.changes = std::move(changes);
  c.root = Add(std::move(operation), c.is_activated, false);
  return true;
}

// Resources whose object somebody deleted: one was there when it was granted, and can be seen no more where it stood.
void TargetPlanner::FindGoneResources() {
  std::set<std::string> was_read;  // Objects that held memberships are of, and that would have been seen since.
  for (const Case& c : cases_) {
    for (const auto& [entitlement, grant] : c.permissions) {
      if (grant->state == GrantState::kHeld && IsReadSince(*grant)) was_read.insert(grant->object_id);
    }
  }
  std::vector<Instance*> gone;
  for (auto& [entitlement, instance] : instances_) {
    if (instance.held == nullptr || !instance.held->is_held || instance.is_open || instance.first == nullptr) continue;
    if (!was_read.contains(instance.object_id)) continue;
    if (index_.Find(instance.held->object_class, instance.object_id) != nullptr) continue;
    gone.push_back(&instance);
    ++missing_from_[PlaceIn(instance.held->desired)];
  }
  for (Instance* instance : gone) {
    if (!CanBeSeen(PlaceIn(instance->held->desired))) continue;
    instance->gone_object = std::exchange(instance->object_id, "");
    if (system_.drift.removed != DriftSpec::Policy::kLeave) continue;
    instance->is_held_back = true;
    plan_->warnings.push_back(absl::StrCat(system_.name, ": ", instance->held->object_class, " ", instance->label,
                                           " was deleted in the target by somebody else; it stays so"));
  }
}

void TargetPlanner::PlanGoneResource(Instance& instance, PlannedOperation& operation) {
  if (instance.gone_object.empty()) return;
  operation.reason.origin = kDrift;
  operation.reason.summary = absl::StrCat("deleted in the target by somebody else; ", operation.reason.summary);
}

// What the target shows of a membership that is held.
TargetPlanner::Membership TargetPlanner::SeenMembership(const Case& c, const Grant& grant,
                                                        const std::string& object_class,
                                                        const std::string& permission_id) const {
  if (grant.state != GrantState::kHeld || c.is_open || c.seen == nullptr || !IsReadSince(grant))
    return Membership::kAsHeld;
  if (index_.Find(object_class, grant.object_id) == nullptr) {
    return grant.object_id == permission_id ? Membership::kAsHeld : Membership::kLostWithItsObject;
  }
  if (grant.object_id != permission_id || index_.IsMember(object_class, grant.object_id, c.account_id))
    return Membership::kAsHeld;
  return Membership::kTakenAway;
}

// What is there keeps its name and its place: said once for each kind of resource whose templates give others now.
void TargetPlanner::WarnOtherNames() {
  std::map<std::string, std::vector<const Instance*>> others;
  for (const auto& [entitlement, instance] : instances_) {
    if (instance.spec == nullptr || instance.object_id.empty() || instance.held == nullptr || instance.first == nullptr)
      continue;
    const Person& person = instance.first->person();
    const int index = instance.interval->supports.front().contract;
    const Contract* contract = index < 0 ? nullptr : &person.contracts[index];
    const std::string label_attribute = LabelAttribute(schema_, instance.spec->object_class);
    for (const FieldMapping& field : instance.spec->fields) {
      const std::string attribute = field.field == "name" ? label_attribute : field.field;
      const auto written = instance.held->desired.find(attribute);
      const Value value =
          field.value.Evaluate([&](const std::string& path) { return FieldOf(person, contract, path); });
      if (written == instance.held->desired.end() || !written->second.has_value() || !value.has_value()) continue;
      if (mapping_.IsSame(instance.spec->object_class, attribute, written->second, value)) continue;
      others[instance.resource].push_back(&instance);
      break;
    }
  }
  for (const auto& [resource, instances] : others) {
    plan_->warnings.push_back(absl::StrCat(
        system_.name, ": ", instances.size(), " of ", resource, " would be called, placed or described otherwise by ",
        instances[0]->spec->position.ToString(), ", as ", instances[0]->label,
        "; what is there is not changed: rename or move it in the target, where it is known by its id"));
  }
}

void TargetPlanner::NoteDrift() {
  for (const Case& c : cases_) {
    const auto note = [&](const Grant* grant, bool has_drifted) {
      if (grant == nullptr || grant->drifted_since.has_value() == has_drifted) return;
      if (!has_drifted && (c.is_open || c.is_frozen)) return;
      (has_drifted ? plan_->drifted : plan_->settled)
          .push_back(absl::StrCat(system_.name, "/", c.person().id, "/", grant->entitlement));
    };
    note(c.account, c.has_drifted_account || c.is_missing);
    note(c.access, c.has_drifted_access);
    for (const auto& [entitlement, grant] : c.permissions) note(grant, c.drifted_permissions.contains(entitlement));
  }
}

void TargetPlanner::WarnDrift() {
  const auto warn = [&](const std::vector<std::string>& persons, const std::string& what) {
    if (persons.empty()) return;
    std::vector<std::string> shown;
    for (size_t i = 0; i < std::min(persons.size(), kShownPersons); ++i) shown.push_back(NumberOf(persons[i]));
    plan_->warnings.push_back(absl::StrCat(system_.name, ": ", what, " (", persons.size(),
                                           persons.size() == 1 ? " person: " : " people: ", absl::StrJoin(shown, ", "),
                                           persons.size() > kShownPersons ? ", ...)" : ")"));
  };
  std::vector<std::string> missing;
  std::map<std::string, std::vector<std::string>> unseen;  // By place.
  for (const Case& c : cases_) {
    if (c.is_unseen) {
      unseen[PlaceIn(c.account->desired)].push_back(c.person().id);
    } else if (c.is_missing) {
      missing.push_back(c.person().id);
    }
  }
  warn(missing,
       absl::StrCat("an account that is held was not there when the target was last read; nothing is made in its "
                    "place until somebody says which account is the person's, or \"new\": sluice correlation "
                    "link ",
                    system_.name, " PERSON ACCOUNT"));
  for (const auto& [place, persons] : unseen) {
    warn(persons, absl::StrCat("accounts that are held cannot be seen any more, nor anything else in ",
                               place.empty() ? "their place" : place,
                               ": it is gone, or may not be read; what is held is kept and nothing is done to them"));
  }
  warn(left_disabled_, "an account was disabled in the target by somebody else; it stays so");
  warn(left_enabled_, "an account was enabled in the target by somebody else though nobody may use it; it stays so");
  warn(left_changed_, "an account was changed in the target by somebody else; it stays so");
  warn(left_removed_, "a membership was taken away in the target by somebody else; it stays so");
  for (const auto& [gone, groups] : unplaced_) {
    for (const auto& [whose, count] : groups) {
      plan_->warnings.push_back(absl::StrCat(system_.name, ": ", gone, " is not there any more, so ", count, " of ",
                                             whose, count == 1 ? " stays" : " stay",
                                             " in place; make it again, or name another in ", system_.position.file));
    }
  }
  std::map<std::string, std::map<std::string, int64_t>> went;  // Gone part -> where its accounts are now.
  std::set<std::string> wanted;                                // Gone, and somebody is to stand there.
  for (const Case& c : cases_) {
    const Value* place = Find(c.values.always, kPlace);
    if (place != nullptr) wanted.insert(GonePart(*place));
  }
  for (const auto& [place, destinations] : moved_) {
    const std::string gone = GonePart(Value::Text(place));
    if (gone.empty() || !wanted.contains(gone)) continue;
    for (const auto& [now, count] : destinations) went[gone][now] += count;
  }
  for (const auto& [gone, destinations] : went) {
    int64_t all = 0;
    std::pair<std::string, int64_t> most;
    for (const auto& [now, count] : destinations) {
      all += count;
      if (count > most.second) most = {now, count};
    }
    plan_->warnings.push_back(absl::StrCat(
        system_.name, ": ", gone, " is not there any more; ", all, all == 1 ? " account" : " accounts",
        " that stood in it ", all == 1 ? "is" : "are", " elsewhere now, as in ",
        most.first.empty() ? "the base" : most.first, "; nothing is put there until it is there again, or ",
        system_.position.file, " names another place"));
  }
}

}  // namespace sluice::core
