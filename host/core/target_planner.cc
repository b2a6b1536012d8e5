#include "host/core/target_planner.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/hash.h"
#include "host/base/parallel.h"
#include "host/core/names.h"
#include "host/core/primary_contract.h"

namespace sluice::core {
namespace {

std::string HolderOf(const Person& person) { return absl::StrCat("person:", person.id); }

nlohmann::json JsonOf(const Value& value) {
  return value.is_visible() ? ToJson(value) : nlohmann::json{{"$hidden", true}};
}

// What an operation's id covers beside whom it is about: what would be written, not what is there or expected.
nlohmann::json PayloadOf(const PlannedOperation& operation) {
  nlohmann::json changes = nlohmann::json::object(), names = nlohmann::json::object();
  nlohmann::json correlate = nlohmann::json::array();
  for (const AttributeChange& change : operation.changes) changes[change.attribute] = JsonOf(change.after);
  for (const LateName& name : operation.names) {
    names[name.attribute] = nlohmann::json{{"domain", name.domain}, {"candidates", name.candidates}};
  }
  for (const auto& [attribute, value] : operation.correlate) {
    correlate.push_back(nlohmann::json::array({attribute, JsonOf(value)}));
  }
  nlohmann::json payload = nlohmann::json::object_t();
  payload["changes"] = std::move(changes);
  payload["names"] = std::move(names);
  payload["secrets"] = operation.secrets;
  payload["correlate"] = std::move(correlate);
  payload["class"] = operation.object_class;
  if (operation.kind == OperationKind::kAdopt) payload["object"] = operation.object_id;
  return payload;
}

}  // namespace

Population EvaluatePopulation(const PlanInput& input, const Evaluator& evaluator) {
  constexpr size_t kWorthAThread = 500;
  Population population;
  std::set<std::string> excluded;
  for (const Exclusion& exclusion : input.state->exclusions) {
    if (exclusion.Holds(input.as_of)) excluded.insert(exclusion.person_id);
  }
  std::vector<PersonFacts>& persons = population.persons;
  persons.reserve(input.snapshot->persons.size());
  for (const auto& person : input.snapshot->persons) {
    persons.push_back({person.get(), {}, excluded.contains(person->id)});
  }
  const auto is_before = [](const PersonFacts& a, const PersonFacts& b) { return a.person->id < b.person->id; };
  if (!std::is_sorted(persons.begin(), persons.end(), is_before)) {
    std::stable_sort(persons.begin(), persons.end(), is_before);
  }
  base::InParts(persons.size(), kWorthAThread, [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) persons[i].entitlements = evaluator.Evaluate(*persons[i].person);
  });
  for (const Grant& grant : input.state->grants) population.grants[{grant.person_id, grant.system}].push_back(&grant);
  for (auto& [key, grants] : population.grants) {
    std::sort(grants.begin(), grants.end(),
              [](const Grant* a, const Grant* b) { return a->entitlement < b->entitlement; });
  }
  return population;
}

Verdict TargetPlanner::Case::PermissionVerdict(const std::string& entitlement, absl::CivilDay day) const {
  const auto found = permission_intervals.find(entitlement);
  if (found == permission_intervals.end()) return Verdict::kFalse;
  const SupportedInterval* today = OnDay(*found->second, day);
  return today == nullptr ? Verdict::kFalse : today->verdict;
}

bool TargetPlanner::Case::MayHoldAny(const std::string& resource, absl::CivilDay day) const {
  return PermissionVerdict(absl::StrCat(resource, ":"), day) != Verdict::kFalse;
}

TargetPlanner::TargetPlanner(const PlanInput& input, const Population& population, const SystemSpec& system,
                             const TargetSchema& schema, const Observed& observed)
    : input_(input),
      population_(population),
      system_(system),
      schema_(schema),
      observed_(observed),
      index_(system, schema, observed),
      mapping_(system, schema),
      reasons_(input),
      unread_(input) {
  for (const Grant& grant : input.state->grants) {
    if (grant.system == system.name && grant.kind == EntitlementKind::kAccount && !grant.object_id.empty() &&
        grant.state != GrantState::kAbsent) {
      std::string& holder = held_.holders[grant.object_id];
      if (holder.empty() || grant.person_id < holder) holder = grant.person_id;
    }
  }
  for (const NameEntry& name : input.state->names) {
    if (name.system == system.name) given_[{name.domain, NormaliseName(name.name)}] = name.holder;
  }
  // What was made since the target was last read has its name as well.
  for (const ResourceInstance& resource : input.state->resources) {
    const auto info = schema.classes.find(resource.object_class);
    if (resource.system != system.name || !resource.is_held || info == schema.classes.end()) continue;
    for (const auto& [attribute, described] : info->second.attributes) {
      if (described.unique_in.empty()) continue;
      given_.try_emplace({described.unique_in, NormaliseName(resource.label)},
                         absl::StrCat("resource:", resource.resource, ":", resource.key));
    }
  }
  FindWrittenKeys();
}

