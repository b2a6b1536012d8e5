#include "host/core/reasons.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "host/core/condition_program.h"
#include "host/core/evaluation.h"
#include "host/core/primary_contract.h"

namespace sluice::core {
namespace {

// A contract that started so short ago, or starts later, is shown with that day.
constexpr int64_t kRecentDays = 14;

int ContractIndex(const Person& person, const std::string& id) {
  for (size_t i = 0; i < person.contracts.size(); ++i) {
    if (person.contracts[i].id == id) return static_cast<int>(i);
  }
  return -1;
}

bool IsOfContracts(Condition::Kind kind) {
  return kind == Condition::Kind::kSomeContract || kind == Condition::Kind::kEveryContract ||
         kind == Condition::Kind::kNoContract || kind == Condition::Kind::kPrimaryContract ||
         kind == Condition::Kind::kCountContracts;
}

// Whether a test, or how many contracts there are, comes to what a clause says of it.
bool IsAsSaid(const Condition& condition, bool is_negated, const ClauseResult& clause, Subject subject) {
  subject.contract = clause.contract_id.empty() ? -1 : ContractIndex(*subject.person, clause.contract_id);
  if (!clause.contract_id.empty() && subject.contract < 0) return false;
  const Verdict verdict = core::Evaluate(condition, subject);
  if ((is_negated ? internal::Not(verdict) : verdict) != clause.verdict) return false;
  if (condition.kind == Condition::Kind::kCountContracts) {
    return clause.saw == Value::Integer(internal::CountContracts(condition, subject).certain);
  }
  if (condition.kind == Condition::Kind::kPrimaryContract) {
    return subject.primary < 0 || !internal::IsInWindow(subject, static_cast<size_t>(subject.primary));
  }
  if (condition.kind != Condition::Kind::kTest) {
    for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
      if (internal::IsInWindow(subject, i)) return false;  // It says that there is none.
    }
    return true;
  }
  const Contract* contract = subject.contract < 0 ? nullptr : &subject.person->contracts[subject.contract];
  return FieldOf(*subject.person, contract, clause.path) == clause.saw;
}

// Whether what stands where the clause says comes to the same; under a negation it is the negation that the clause
// speaks of.
bool IsAsSaidBelow(const Condition& condition, bool is_negated, const ClauseResult& clause, const Subject& subject) {
  const bool is_meant = condition.kind == Condition::Kind::kTest
                            ? condition.path == clause.path
                            : IsOfContracts(condition.kind) && clause.path == "contract";
  if (is_meant && condition.position.line == clause.position.line &&
      condition.position.column == clause.position.column && IsAsSaid(condition, is_negated, clause, subject)) {
    return true;
  }
  const bool turns = condition.kind == Condition::Kind::kNot || condition.kind == Condition::Kind::kNoContract;
  return std::any_of(condition.children.begin(), condition.children.end(), [&](const Condition& child) {
    return IsAsSaidBelow(child, is_negated != turns, clause, subject);
  });
}

// The day that a contract ended, seen from the person, and whether it was only lost sight of then.
std::pair<absl::CivilDay, bool> EndOf(const Person& person, const Contract& contract) {
  absl::CivilDay end = contract.end.value_or(kLastDay);
  bool is_lost = false;
  for (const std::optional<absl::CivilDay>& seen : {contract.last_seen, person.last_seen}) {
    if (!seen || *seen >= end) continue;
    end = *seen;
    is_lost = true;
  }
  return {end, is_lost};
}

}  // namespace

std::string DayText(absl::CivilDay day, absl::CivilDay as_of) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::string text = absl::StrCat(day.day(), " ", kMonths[day.month() - 1]);
  if (day.year() != as_of.year()) absl::StrAppend(&text, " ", day.year());
  return text;
}

std::string ContractTypeText(const Contract& contract) { return absl::StrReplaceAll(contract.type, {{"_", " "}}); }

std::string ContractText(const Contract& contract) {
  const auto value = [&](const char* field) {
    const auto found = contract.fields.find(field);
    return found != contract.fields.end() && found->second.has_value() ? found->second.ToText() : std::string();
  };
  // A department that is the whole location says less than what somebody does there.
  std::string text = value("department.code");
  if (text.empty() || text == value("location.code")) text = value("title.name");
  for (const char* field : {"department.code", "department.name", "location.code"}) {
    if (text.empty()) text = value(field);
  }
  return text.empty() ? ContractTypeText(contract) : absl::StrCat(ContractTypeText(contract), " ", text);
}

Subject SubjectOn(const Person& person, const Configuration& configuration, const std::vector<bool>& in_window,
                  absl::CivilDay day) {
  Subject subject;
  subject.person = &person;
  subject.in_window = &in_window;
  subject.primary = PrimaryContract(person, configuration.primary_contract, day);
  subject.today = day;
  return subject;
}

const SupportedInterval* OnDay(const EntitlementIntervals& intervals, absl::CivilDay day) {
  for (const SupportedInterval& interval : intervals.intervals) {
    if (interval.from <= day && day <= interval.until) return &interval;
  }
  return nullptr;
}

