// The account ladder: adopt or create, update, enable, disable, retire, return, delete.
#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/core/names.h"
#include "host/core/primary_contract.h"
#include "host/core/target_planner.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

constexpr int64_t kSummaryLength = 90;  // Characters of an update's line, as far as they can be kept.

// A value in quotes; of a long one the beginning.
std::string Shown(const Value& value, int64_t longest) {
  if (!value.is_visible()) return "?";
  if (value.is_empty()) return "nothing";
  const std::string text = value.ToText();
  if (Length(text) <= longest) return absl::StrCat("\"", text, "\"");
  return absl::StrCat("\"", Left(text, longest - 3), "...\"");
}

std::string ChangeText(const AttributeChange& change, int64_t longest) {
  return absl::StrCat(change.attribute, ": ", Shown(change.before, longest), " -> ", Shown(change.after, longest));
}

// `sn: "de Boer" -> "Smit-de Boer"; also cn, displayName`: at most two with what they were, the shortest, for those
// say most; the others by name, or how many.
std::string ChangesText(const std::vector<AttributeChange>& changes) {
  constexpr size_t kShown = 2;
  constexpr int64_t kLongest = 24;
  std::vector<size_t> order(changes.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<std::string> texts;
  for (const AttributeChange& change : changes) texts.push_back(ChangeText(change, kLongest));
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return texts[a].size() < texts[b].size(); });
  const auto line = [&](size_t shown, bool names_others) {
    const std::set<size_t> full(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown));
    std::vector<std::string> with_values, names;
    for (size_t i = 0; i < changes.size(); ++i) {
      full.contains(i) ? with_values.push_back(texts[i]) : names.push_back(changes[i].attribute);
    }
    std::string text = absl::StrJoin(with_values, "; ");
    if (names.empty()) return text;
    return absl::StrCat(text, "; also ",
                        names_others ? absl::StrJoin(names, ", ") : absl::StrCat(names.size(), " more"));
  };
  for (size_t shown = std::min(kShown, changes.size()); shown > 0; --shown) {
    std::string text = line(shown, true);
    if (Length(text) <= kSummaryLength) return text;
  }
  return line(1, false);
}

std::string AttributesText(const std::vector<AttributeChange>& changes) {
  return absl::StrJoin(changes, ", ",
                       [](std::string* out, const AttributeChange& change) { out->append(change.attribute); });
}

void SortByAttribute(std::vector<AttributeChange>& changes) {
  std::sort(changes.begin(), changes.end(),
            [](const AttributeChange& a, const AttributeChange& b) { return a.attribute < b.attribute; });
}

}  // namespace

const Value& ValueIn(const Fields& fields, const std::string& attribute) {
  static const Value* const kNone = new Value();
  const auto found = fields.find(attribute);
  return found == fields.end() ? *kNone : found->second;
}

void TargetPlanner::PlanAccount(Case& c) {
  const GrantState state = c.account_state();
  if (c.account != nullptr && state != GrantState::kAbsent) c.account_id = c.account->object_id;
  if (c.is_frozen || c.is_open || state == GrantState::kUnmanaged || state == GrantState::kInDoubt) {
    // Grants of somebody whose account is just being made wait for it.
    c.has_account = c.is_open && !c.is_frozen && c.wants_account() &&
                    (state == GrantState::kHeld || state == GrantState::kAbsent || state == GrantState::kInDoubt);
    return;
  }
  // What cannot be seen is left alone; of what is gone only the leaving goes on.
  if (c.is_unseen || (c.is_missing && c.may_want_account())) return;
  if (state == GrantState::kHeld) {
    PlanHeld(c);
  } else if (state == GrantState::kRetired) {
    if (c.wants_account()) {
      PlanReturn(c);
    } else if (!c.may_want_account()) {
      PlanDelete(c);
    }
  } else if (c.wants_account()) {
    PlanNew(c);
  } else if (c.wants_access() && !c.may_want_account()) {
    ++without_account_;
  }
  PlanAccess(c);
  if (state == GrantState::kHeld || state == GrantState::kRetired) PlanEnabledByHand(c);
}