void TargetPlanner::FillCase(const PersonFacts& facts, Case& c) {
  c.facts = &facts;
  c.is_frozen = facts.is_excluded || !facts.person->held_back.empty();
  c.is_open = input_.state->open_objects.contains(absl::StrCat(system_.name, "/", facts.person->id));
  for (const EntitlementIntervals& intervals : facts.entitlements) {
    if (intervals.system != system_.name) continue;
    if (intervals.kind == EntitlementRef::Kind::kAccount) {
      c.account_intervals = &intervals;
      c.account_today = OnDay(intervals, input_.as_of);
    } else if (intervals.kind == EntitlementRef::Kind::kAccess) {
      c.access_intervals = &intervals;
      c.access_today = OnDay(intervals, input_.as_of);
    } else {
      c.permission_intervals[intervals.entitlement] = &intervals;
    }
  }
  const auto grants = population_.grants.find({facts.person->id, system_.name});
  if (grants == population_.grants.end()) return;
  for (const Grant* grant : grants->second) {
    if (grant->kind == EntitlementKind::kAccount) {
      c.account = grant;
    } else if (grant->kind == EntitlementKind::kAccess) {
      c.access = grant;
    } else {
      c.permissions[grant->entitlement] = grant;
    }
    // What is in doubt is under way.
    c.is_open |= grant->state == GrantState::kInDoubt;
  }
}

void TargetPlanner::BuildCases() {
  for (const PersonFacts& facts : population_.persons) {
    Case c;
    FillCase(facts, c);
    if (c.account_intervals == nullptr && c.access_intervals == nullptr && c.permission_intervals.empty() &&
        c.account == nullptr && c.access == nullptr && c.permissions.empty()) {
      continue;
    }
    c.is_activated = IsActivated(c);
    cases_.push_back(std::move(c));
  }
  LookAtTarget();
  for (Case& c : cases_) {
    if (c.wants_account()) ComputeAccount(c);
  }
}

bool TargetPlanner::IsActivated(const Case& c) const {
  const auto found = input_.state->activations.find(system_.name);
  if (found == input_.state->activations.end()) return false;
  const Activation& activation = found->second;
  if (activation.state != Activation::State::kPartly) return activation.state == Activation::State::kActive;
  // What is held came under an activation; it is not left alone when its person's data change.
  if (c.account_state() == GrantState::kHeld || c.account_state() == GrantState::kRetired) return true;
  if (activation.person_ids.contains(c.person().id)) return true;
  std::vector<bool> not_over;
  for (const Contract& contract : c.person().contracts) {
    not_over.push_back(contract.EffectiveEnd().value_or(kLastDay) >= input_.as_of);
  }
  const Subject subject = SubjectOn(c.person(), *input_.configuration, not_over, input_.as_of);
  return std::any_of(activation.conditions.begin(), activation.conditions.end(),
                     [&](const Condition& condition) { return core::Evaluate(condition, subject) == Verdict::kTrue; });
}

void TargetPlanner::ComputeAccount(Case& c) {
  const Configuration& configuration = *input_.configuration;
  const int64_t grace = VanishGraceOf(c.person(), configuration);
  std::vector<int> contracts, in_scope;
  c.in_window.assign(c.person().contracts.size(), false);
  for (const Support& support : c.account_today->supports) {
    const std::vector<bool> in_window = InWindow(c.person(), configuration.rules[support.rule], grace, input_.as_of);
    for (size_t i = 0; i < in_window.size(); ++i) c.in_window[i] = c.in_window[i] || in_window[i];
    if (support.contract >= 0) contracts.push_back(support.contract);
  }
  for (size_t i = 0; i < c.in_window.size(); ++i) {
    if (c.in_window[i]) in_scope.push_back(i);
  }
  if (contracts.empty()) contracts = in_scope;
  std::sort(contracts.begin(), contracts.end());
  contracts.erase(std::unique(contracts.begin(), contracts.end()), contracts.end());
  c.contract = contracts.empty()
                   ? PrimaryContract(c.person(), configuration.primary_contract, input_.as_of)
                   : PrimaryContractAmong(c.person(), contracts, configuration.primary_contract, input_.as_of);
  Subject subject = SubjectOn(c.person(), configuration, c.in_window, input_.as_of);
  subject.contract = c.contract;
  c.values = mapping_.Evaluate(subject, c.account_state() != GrantState::kAbsent);
  c.key = CorrelationKey(c.values.correlate);
}

