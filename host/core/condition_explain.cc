#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "host/core/condition.h"
#include "host/core/condition_program.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using internal::IsInWindow;
using internal::Not;
using internal::WithContract;
using Kind = Condition::Kind;
using Clauses = std::vector<ClauseResult>;

std::string ShortPath(absl::string_view path) {
  if (!absl::ConsumePrefix(&path, "person.")) absl::ConsumePrefix(&path, "contract.");
  return std::string(path);
}

std::string OperandText(const Operand& operand) {
  if (!operand.is_relative_day) return operand.value.ToText();
  if (operand.days_from_today == 0) return "today";
  return absl::StrCat("today ", operand.days_from_today < 0 ? "-" : "+", " ",
                      operand.days_from_today < 0 ? -operand.days_from_today : operand.days_from_today, "d");
}

std::string Listed(const std::vector<Operand>& operands, absl::string_view word) {
  return absl::StrJoin(operands, absl::StrCat(" ", word, " "),
                       [](std::string* out, const Operand& operand) { absl::StrAppend(out, OperandText(operand)); });
}

bool IsDay(const Operand& operand) { return operand.is_relative_day || operand.value.kind() == Value::Kind::kDate; }

// "31XY00 or 31XY01", "at least 4", "before 2026-08-01".
std::string WantedOf(const Condition& test) {
  std::string first = test.operands.empty() ? "" : OperandText(test.operands[0]);
  bool is_day = !test.operands.empty() && IsDay(test.operands[0]);
  switch (test.op) {
    case TestOperator::kEq:
    case TestOperator::kIn:
      return Listed(test.operands, "or");
    case TestOperator::kNe:
    case TestOperator::kNotIn:
      return absl::StrCat("not ", Listed(test.operands, "or"));
    case TestOperator::kPrefix:
      return absl::StrCat("a text that starts with ", first);
    case TestOperator::kSuffix:
      return absl::StrCat("a text that ends with ", first);
    case TestOperator::kContains:
      return absl::StrCat("one that contains ", first);
    case TestOperator::kRegex:
      return absl::StrCat("a text that matches ", first);
    case TestOperator::kEmpty:
      return "nothing";
    case TestOperator::kPresent:
      return "any value";
    case TestOperator::kLt:
      return absl::StrCat(is_day ? "before " : "less than ", first);
    case TestOperator::kLe:
      return absl::StrCat(is_day ? "on or before " : "at most ", first);
    case TestOperator::kGt:
      return absl::StrCat(is_day ? "after " : "more than ", first);
    case TestOperator::kGe:
      return absl::StrCat(is_day ? "on or after " : "at least ", first);
    case TestOperator::kBetween:
      return absl::StrCat("between ", Listed(test.operands, "and"));
  }
  return first;
}

std::string Negated(const std::string& wanted) {
  absl::string_view rest = wanted;
  return absl::ConsumePrefix(&rest, "not ") ? std::string(rest) : absl::StrCat("not ", wanted);
}

// Why a visible value gives no answer.
std::string SawText(const Value& saw) {
  if (!saw.is_visible()) return "is not visible";
  if (!saw.has_value() || saw.ToText().empty()) return "is empty";
  return absl::StrCat("is ", saw.ToText());
}

// Explains with the negations pushed down to the tests, so that it sees "and", "or", "each" and "some" only.
class Explainer {
 public:
  static Clauses Of(const Condition& condition, const Subject& subject, bool is_negated) {
    switch (condition.kind) {
      case Kind::kAll:
        return is_negated ? OfAny(condition, subject, true) : OfAll(condition, subject, false);
      case Kind::kAny:
        return is_negated ? OfAll(condition, subject, true) : OfAny(condition, subject, false);
      case Kind::kNot:
        return Of(condition.children[0], subject, !is_negated);
      case Kind::kTest:
        return {OfTest(condition, subject, is_negated)};
      case Kind::kSomeContract:
        return is_negated ? OfEach(condition, subject, true) : OfSome(condition, subject, false);
      case Kind::kEveryContract:
        return is_negated ? OfSome(condition, subject, true) : OfEach(condition, subject, false);
      case Kind::kNoContract:
        return is_negated ? OfSome(condition, subject, false) : OfEach(condition, subject, true);
      case Kind::kPrimaryContract:
        return OfPrimary(condition, subject, is_negated);
      case Kind::kCountContracts:
        return {OfCount(condition, subject, is_negated)};
    }
    return {};
  }

 private:
  static Verdict VerdictOf(const Condition& condition, const Subject& subject, bool is_negated) {
    Verdict verdict = Evaluate(condition, subject);
    return is_negated ? Not(verdict) : verdict;
  }

  // How much would have to change. Another kind of contract is far away, whatever else fits.
  static int Weight(const Clauses& clauses) {
    int weight = 0;
    for (const ClauseResult& clause : clauses) {
      if (clause.verdict != Verdict::kTrue) weight += clause.path == "contract.type" ? 100 : 1;
    }
    return weight;
  }

  static void Append(Clauses more, Clauses& clauses) {
    std::move(more.begin(), more.end(), std::back_inserter(clauses));
  }

  static Clauses OfAll(const Condition& condition, const Subject& subject, bool is_negated) {
    Clauses clauses;
    bool holds = std::all_of(condition.children.begin(), condition.children.end(), [&](const Condition& child) {
      return VerdictOf(child, subject, is_negated) == Verdict::kTrue;
    });
    for (const Condition& child : condition.children) {
      if (holds || VerdictOf(child, subject, is_negated) != Verdict::kTrue) {
        Append(Of(child, subject, is_negated), clauses);
      }
    }
    return clauses;
  }