void TargetPlanner::PlanNew(Case& c) {
  if (!c.match.problem.empty()) return HoldBack(c, c.match.problem);
  if (!c.values.problem.empty()) return HoldBack(c, c.values.problem);
  if (!c.key_problem.empty()) return HoldBack(c, c.key_problem);
  for (const FieldMapping& field : system_.correlate) {
    if (c.match.accounts.empty() && mapping_.IsMissing(system_.account_class, field.field)) {
      return HoldBack(c,
                      absl::StrCat("an account that is there already could not be found: the target has no attribute ",
                                   field.field));
    }
  }
  for (const auto& [attribute, value] : c.values.correlate) {
    if (c.match.accounts.empty() && !value.is_visible()) {
      return HoldBack(c, absl::StrCat("an account that is there already could not be found: what its ", attribute,
                                      " would be is not visible"));
    }
  }
  if (c.match.accounts.empty()) {
    if (const std::string gone = GonePart(ValueIn(c.values.always, "parent")); !gone.empty())
      return HoldBack(c, absl::StrCat("its place ", gone, " is not there any more"));
  }
  if (!c.match.accounts.empty()) c.account_id = c.match.accounts[0]->id;
  const bool adopts = !c.match.accounts.empty();
  for (const Fields* fields : {&c.values.always, &c.values.on_create}) {
    if (adopts && fields == &c.values.on_create) continue;
    for (const auto& [attribute, value] : *fields) {
      if (std::string problem = NameProblem(c, attribute, value); !problem.empty()) return HoldBack(c, problem);
    }
  }
  adopts ? PlanAdopt(c) : PlanCreate(c);
}

bool TargetPlanner::SettleNames(const Case& c, std::vector<LateName>& names, std::string& problem) {
  const std::string holder = absl::StrCat("person:", c.person().id);
  for (const auto& [attribute, candidates] : c.values.candidates) {
    std::string domain = mapping_.DomainOf(system_.account_class, attribute);
    if (domain.empty()) domain = attribute;
    const auto free = std::find_if(candidates.begin(), candidates.end(), [&](const std::string& candidate) {
      const auto wanted = wanted_.find({domain, NormaliseName(candidate)});
      const bool is_wanted =
          wanted != wanted_.end() && (wanted->second.size() > 1 || !wanted->second.contains(c.person().id));
      return !is_wanted && !IsTaken(domain, candidate, holder, "");
    });
    if (free == candidates.end()) {
      problem =
          candidates.empty()
              ? absl::StrCat("none of the candidates of ", attribute, " can be computed within the target's limits")
              : absl::StrCat(candidates.size() == 1
                                 ? absl::StrCat("the only candidate of ", attribute, " is")
                                 : absl::StrCat("all ", candidates.size(), " candidates of ", attribute, " are"),
                             " taken; add one to its template");
      return false;
    }
    names.push_back({attribute, domain, candidates, *free});
  }
  for (const LateName& name : names) reserved_[{name.domain, NormaliseName(name.expected)}] = holder;
  return true;
}

void TargetPlanner::PlanCreate(Case& c) {
  // What an object is called must be known to make it; what is hidden today may be seen tomorrow.
  if (const std::string name = mapping_.LabelAttribute(); !name.empty() && !c.values.candidates.contains(name) &&
                                                          !ValueIn(c.values.always, name).has_value() &&
                                                          !ValueIn(c.values.on_create, name).has_value()) {
    return HoldBack(c, absl::StrCat(name, " cannot be computed: something that it is made of is empty or not visible"));
  }
  PlannedOperation operation = NewOperation(OperationKind::kCreate, c, "account", c.account);
  std::string problem;
  if (!SettleNames(c, operation.names, problem)) return HoldBack(c, problem);
  for (const Fields* fields : {&c.values.always, &c.values.on_create}) {
    for (const auto& [attribute, value] : *fields) {
      if (value.has_value()) operation.changes.push_back({attribute, Value(), value});
    }
  }
  SortByAttribute(operation.changes);
  operation.secrets = c.values.secrets;
  std::sort(operation.secrets.begin(), operation.secrets.end());
  if (!c.key.empty()) operation.correlate = c.values.correlate;
  operation.reason = reasons_.Given(c.person(), *c.account_today, "rules");
  c.root = c.key_operation = Add(std::move(operation), c.is_activated, false);
  c.has_account = true;
}