void TargetPlanner::Correlate() {
  std::vector<Claim> claims;
  std::vector<Case*> claimants;
  for (Case& c : cases_) {
    const bool holds = c.account_state() != GrantState::kAbsent;
    if (!holds && (!c.wants_account() || !c.person().held_back.empty())) continue;
    // Of somebody who is left as he is, the account speaks, and not what he would want.
    Claim claim{c.person().id, holds && c.is_frozen ? "" : c.key, "", holds ? c.account->object_id : ""};
    const auto link = input_.state->links.find({c.person().id, system_.name});
    if (link != input_.state->links.end()) claim.link = link->second;
    if (holds && claim.account.empty()) continue;  // Under way: nothing to claim yet.
    claims.push_back(std::move(claim));
    claimants.push_back(&c);
  }
  std::vector<Match> matches = MatchAccounts(index_, system_, claims, held_);
  for (size_t i = 0; i < matches.size(); ++i) claimants[i]->match = std::move(matches[i]);
}

void TargetPlanner::FindSharedNames() {
  for (const Case& c : cases_) {
    if (!c.wants_account() || !c.person().held_back.empty()) continue;
    for (const Fields* fields : {&c.values.always, &c.values.on_create}) {
      if (fields == &c.values.on_create && c.account_state() != GrantState::kAbsent) continue;
      for (const auto& [attribute, value] : *fields) {
        const std::string domain = mapping_.DomainOf(system_.account_class, attribute);
        if (domain.empty() || !value.has_value() || value.is_list()) continue;
        wanted_[{domain, NormaliseName(value.ToText())}].insert(c.person().id);
      }
    }
  }
}

bool TargetPlanner::IsTaken(const std::string& domain, const std::string& name, const std::string& holder,
                            const std::string& own_object) const {
  const std::pair key(domain, NormaliseName(name));
  for (const auto* ledger : {&given_, &reserved_}) {
    const auto found = ledger->find(key);
    if (found != ledger->end() && found->second != holder) return true;
  }
  const std::set<std::string>& holders = index_.Holders(domain, name);
  return std::any_of(holders.begin(), holders.end(), [&](const std::string& id) { return id != own_object; });
}

std::string TargetPlanner::NameProblem(const Case& c, const std::string& attribute, const Value& value) const {
  const std::string domain = mapping_.DomainOf(system_.account_class, attribute);
  if (domain.empty() || !value.has_value() || value.is_list()) return "";
  if (c.account != nullptr) {
    const auto known = c.account->desired.find(attribute);
    if (known != c.account->desired.end() && mapping_.IsSame(system_.account_class, attribute, known->second, value)) {
      return "";
    }
  }
  const std::string own = c.account_state() != GrantState::kAbsent ? c.account->object_id : c.account_id;
  if (IsTaken(domain, value.ToText(), HolderOf(c.person()), own)) {
    return absl::StrCat(attribute, " is already the name of another object of the target");
  }
  const auto wanted = wanted_.find({domain, NormaliseName(value.ToText())});
  if (wanted == wanted_.end()) return "";
  for (const std::string& other : wanted->second) {
    if (other != c.person().id)
      return absl::StrCat(attribute, " would be the same as that of person ", NumberOf(other));
  }
  return "";
}

std::string TargetPlanner::NumberOf(const std::string& person_id) const {
  const auto& persons = population_.persons;
  const auto found =
      std::lower_bound(persons.begin(), persons.end(), person_id,
                       [](const PersonFacts& facts, const std::string& id) { return facts.person->id < id; });
  const bool is_known = found != persons.end() && found->person->id == person_id && !found->person->external_id.empty();
  return is_known ? found->person->external_id : person_id;
}

void TargetPlanner::HoldBack(Case& c, std::string reason) {
  if (c.problem.empty()) c.problem = reason;
  plan_->held_back.push_back({c.person().id, system_.name, std::move(reason)});
}