SupportReason Reasons::Of(const Person& person, const Support& support, absl::CivilDay on) const {
  const Configuration& configuration = *input_.configuration;
  const Rule& rule = configuration.rules[support.rule];
  const int64_t grace = VanishGraceOf(person, configuration);
  SupportReason reason;
  reason.rule = rule.name;
  reason.position = rule.position;
  reason.role = rule.grants[support.grant].role;
  reason.on = on;
  std::vector<bool> in_window = InWindow(person, rule, grace, on);
  Subject subject = SubjectOn(person, configuration, in_window, on);
  std::vector<bool> only(in_window.size(), false);
  if (support.contract >= 0) {
    const Contract& contract = person.contracts[support.contract];
    reason.contract_id = contract.id;
    reason.contract = ContractText(contract);
    const ContractWindow window = WindowOf(person, contract, rule.before_start_days, rule.after_end_days, grace);
    if (window.from > kFirstDay) reason.from = window.from;
    if (window.until < kLastDay) reason.until = window.until;
    reason.records.push_back(contract.source);
    // The clauses of this contract, where it alone is enough.
    only[support.contract] = true;
    Subject alone = subject;
    alone.in_window = &only;
    if (core::Evaluate(rule.when, alone) == Verdict::kTrue) subject = alone;
  }
  reason.clauses = core::Explain(rule.when, subject);
  for (const RecordKey& source : person.sources) {
    if (std::find(reason.records.begin(), reason.records.end(), source) == reason.records.end()) {
      reason.records.push_back(source);
    }
  }
  return reason;
}

std::string Reasons::GivenText(const Person& person, const SupportedInterval& interval) const {
  std::vector<int> contracts;
  for (const Support& support : interval.supports) {
    if (support.contract >= 0) contracts.push_back(support.contract);
  }
  if (contracts.empty()) return "by the person's own data";
  const int main = PrimaryContractAmong(person, contracts, input_.configuration->primary_contract, input_.as_of);
  const Contract& contract = person.contracts[main < 0 ? contracts[0] : main];
  std::string text = ContractText(contract);
  if (contract.start > input_.as_of - kRecentDays) {
    absl::StrAppend(&text, " from ", DayText(contract.start, input_.as_of));
  }
  return text;
}

Reason Reasons::Given(const Person& person, const SupportedInterval& interval, std::string origin) const {
  Reason reason{std::move(origin), GivenText(person, interval), {}};
  for (const Support& support : interval.supports) reason.supports.push_back(Of(person, support, input_.as_of));
  return reason;
}

Reason Reasons::Ended(const Person& person, const EntitlementIntervals* intervals) const {
  Reason reason{"ended", "no rule gives it any more", {}};
  const SupportedInterval* last = nullptr;
  if (intervals != nullptr) {
    for (const SupportedInterval& interval : intervals->intervals) {
      if (interval.until < input_.as_of && interval.verdict == Verdict::kTrue) last = &interval;
    }
  }
  if (last == nullptr) return reason;
  for (const Support& support : last->supports) reason.supports.push_back(Of(person, support, last->until));
  for (size_t i = 0; i < last->supports.size(); ++i) {
    const Support& support = last->supports[i];
    if (support.contract < 0 || reason.supports[i].until != last->until) continue;
    const Contract& contract = person.contracts[support.contract];
    const auto [end, is_lost] = EndOf(person, contract);
    reason.summary =
        absl::StrCat(ContractTypeText(contract), is_lost ? " last seen " : " ended ", DayText(end, input_.as_of));
    return reason;
  }
  const Rule& rule = input_.configuration->rules[last->supports[0].rule];
  reason.summary = absl::StrCat("\"", rule.name, "\" no longer holds since ", DayText(last->until + 1, input_.as_of));
  return reason;
}

bool Reevaluates(const SupportReason& reason, const PlanInput& input, const Person& person) {
  const Configuration& configuration = *input.configuration;
  const auto rule = std::find_if(configuration.rules.begin(), configuration.rules.end(), [&](const Rule& r) {
    return r.name == reason.rule && r.position.ToString() == reason.position.ToString();
  });
  if (rule == configuration.rules.end()) return false;
  const int64_t grace = VanishGraceOf(person, configuration);
  const std::vector<bool> in_window = InWindow(person, *rule, grace, reason.on);
  const Subject subject = SubjectOn(person, configuration, in_window, reason.on);
  if (core::Evaluate(rule->when, subject) != Verdict::kTrue) return false;
  if (!reason.contract_id.empty()) {
    const int contract = ContractIndex(person, reason.contract_id);
    if (contract < 0 || !in_window[contract]) return false;
  }
  // As where the reason came from: the contract by itself, where it alone is enough.
  Subject seen = subject;
  std::vector<bool> only(in_window.size(), false);
  if (!reason.contract_id.empty()) {
    only[static_cast<size_t>(ContractIndex(person, reason.contract_id))] = true;
    seen.in_window = &only;
    if (core::Evaluate(rule->when, seen) != Verdict::kTrue) seen = subject;
  }
  return std::all_of(reason.clauses.begin(), reason.clauses.end(),
                     [&](const ClauseResult& clause) { return IsAsSaidBelow(rule->when, false, clause, seen); });
}

}  // namespace sluice::core