void TargetPlanner::PlanAdopt(Case& c) {
  const Record& account = *c.match.accounts[0];
  PlannedOperation operation = NewOperation(OperationKind::kAdopt, c, "account", c.account);
  std::set<std::string> attributes;
  for (const Fields* fields : {&c.values.always, &c.values.on_create}) {
    for (const auto& [attribute, value] : *fields) attributes.insert(attribute);
  }
  for (const auto& [attribute, candidates] : c.values.candidates) attributes.insert(attribute);
  for (const std::string& attribute : attributes) {
    const TargetAttribute* info = mapping_.Attribute(system_.account_class, attribute);
    const Value& found = ValueIn(account.attributes, attribute);
    if (found.is_visible() && (info == nullptr || !info->is_secret)) {
      operation.changes.push_back({attribute, Value(), found});
    }
  }
  operation.reason = reasons_.Given(c.person(), *c.account_today, "correlation");
  const std::string key = CorrelationText(c.values.correlate);
  const bool is_linked = input_.state->links.contains({c.person().id, system_.name});
  operation.reason.summary = is_linked ? absl::StrCat("linked by hand; ", operation.reason.summary)
                                       : absl::StrCat("matches by ", key, "; ", operation.reason.summary);
  c.root = Add(std::move(operation), c.is_activated, false);
  c.has_account = true;
  PlanUpdate(c, Differences(c, {}, &account), c.root);
}

std::vector<AttributeChange> TargetPlanner::Differences(const Case& c, const Fields& known,
                                                        const Record* observed) const {
  std::vector<AttributeChange> changes;
  for (const auto& [attribute, value] : c.values.always) {
    Value before = ValueIn(known, attribute);
    if (!before.is_visible() && observed != nullptr) before = ValueIn(observed->attributes, attribute);
    if (value.is_empty() ? !before.has_value()
                         : before.is_visible() && mapping_.IsSame(system_.account_class, attribute, before, value)) {
      continue;
    }
    const TargetAttribute* info = mapping_.Attribute(system_.account_class, attribute);
    if (info != nullptr && !info->updatable) continue;
    changes.push_back({attribute, std::move(before), value});
  }
  return changes;
}

// A place that is gone holds back only the move.
void TargetPlanner::LeaveOutGonePlace(std::vector<AttributeChange>& changes, const std::string& whose) {
  std::erase_if(changes, [&](const AttributeChange& change) {
    const std::string gone = change.attribute == "parent" ? GonePart(change.after) : "";
    if (!gone.empty()) ++unplaced_[gone][whose];
    return !gone.empty();
  });
}

void TargetPlanner::PlanUpdate(Case& c, std::vector<AttributeChange> changes, const std::string& depends_on,
                               const std::string& by_hand) {
  if (changes.empty()) return;
  PlannedOperation operation = NewOperation(OperationKind::kUpdate, c, "account", c.account);
  operation.depends_on.clear();
  if (!depends_on.empty()) operation.depends_on.push_back(depends_on);
  operation.label = AttributesText(changes);
  operation.reason = reasons_.Given(c.person(), *c.account_today, "data");
  operation.reason.summary = ChangesText(changes);
  if (!by_hand.empty()) ExplainDrift(operation.reason, *c.account, by_hand);
  operation.changes = std::move(changes);
  std::string id = Add(std::move(operation), c.is_activated, false);
  if (by_hand.empty()) c.key_operation = std::move(id);
}