void TargetPlanner::HoldBackResources(const std::vector<const Instance*>& instances, std::string reason) {
  HeldBack held{"", system_.name, std::move(reason)};
  for (const Instance* instance : instances) held.entitlements.push_back(instance->entitlement());
  plan_->held_back.push_back(std::move(held));
}

PlannedOperation TargetPlanner::NewOperation(OperationKind kind, const Case& c, const std::string& entitlement,
                                             const Grant* grant) {
  PlannedOperation operation;
  operation.kind = kind;
  operation.system = system_.name;
  operation.person_id = c.person().id;
  operation.entitlement = entitlement;
  operation.generation = grant == nullptr ? 0 : grant->generation;
  operation.object_class = system_.account_class;
  operation.object_id = c.account_id;
  operation.label = "account";
  if (!c.root.empty()) operation.depends_on.push_back(c.root);
  return operation;
}

// What must be read before what `operation` takes away is taken.
UnreadParts TargetPlanner::UnreadBefore(const PlannedOperation& operation) const {
  if (operation.kind == OperationKind::kDeleteResource)
    return unread_.BeforeAnybody(system_.name, operation.entitlement);
  if (operation.kind < OperationKind::kRevoke || operation.person_id.empty()) return {};
  const auto& persons = population_.persons;
  const auto facts =
      std::lower_bound(persons.begin(), persons.end(), operation.person_id,
                       [](const PersonFacts& one, const std::string& id) { return one.person->id < id; });
  // The day after the last on which it was supported; the first of all when no such day is known.
  const auto due_of = [&](const std::string& entitlement) {
    absl::CivilDay due = kFirstDay;
    for (const EntitlementIntervals& intervals : facts->entitlements) {
      if (intervals.system != system_.name || intervals.entitlement != entitlement) continue;
      for (const SupportedInterval& interval : intervals.intervals) {
        if (interval.until < input_.as_of) due = interval.until + 1;
      }
    }
    return due;
  };
  const auto before = [&](const std::string& entitlement, absl::CivilDay due) {
    return unread_.Before(*facts->person, system_.name, entitlement, due);
  };
  if (operation.kind == OperationKind::kDelete) {
    absl::CivilDay due = due_of("account");
    for (const Grant* grant : population_.grants.at({operation.person_id, system_.name})) {
      if (grant->kind == EntitlementKind::kAccount && grant->retired_on)
        due = std::max(due, *grant->retired_on + system_.retire.keep_days);
    }
    return before("account", due);
  }
  if (operation.kind == OperationKind::kRevoke) {
    const bool has_account =
        std::any_of(facts->entitlements.begin(), facts->entitlements.end(), [&](const EntitlementIntervals& intervals) {
          return intervals.system == system_.name && intervals.kind == EntitlementRef::Kind::kAccount &&
                 OnDay(intervals, input_.as_of) != nullptr;
        });
    // Who loses the account for good loses what it is in.
    if (!has_account && before("account", due_of("account")).empty()) return {};
  }
  return before(operation.entitlement, due_of(operation.entitlement));
}

std::string TargetPlanner::Add(PlannedOperation operation, bool is_activated, bool waits) {
  operation.id = base::UuidOf(nlohmann::json::array(
      {"operation", operation.system, operation.person_id, operation.entitlement, operation.generation,
       std::string(OperationKindName(operation.kind)), PayloadOf(operation)}));
  operation.status = !is_activated ? OperationStatus::kObserving
                     : waits       ? OperationStatus::kWaiting
                                   : OperationStatus::kReady;
  std::string id = operation.id;
  if (UnreadParts unread = UnreadBefore(operation); !unread.empty()) plan_->unread[id] = std::move(unread);
  if (!input_.state->open_operations.contains(id)) plan_->operations.push_back(std::move(operation));
  return id;
}