  static Clauses OfAny(const Condition& condition, const Subject& subject, bool is_negated) {
    Clauses nearest;
    bool has_one = false;
    for (const Condition& child : condition.children) {
      Clauses clauses = Of(child, subject, is_negated);
      if (VerdictOf(child, subject, is_negated) == Verdict::kTrue) return clauses;
      if (!has_one || Weight(clauses) < Weight(nearest)) nearest = std::move(clauses);
      has_one = true;
    }
    return nearest;
  }

  static Clauses OfSome(const Condition& condition, const Subject& subject, bool is_negated) {
    const Condition& child = condition.children[0];
    Clauses nearest;
    bool has_one = false;
    for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
      if (!IsInWindow(subject, i)) continue;
      Subject inner = WithContract(subject, static_cast<int>(i));
      Clauses clauses = Of(child, inner, is_negated);
      if (VerdictOf(child, inner, is_negated) == Verdict::kTrue) return clauses;
      if (!has_one || Weight(clauses) < Weight(nearest)) nearest = std::move(clauses);
      has_one = true;
    }
    if (!has_one) return {NoContract(condition, Verdict::kFalse)};
    return nearest;
  }

  static Clauses OfEach(const Condition& condition, const Subject& subject, bool is_negated) {
    const Condition& child = condition.children[0];
    Clauses all;
    Clauses worst;
    Verdict weakest = Verdict::kTrue;
    bool has_one = false;
    for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
      if (!IsInWindow(subject, i)) continue;
      has_one = true;
      Subject inner = WithContract(subject, static_cast<int>(i));
      Verdict verdict = VerdictOf(child, inner, is_negated);
      Clauses clauses = Of(child, inner, is_negated);
      if (verdict < weakest) {
        weakest = verdict;
        worst = std::move(clauses);
      } else if (verdict == Verdict::kTrue) {
        Append(std::move(clauses), all);
      }
    }
    if (!has_one) return {NoContract(condition, Verdict::kTrue)};
    return weakest == Verdict::kTrue ? all : worst;
  }

  static Clauses OfPrimary(const Condition& condition, const Subject& subject, bool is_negated) {
    if (subject.primary < 0 || !IsInWindow(subject, subject.primary)) {
      return {NoContract(condition, is_negated ? Verdict::kTrue : Verdict::kFalse)};
    }
    return Of(condition.children[0], WithContract(subject, subject.primary), is_negated);
  }

  static ClauseResult NoContract(const Condition& condition, Verdict verdict) {
    ClauseResult clause;
    clause.position = condition.position;
    clause.path = "contract";
    clause.wanted = verdict == Verdict::kTrue ? "no contract in the window" : "a contract in the window";
    clause.saw = Value::Integer(0);
    clause.verdict = verdict;
    clause.text = "no contract is in the window";
    return clause;
  }

  static ClauseResult OfCount(const Condition& condition, const Subject& subject, bool is_negated) {
    internal::ContractCount count = internal::CountContracts(condition, subject);
    Condition as_test;
    as_test.op = condition.count_op;
    for (int64_t n : condition.counts) as_test.operands.push_back({Value::Integer(n), false, 0});
    ClauseResult clause;
    clause.position = condition.position;
    clause.path = "contract";
    clause.wanted = is_negated ? Negated(WantedOf(as_test)) : WantedOf(as_test);
    clause.saw = Value::Integer(count.certain);
    clause.verdict = VerdictOf(condition, subject, is_negated);
    std::string saw = count.possible == count.certain ? absl::StrCat(count.certain)
                                                      : absl::StrCat(count.certain, " to ", count.possible);
    clause.text = absl::StrCat(saw, " contracts match, the rule wants ", clause.wanted);
    if (clause.verdict == Verdict::kTrue) clause.text = absl::StrCat(saw, " contracts match");
    if (clause.verdict == Verdict::kUnknown) {
      for (const std::string& cause : UnknownsOf(condition.children[0], subject))
        absl::StrAppend(&clause.text, "; ", cause);
    }
    return clause;
  }

  // Why it cannot be said whether contracts match, each cause once.
  static std::set<std::string> UnknownsOf(const Condition& child, const Subject& subject) {
    std::set<std::string> causes;
    for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
      if (!IsInWindow(subject, i)) continue;
      const Subject inner = WithContract(subject, static_cast<int>(i));
      if (Evaluate(child, inner) != Verdict::kUnknown) continue;
      for (const ClauseResult& clause : Of(child, inner, false)) {
        if (clause.verdict == Verdict::kUnknown) causes.insert(clause.text);
      }
    }
    return causes;
  }

  static ClauseResult OfTest(const Condition& test, const Subject& subject, bool is_negated) {
    ClauseResult clause;
    clause.position = test.position;
    clause.path = test.path;
    clause.wanted = is_negated ? Negated(WantedOf(test)) : WantedOf(test);
    clause.saw = internal::SeenBy(test, subject);
    clause.verdict = VerdictOf(test, subject, is_negated);
    bool is_of_contract = clause.path.rfind("contract.", 0) == 0;
    if (is_of_contract && subject.contract >= 0) clause.contract_id = subject.person->contracts[subject.contract].id;
    clause.text = absl::StrCat(ShortPath(test.path), " ", SawText(clause.saw));
    if (clause.verdict == Verdict::kFalse) {
      absl::StrAppend(&clause.text, ", the rule wants ", clause.wanted);
    } else if (clause.verdict == Verdict::kUnknown && clause.saw.is_visible()) {
      absl::StrAppend(&clause.text, ", which cannot be compared with ", clause.wanted);
    }
    return clause;
  }
};

}  // namespace

std::vector<ClauseResult> Explain(const Condition& condition, const Subject& subject) {
  return Explainer::Of(condition, subject, false);
}

}  // namespace sluice::core