// A contract of which it is unknown whether it supports the account may be the one that the account should speak of:
// what it would say otherwise is left as it is.
void TargetPlanner::LeaveWhatIsDoubtful(const Case& c, std::vector<AttributeChange>& changes) const {
  std::vector<int> sure;
  for (const Support& support : c.account_today->supports) {
    if (support.contract >= 0) sure.push_back(support.contract);
  }
  if (changes.empty() || sure.empty()) return;
  const Configuration& configuration = *input_.configuration;
  const int64_t grace = VanishGraceOf(c.person(), configuration);
  for (const Rule& rule : configuration.rules) {
    if (std::none_of(rule.grants.begin(), rule.grants.end(), [&](const EntitlementRef& grant) {
          return grant.system == system_.name && grant.kind == EntitlementRef::Kind::kAccount;
        })) {
      continue;
    }
    const std::vector<bool> in_window = InWindow(c.person(), rule, grace, input_.as_of);
    for (size_t i = 0; i < in_window.size(); ++i) {
      std::vector<int> among = sure;
      among.push_back(static_cast<int>(i));
      if (!in_window[i] || std::find(sure.begin(), sure.end(), among.back()) != sure.end()) continue;
      std::vector<bool> only(in_window.size(), false);
      only[i] = true;
      const Subject alone = SubjectOn(c.person(), configuration, only, input_.as_of);
      if (core::Evaluate(rule.when, alone) != Verdict::kUnknown) continue;
      std::sort(among.begin(), among.end());
      Subject other = SubjectOn(c.person(), configuration, c.in_window, input_.as_of);
      other.contract = PrimaryContractAmong(c.person(), among, configuration.primary_contract, input_.as_of);
      if (other.contract == c.contract) continue;
      const AccountValues values = mapping_.Evaluate(other, true);
      std::erase_if(changes, [&](const AttributeChange& change) {
        return !(ValueIn(values.always, change.attribute) == change.after);
      });
    }
  }
}

void TargetPlanner::PlanHeld(Case& c) {
  if (!c.may_want_account()) return PlanRetire(c);
  c.has_account = true;
  if (!c.wants_account()) return;  // Unknown: it stays as it is.
  if (!c.values.problem.empty()) return HoldBack(c, c.values.problem);
  if (!c.key_problem.empty()) return HoldBack(c, c.key_problem);
  std::vector<AttributeChange> changes =
      Differences(c, c.account->desired, index_.Find(system_.account_class, c.account_id));
  LeaveWhatIsDoubtful(c, changes);
  for (const AttributeChange& change : changes) {
    if (std::string problem = NameProblem(c, change.attribute, change.after); !problem.empty()) {
      return HoldBack(c, problem);
    }
  }
  if (TakeOverAsFound(c, changes)) return PlanChangedByHand(c, {});
  LeaveOutGonePlace(changes, "who would move there");
  PlanChangedByHand(c, changes);
  PlanUpdate(c, std::move(changes), "");
}

void TargetPlanner::PlanReturn(Case& c) {
  if (!c.values.problem.empty()) return HoldBack(c, c.values.problem);
  if (!c.key_problem.empty()) return HoldBack(c, c.key_problem);
  std::map<std::string, AttributeChange> changes;
  for (AttributeChange& change : Differences(c, c.account->desired, index_.Find(system_.account_class, c.account_id))) {
    changes[change.attribute] = change;
  }
  // What retiring changed is put back: as mapped, or as it was. What it set where nothing was is taken away.
  std::set<std::string> touched;
  for (const auto& [attribute, value] : c.account->before_retirement) touched.insert(attribute);
  for (const FieldMapping& field : system_.retire.set) touched.insert(field.field);
  for (const std::string& attribute : touched) {
    Value after = ValueIn(c.values.always, attribute);
    if (!after.is_visible()) after = ValueIn(c.account->before_retirement, attribute);
    if (!after.is_visible()) after = Value::Empty();
    changes.try_emplace(attribute, AttributeChange{attribute, ValueIn(c.account->desired, attribute), after});
  }
  PlannedOperation operation = NewOperation(OperationKind::kUpdate, c, "account", c.account);
  for (auto& [attribute, change] : changes) {
    if (std::string problem = NameProblem(c, attribute, change.after); !problem.empty()) return HoldBack(c, problem);
    operation.changes.push_back(std::move(change));
  }
  operation.reason = reasons_.Given(c.person(), *c.account_today, "returned");
  if (c.account->retired_on) {
    operation.reason.summary = absl::StrCat("returned, retired on ", DayText(*c.account->retired_on, input_.as_of),
                                            "; ", operation.reason.summary);
  }
  if (!operation.changes.empty()) operation.label = AttributesText(operation.changes);
  c.root = c.key_operation = Add(std::move(operation), c.is_activated, false);
  c.has_account = true;
}