void TargetPlanner::WarnUnknown() {
  struct Doubt {
    int64_t persons = 0;
    std::set<std::string> paths;
  };
  std::map<int, Doubt> doubts;  // By rule.
  for (const Case& c : cases_) {
    std::set<int> rules;
    const auto look = [&](const EntitlementIntervals* intervals) {
      const SupportedInterval* today = intervals == nullptr ? nullptr : OnDay(*intervals, input_.as_of);
      if (today == nullptr || today->verdict != Verdict::kUnknown) return;
      for (const Support& support : today->supports) rules.insert(support.rule);
    };
    look(c.account_intervals);
    look(c.access_intervals);
    for (const auto& [entitlement, intervals] : c.permission_intervals) look(intervals);
    for (int rule : rules) {
      Doubt& doubt = doubts[rule];
      if (doubt.persons++ > 0) continue;
      const Rule& spec = input_.configuration->rules[rule];
      const std::vector<bool> in_window =
          InWindow(c.person(), spec, VanishGraceOf(c.person(), *input_.configuration), input_.as_of);
      const Subject subject = SubjectOn(c.person(), *input_.configuration, in_window, input_.as_of);
      for (const ClauseResult& clause : Explain(spec.when, subject)) {
        if (clause.verdict == Verdict::kUnknown) doubt.paths.insert(clause.path);
      }
    }
  }
  for (const auto& [rule, doubt] : doubts) {
    const Rule& spec = input_.configuration->rules[rule];
    plan_->warnings.push_back(
        absl::StrCat(system_.name, ": rule \"", spec.name, "\" (", spec.position.ToString(), ") is unknown for ",
                     doubt.persons, doubt.persons == 1 ? " person" : " people", doubt.paths.empty() ? "" : ": ",
                     absl::StrJoin(doubt.paths, ", "), doubt.paths.empty() ? "" : " not visible or of another type",
                     "; what they have is kept and nothing new is given"));
  }
}

// What the configuration names and the target does not know is said once, and left out for everybody.
void TargetPlanner::WarnMissingAttributes() {
  std::set<std::pair<std::string, std::string>> told;  // Class, attribute.
  const auto look = [&](const std::string& object_class, const std::string& attribute, const Position& position) {
    if (!mapping_.IsMissing(object_class, attribute) || !told.insert({object_class, attribute}).second) return;
    plan_->warnings.push_back(absl::StrCat(system_.name, ": the target has no attribute \"", attribute, "\" of ",
                                           object_class, "; ", position.ToString(),
                                           " names it, and it is left out for everybody"));
  };
  for (const AccountItem& item : system_.account) {
    for (const AccountField& field : item.fields) look(system_.account_class, field.attribute, field.position);
  }
  for (const FieldMapping& field : system_.correlate) look(system_.account_class, field.field, field.position);
  for (const FieldMapping& field : system_.retire.set) look(system_.account_class, field.field, field.position);
  for (const auto& [name, resource] : system_.resources) {
    for (const FieldMapping& field : resource.fields) look(resource.object_class, field.field, field.position);
  }
}

void TargetPlanner::Run(Plan& plan) {
  plan_ = &plan;
  BuildCases();
  Correlate();
  FindSharedNames();
  SettleKeys();
  for (Case& c : cases_) PlanAccount(c);
  OrderKeys();
  PlanResources();
  ResolvePermissions();
  for (Case& c : cases_) PlanPermissions(c);
  if (without_account_ > 0) {
    plan.warnings.push_back(absl::StrCat(system_.name, ": ", without_account_,
                                         without_account_ == 1 ? " person gets" : " people get",
                                         " access or permissions from a rule, but no rule gives an account"));
  }
  if (const auto activation = input_.state->activations.find(system_.name);
      activation != input_.state->activations.end()) {
    for (const std::string& condition : activation->second.unreadable) {
      plan.warnings.push_back(absl::StrCat(system_.name, ": was activated for ", condition,
                                           ", which cannot be read any more and counts for nobody; activate it anew: "
                                           "sluice system activate ",
                                           system_.name));
    }
  }
  WarnUnknown();
  WarnMissingAttributes();
  WarnWithoutKey();
  WarnDrift();
  NoteDrift();
}

CorrelationReport TargetPlanner::Report() {
  Plan unused;
  plan_ = &unused;
  BuildCases();
  Correlate();
  CorrelationReport report;
  std::set<std::string> matched;
  for (const Case& c : cases_) {
    const bool holds = c.account_state() != GrantState::kAbsent;
    if (!holds && !c.wants_account()) continue;
    CorrelationReport::Row row;
    row.person_id = c.person().id;
    row.key = CorrelationText(c.values.correlate);
    row.result = c.match.result;
    std::vector<std::string> names;
    for (const Record* account : c.match.accounts) {
      row.accounts.push_back(account->id);
      names.push_back(account->name);
      matched.insert(account->id);
    }
    row.names = absl::StrJoin(names, ", ");
    report.rows.push_back(std::move(row));
  }
  for (const Record* account : index_.Accounts()) {
    if (!matched.contains(account->id) && !held_.holders.contains(account->id)) {
      report.unmatched_accounts.emplace_back(account->id, account->name);
    }
  }
  return report;
}

}  // namespace sluice::core
