// Why somebody holds something, or why not.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/nearest.h"
#include "host/core/evaluation.h"
#include "host/core/planner.h"
#include "host/core/reasons.h"
#include "host/core/target_planner.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

// What people typed, looked up: which rules can give it, and by which key the state knows it.
struct Asked {
  std::string system, entitlement, label;
  EntitlementRef::Kind kind = EntitlementRef::Kind::kAccount;
  std::string resource;
};

bool Gives(const Asked& asked, const EntitlementRef& grant) {
  if (grant.system != asked.system || grant.kind != asked.kind) return false;
  return asked.kind == EntitlementRef::Kind::kResource ? grant.resource == asked.resource
                                                       : EntitlementKey(grant) == asked.entitlement;
}

// Keys of the instances of a resource that people call `label` and that contracts of one person give, the latest last.
std::vector<std::string> KeysOf(const ResourceSpec& spec, const std::string& label, const Person& person) {
  std::multimap<absl::CivilDay, std::string> found;
  for (const Contract& contract : person.contracts) {
    const Value key = FieldOf(person, &contract, absl::StrCat(spec.each, ".id"));
    if (!key.has_value()) continue;
    if (key.ToText() == label || FoldCase(Evaluator::ResourceLabel(spec, person, &contract)) == FoldCase(label)) {
      found.emplace(contract.start, key.ToText());
    }
  }
  std::vector<std::string> keys;
  for (auto& [start, key] : found) keys.push_back(std::move(key));
  return keys;
}

// Of the instances that one label has had, last year's and this year's, the one that the person has by a rule today, or
// holds, or is to have, or else the one that is held.
std::string KeyOfInstance(const PlanInput& input, const std::string& system, const ResourceSpec& spec,
                          const std::string& label, const Person& person) {
  const std::vector<std::string> own = KeysOf(spec, label, person);
  std::vector<std::string> keys = own, held;
  for (const ResourceInstance& instance : input.state->resources) {
    if (instance.system != system || instance.resource != spec.name) continue;
    if (instance.key == label) return label;
    if (FoldCase(instance.label) != FoldCase(label)) continue;
    keys.push_back(instance.key);
    if (instance.is_held) held.push_back(instance.key);
  }
  if (keys.empty()) {
    for (const auto& other : input.snapshot->persons) {
      std::vector<std::string> theirs = KeysOf(spec, label, *other);
      if (!theirs.empty()) return theirs.back();
    }
    return "";
  }
  const auto is_asked = [&](const std::string& entitlement) {
    return std::any_of(keys.begin(), keys.end(),
                       [&](const std::string& key) { return entitlement == absl::StrCat(spec.name, ":", key); });
  };
  for (const EntitlementIntervals& intervals : EvaluatePerson(person, *input.configuration)) {
    if (intervals.system == system && is_asked(intervals.entitlement) && OnDay(intervals, input.as_of) != nullptr) {
      return intervals.entitlement.substr(spec.name.size() + 1);
    }
  }
  for (const Grant& grant : input.state->grants) {
    if (grant.person_id == person.id && grant.system == system && grant.state == GrantState::kHeld &&
        is_asked(grant.entitlement)) {
      return grant.entitlement.substr(spec.name.size() + 1);
    }
  }
  if (!own.empty()) return own.back();
  return held.empty() ? keys.front() : held.front();
}

std::vector<std::string> KnownEntitlements(const PlanInput& input) {
  std::set<std::string> known;
  for (const Rule& rule : input.configuration->rules) {
    for (const EntitlementRef& grant : rule.grants) known.insert(grant.ToString());
  }
  return {known.begin(), known.end()};
}