void TargetPlanner::PlanRetire(Case& c) {
  PlannedOperation operation = NewOperation(OperationKind::kRetire, c, "account", c.account);
  const int main = PrimaryContract(c.person(), input_.configuration->primary_contract, input_.as_of);
  const Contract* contract = main < 0 ? nullptr : &c.person().contracts[main];
  const auto lookup = [&](const std::string& path) { return FieldOf(c.person(), contract, path); };
  const Record* observed = index_.Find(system_.account_class, c.account_id);
  std::map<std::string, Value> set;
  for (const FieldMapping& field : system_.retire.set) set[field.field] = field.value.Evaluate(lookup);
  if (system_.retire.move_to) set["parent"] = system_.retire.move_to->Evaluate(lookup);
  for (const auto& [attribute, after] : set) {
    if (!after.is_visible() || mapping_.IsMissing(system_.account_class, attribute)) continue;
    if (std::string problem = mapping_.CheckValue(system_.account_class, attribute, after); !problem.empty()) {
      return HoldBack(c, problem);
    }
    Value before = observed == nullptr ? Value() : ValueIn(observed->attributes, attribute);
    if (!before.is_visible()) before = ValueIn(c.account->desired, attribute);
    operation.changes.push_back({attribute, std::move(before), after});
  }
  LeaveOutGonePlace(operation.changes, "who leaves");
  operation.reason = reasons_.Ended(c.person(), c.account_intervals);
  if (system_.retire.then == RetireSpec::Then::kDelete) {
    absl::StrAppend(&operation.reason.summary, "; to be deleted on ",
                    DayText(input_.as_of + system_.retire.keep_days, input_.as_of));
  }
  Add(std::move(operation), c.is_activated, false);
}

void TargetPlanner::PlanDelete(Case& c) {
  if (system_.retire.then != RetireSpec::Then::kDelete || !c.account->retired_on) return;
  if (*c.account->retired_on + system_.retire.keep_days > input_.as_of) return;
  PlannedOperation operation = NewOperation(OperationKind::kDelete, c, "account", c.account);
  operation.reason = reasons_.Ended(c.person(), c.account_intervals);
  operation.reason.origin = "period over";
  operation.reason.summary = absl::StrCat("retired on ", DayText(*c.account->retired_on, input_.as_of), ", kept ",
                                          system_.retire.keep_days, " days; ", operation.reason.summary);
  Add(std::move(operation), c.is_activated, false);
}

void TargetPlanner::PlanAccess(Case& c) {
  if (!c.has_account) return;
  const bool is_held = c.access != nullptr && c.access->state == GrantState::kHeld;
  if (c.access != nullptr && c.access->state == GrantState::kUnmanaged) return;
  if (c.access_today == nullptr && is_held) {
    PlannedOperation operation = NewOperation(OperationKind::kDisable, c, "access", c.access);
    operation.reason = reasons_.Ended(c.person(), c.access_intervals);
    Add(std::move(operation), c.is_activated, false);
    return;
  }
  if (is_held && c.wants_access() && PlanDisabledByHand(c)) return;
  // Nothing new on an account of which it is not known whether it should be there.
  if (!c.wants_access() || is_held || !c.problem.empty() || !c.wants_account()) return;
  // Never touched by us and enabled already: taken over. Once we changed it, what was observed may be older than that.
  const Record* account = c.account_id.empty() ? nullptr : index_.Find(system_.account_class, c.account_id);
  const bool is_enabled = account != nullptr && (c.access == nullptr || c.access->generation == 0) &&
                          ValueIn(account->attributes, std::string(kEnabledAttribute)) == Value::Flag(true) &&
                          c.account_state() != GrantState::kRetired;
  PlannedOperation operation =
      NewOperation(is_enabled ? OperationKind::kAdopt : OperationKind::kEnable, c, "access", c.access);
  if (is_enabled) operation.label = "access";
  operation.reason = reasons_.Given(c.person(), *c.access_today, is_enabled ? "correlation" : "rules");
  Add(std::move(operation), c.is_activated, false);
}

}  // namespace sluice::core