absl::StatusOr<Asked> LookUp(const PlanInput& input, const Person& person, const std::string& typed) {
  const size_t slash = typed.find('/');
  Asked asked;
  asked.system = typed.substr(0, slash);
  asked.entitlement = slash == std::string::npos ? "" : typed.substr(slash + 1);
  const SystemSpec* system = input.configuration->FindSystem(asked.system);
  const size_t colon = asked.entitlement.find(':');
  const std::string before = asked.entitlement.substr(0, colon);
  if (system != nullptr && colon != std::string::npos && system->resources.contains(before)) {
    asked.kind = EntitlementRef::Kind::kResource;
    asked.resource = before;
    asked.label = asked.entitlement.substr(colon + 1);
    const std::string key = KeyOfInstance(input, asked.system, system->resources.at(before), asked.label, person);
    if (!key.empty()) {
      asked.entitlement = absl::StrCat(before, ":", key);
      return asked;
    }
    return absl::NotFoundError(
        absl::StrCat("no ", before, " is called \"", asked.label, "\" or has it as its key; see `sluice plan`"));
  }
  for (const Rule& rule : input.configuration->rules) {
    for (const EntitlementRef& grant : rule.grants) {
      if (grant.system != asked.system || grant.kind == EntitlementRef::Kind::kResource ||
          FoldCase(EntitlementKey(grant)) != FoldCase(asked.entitlement)) {
        continue;
      }
      asked.kind = grant.kind;
      asked.entitlement = EntitlementKey(grant);
      asked.label = grant.label;
      return asked;
    }
  }
  // No rule gives it now, but somebody may still hold it.
  for (const Grant& grant : input.state->grants) {
    if (grant.system != asked.system || grant.entitlement != asked.entitlement) continue;
    asked.kind = grant.kind == EntitlementKind::kAccount  ? EntitlementRef::Kind::kAccount
                 : grant.kind == EntitlementKind::kAccess ? EntitlementRef::Kind::kAccess
                                                          : EntitlementRef::Kind::kPermission;
    asked.label = grant.label;
    return asked;
  }
  const std::string nearest = base::Nearest(typed, KnownEntitlements(input));
  return absl::NotFoundError(absl::StrCat("no rule gives \"", typed, "\"",
                                          nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?")));
}

class Explainer {
 public:
  Explainer(const PlanInput& input, const Person& person, const Asked& asked)
      : input_(input), person_(person), asked_(asked), reasons_(input), intervals_(Intervals()) {}

  Explanation Run() {
    Explanation explanation;
    explanation.system = asked_.system;
    explanation.entitlement = asked_.entitlement;
    explanation.label = asked_.label;
    for (const Grant& grant : input_.state->grants) {
      if (grant.person_id == person_.id && grant.system == asked_.system && grant.entitlement == asked_.entitlement) {
        explanation.grant = grant;
      }
    }
    const SupportedInterval* today = OnDay(intervals_, input_.as_of);
    const Verdict verdict = today == nullptr ? Verdict::kFalse : today->verdict;
    if (verdict == Verdict::kTrue) {
      for (const Support& support : today->supports) {
        explanation.supports.push_back(reasons_.Of(person_, support, input_.as_of));
      }
    } else {
      AddMissed(explanation);
    }
    SetAnswer(verdict, explanation);
    SetNextChange(verdict, explanation);
    return explanation;
  }

 private:
  EntitlementIntervals Intervals() const {
    for (EntitlementIntervals& intervals : EvaluatePerson(person_, *input_.configuration)) {
      if (intervals.system == asked_.system && intervals.entitlement == asked_.entitlement) return std::move(intervals);
    }
    return {};
  }

  // A rule gives instances of this resource, and it cannot be said which.
  bool IsUnknownWhich() const {
    if (asked_.resource.empty()) return false;
    for (const EntitlementIntervals& intervals : EvaluatePerson(person_, *input_.configuration)) {
      if (intervals.system == asked_.system && intervals.entitlement == absl::StrCat(asked_.resource, ":") &&
          OnDay(intervals, input_.as_of) != nullptr) {
        return true;
      }
    }
    return false;
  }

  void SetAnswer(Verdict verdict, Explanation& explanation) const {
    const bool is_held = explanation.grant && explanation.grant->state == GrantState::kHeld;
    if (!person_.held_back.empty()) {
      explanation.answer = Explanation::Answer::kHeldBack;
      explanation.note = absl::StrCat("held back: ", absl::StrJoin(person_.held_back, "; "));
      return;
    }
    for (const Exclusion& exclusion : input_.state->exclusions) {
      if (exclusion.person_id != person_.id || !exclusion.Holds(input_.as_of)) continue;
      explanation.answer = Explanation::Answer::kExcluded;
      explanation.note = exclusion.until ? absl::StrCat("excluded until ", DayText(*exclusion.until, input_.as_of))
                                         : std::string("excluded until included again");
      if (!exclusion.reason.empty()) absl::StrAppend(&explanation.note, ": ", exclusion.reason);
      return;
    }
    if (verdict == Verdict::kTrue) {
      explanation.answer = Explanation::Answer::kGranted;
      if (!is_held) NoteWhatIsMissing(explanation);
    } else if (verdict == Verdict::kUnknown || IsUnknownWhich()) {
      explanation.answer = Explanation::Answer::kUnknown;
      explanation.note = is_held ? "unknown; what is held is kept" : "unknown; nothing new is given";
    } else {
      explanation.answer = is_held ? Explanation::Answer::kHeldNoLonger : Explanation::Answer::kNotGranted;
      if (is_held) NoteWhatWaits(explanation);
    }
    const auto left_out = person_.fields.find(Person::kLeftOut);
    if (verdict == Verdict::kTrue || left_out == person_.fields.end()) return;
    for (const Value& line : left_out->second.list()) {
      absl::StrAppend(&explanation.note, explanation.note.empty() ? "" : "; ", line.text());
    }
  }

  // Held and no longer supported: why it is not taken away.
  void NoteWhatWaits(Explanation& explanation) const {
    const Plan plan = MakePlan(input_);
    for (const PlannedOperation& operation : plan.operations) {
      const bool is_of_it = operation.person_id == person_.id && operation.system == asked_.system &&
                            (operation.entitlement == asked_.entitlement || operation.kind == OperationKind::kRetire);
      if (!is_of_it || operation.status != OperationStatus::kBlocked) continue;
      for (const Block& block : plan.blocks) {
        if (block.id == operation.block)
          explanation.note = absl::StrCat("waits: ", block.verdict, "; see `sluice block show ", block.id, "`");
      }
      return;
    }
  }

  // Wanted and not held: what a plan of today says of it.
  void NoteWhatIsMissing(Explanation& explanation) const {
    const Plan plan = MakePlan(input_);
    for (const HeldBack& held : plan.held_back) {
      const auto& resources = held.entitlements;
      const bool is_resource = std::find(resources.begin(), resources.end(), asked_.entitlement) != resources.end();
      if ((held.person_id != person_.id && !is_resource) || held.system != asked_.system) continue;
      explanation.answer = Explanation::Answer::kHeldBack;
      explanation.note = absl::StrCat("held back in ", held.system, ": ", held.reason);
      return;
    }
    for (const PlannedOperation& operation : plan.operations) {
      if (operation.person_id != person_.id || operation.system != asked_.system ||
          operation.entitlement != asked_.entitlement) {
        continue;
      }
      if (operation.status == OperationStatus::kObserving) {
        explanation.answer = Explanation::Answer::kNotActivated;
        explanation.note =
            absl::StrCat(operation.system, " only observes for this person; see `sluice system activate`");
      } else if (operation.status == OperationStatus::kBlocked) {
        explanation.note = absl::StrCat("waits for block ", operation.block, "; see `sluice block show`");
      } else {
        explanation.note = absl::StrCat("planned: ", std::string(OperationKindName(operation.kind)));
      }
      return;
    }
    explanation.note = NoteWithoutOperation(plan);
  }

  // Wanted, not held, and the plan has neither an operation for it nor a word about the person.
  std::string NoteWithoutOperation(const Plan& plan) const {
    for (const std::string& name : {asked_.system, absl::StrCat(asked_.system, "/", asked_.entitlement)}) {
      if (const auto found = plan.hindered.find(name); found != plan.hindered.end()) return found->second;
    }
    if (input_.state->open_objects.contains(absl::StrCat(asked_.system, "/", person_.id))) {
      return "an operation on the account is under way; the next enforcement settles it";
    }
    for (const Grant& grant : input_.state->grants) {
      if (grant.person_id != person_.id || grant.system != asked_.system) continue;
      if (grant.state == GrantState::kInDoubt) {
        return absl::StrCat(grant.entitlement, " is in doubt; the next enforcement settles it");
      }
      if (grant.state == GrantState::kUnmanaged &&
          (grant.kind == EntitlementKind::kAccount || grant.entitlement == asked_.entitlement)) {
        return absl::StrCat(grant.entitlement, " is not managed by Sluice");
      }
    }
    for (const EntitlementIntervals& intervals : EvaluatePerson(person_, *input_.configuration)) {
      if (intervals.system != asked_.system || intervals.kind != EntitlementRef::Kind::kAccount) continue;
      const SupportedInterval* today = OnDay(intervals, input_.as_of);
      if (today != nullptr && today->verdict == Verdict::kTrue) return "";
      if (today != nullptr) return "waits for the account, of which the rules cannot say whether it is wanted";
    }
    return "waits for an account, which no rule gives";
  }

  void SetNextChange(Verdict verdict, Explanation& explanation) const {
    for (const SupportedInterval& interval : intervals_.intervals) {
      if (interval.until < input_.as_of) continue;
      const bool is_same = interval.verdict == verdict;
      if (interval.from > input_.as_of && !is_same && !explanation.next_change) {
        explanation.next_change = interval.from;
      } else if (is_same && interval.until < kLastDay && !IsSupportedAs(verdict, interval.until + 1)) {
        explanation.next_change = interval.until + 1;
      }
      if (explanation.next_change) return;
    }
  }

  bool IsSupportedAs(Verdict verdict, absl::CivilDay day) const {
    const SupportedInterval* interval = OnDay(intervals_, day);
    return (interval == nullptr ? Verdict::kFalse : interval->verdict) == verdict;
  }

  void AddMissed(Explanation& explanation) const {
    std::vector<std::pair<std::pair<int64_t, int>, Explanation::Missed>> missed;  // Failing clauses, rule.
    for (size_t i = 0; i < input_.configuration->rules.size(); ++i) {
      const Rule& rule = input_.configuration->rules[i];
      const bool gives = std::any_of(rule.grants.begin(), rule.grants.end(),
                                     [&](const EntitlementRef& grant) { return Gives(asked_, grant); });
      if (!gives) continue;
      Explanation::Missed miss = MissedRule(static_cast<int>(i), rule);
      const int64_t failing = std::count_if(miss.clauses.begin(), miss.clauses.end(), [](const ClauseResult& clause) {
        return clause.verdict != Verdict::kTrue;
      });
      missed.push_back({{failing, static_cast<int>(i)}, std::move(miss)});
    }
    std::sort(missed.begin(), missed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [order, miss] : missed) explanation.missed.push_back(std::move(miss));
  }

  Explanation::Missed MissedRule(int index, const Rule& rule) const {
    Explanation::Missed miss{rule.name, rule.position, {}, ""};
    const Configuration& configuration = *input_.configuration;
    const std::vector<bool> in_window = InWindow(person_, rule, VanishGraceOf(person_, configuration), input_.as_of);
    const std::vector<bool> all(person_.contracts.size(), true);
    const bool has_contract = std::find(in_window.begin(), in_window.end(), true) != in_window.end();
    miss.window = WindowText(index, has_contract);
    const bool is_window = !miss.window.empty();
    miss.clauses = core::Explain(
        rule.when, SubjectOn(person_, configuration, is_window || !has_contract ? all : in_window, input_.as_of));
    if (person_.contracts.empty()) {
      miss.window = "the person has no contracts";
    } else if (miss.window.empty() && asked_.kind == EntitlementRef::Kind::kResource &&
               std::all_of(miss.clauses.begin(), miss.clauses.end(),
                           [](const ClauseResult& clause) { return clause.verdict == Verdict::kTrue; })) {
      miss.window = absl::StrCat("no contract in scope is of this ", asked_.resource);
    }
    return miss;
  }

  // When a contract came into or goes out of the rule's window, if that is what keeps the answer from being yes.
  std::string WindowText(int rule, bool has_contract) const {
    const SupportedInterval* past = nullptr;
    for (const SupportedInterval& interval : intervals_.intervals) {
      for (const Support& support : interval.supports) {
        if (support.rule != rule || support.contract < 0 || interval.verdict != Verdict::kTrue) continue;
        const std::string contract = ContractText(person_.contracts[support.contract]);
        if (interval.from > input_.as_of) {
          return absl::StrCat(contract, " is in scope from ", DayText(interval.from, input_.as_of));
        }
        if (interval.until < input_.as_of) past = &interval;
      }
    }
    if (past == nullptr || has_contract) return "";
    for (const Support& support : past->supports) {
      if (support.rule != rule || support.contract < 0) continue;
      return absl::StrCat(ContractText(person_.contracts[support.contract]), " was in scope until ",
                          DayText(past->until, input_.as_of));
    }
    return "";
  }

  const PlanInput& input_;
  const Person& person_;
  const Asked& asked_;
  const Reasons reasons_;
  const EntitlementIntervals intervals_;
};

}  // namespace

absl::StatusOr<Explanation> Explain(const PlanInput& input, const std::string& person_id,
                                    const std::string& entitlement) {
  const Person* person = nullptr;
  for (const auto& candidate : input.snapshot->persons) {
    if (candidate->id == person_id) person = candidate.get();
  }
  if (person == nullptr) return absl::NotFoundError(absl::StrCat("no person has the id ", person_id));
  auto asked = LookUp(input, *person, entitlement);
  if (!asked.ok()) return asked.status();
  return Explainer(input, *person, *asked).Run();
}

}  // namespace sluice::core
