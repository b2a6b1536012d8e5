#include "host/core/condition.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "host/base/nearest.h"
#include "host/base/status.h"
#include "host/core/condition_program.h"
#include "host/core/text.h"

namespace sluice::core {
namespace {

using internal::CountContracts;
using internal::IsInWindow;
using internal::Not;
using internal::WithContract;
using Kind = Condition::Kind;

constexpr struct {
  TestOperator op;
  absl::string_view name;
} kOperators[] = {{TestOperator::kEq, "eq"},
                  {TestOperator::kNe, "ne"},
                  {TestOperator::kIn, "in"},
                  {TestOperator::kNotIn, "notin"},
                  {TestOperator::kPrefix, "prefix"},
                  {TestOperator::kSuffix, "suffix"},
                  {TestOperator::kContains, "contains"},
                  {TestOperator::kRegex, "regex"},
                  {TestOperator::kEmpty, "empty"},
                  {TestOperator::kPresent, "present"},
                  {TestOperator::kLt, "lt"},
                  {TestOperator::kLe, "le"},
                  {TestOperator::kGt, "gt"},
                  {TestOperator::kGe, "ge"},
                  {TestOperator::kBetween, "between"}};

// Calls `each` with every test at or below `condition`.
template <typename Each>
void ForEachTest(const Condition& condition, Each each) {
  if (condition.kind == Kind::kTest) each(condition);
  for (const Condition& child : condition.children) ForEachTest(child, each);
}

// The strongest verdict that an in-window contract gives.
Verdict SomeContract(const Condition& child, const Subject& subject) {
  Verdict strongest = Verdict::kFalse;
  Subject inner = subject;
  for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
    if (!IsInWindow(subject, i)) continue;
    inner.contract = static_cast<int>(i);
    Verdict verdict = Evaluate(child, inner);
    if (verdict == Verdict::kTrue) return verdict;
    if (verdict > strongest) strongest = verdict;
  }
  return strongest;
}

// The weakest one; true when there is no contract.
Verdict EveryContract(const Condition& child, const Subject& subject) {
  Verdict weakest = Verdict::kTrue;
  Subject inner = subject;
  for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
    if (!IsInWindow(subject, i)) continue;
    inner.contract = static_cast<int>(i);
    Verdict verdict = Evaluate(child, inner);
    if (verdict == Verdict::kFalse) return verdict;
    if (verdict < weakest) weakest = verdict;
  }
  return weakest;
}

// Collects what MatchingContracts returns; gives whether a node on the true path spoke of contracts.
bool Collect(const Condition& condition, const Subject& subject, std::set<int>& matching) {
  bool has_spoken = false;
  switch (condition.kind) {
    case Kind::kAll:
    case Kind::kAny:
      for (const Condition& child : condition.children) {
        if (Evaluate(child, subject) == Verdict::kTrue) has_spoken |= Collect(child, subject, matching);
      }
      return has_spoken;
    case Kind::kSomeContract:
    case Kind::kCountContracts:
    case Kind::kEveryContract:
      for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
        int index = static_cast<int>(i);
        if (!IsInWindow(subject, i)) continue;
        if (Evaluate(condition.children[0], WithContract(subject, index)) != Verdict::kTrue) continue;
        matching.insert(index);
        has_spoken = true;
      }
      return has_spoken;
    case Kind::kPrimaryContract:
      matching.insert(subject.primary);
      return true;
    case Kind::kNot:
    case Kind::kNoContract:
    case Kind::kTest:
      return false;
  }
  return false;
}

}  // namespace

absl::string_view TestOperatorName(TestOperator op) {
  for (const auto& known : kOperators) {
    if (known.op == op) return known.name;
  }
  return "";
}

absl::StatusOr<TestOperator> TestOperatorFromName(absl::string_view name) {
  std::vector<std::string> names;
  for (const auto& known : kOperators) {
    if (known.name == name) return known.op;
    names.emplace_back(known.name);
  }
  std::string nearest = base::Nearest(name, names);
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown operator \"", name, "\"", nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?")));
}

absl::Status Compile(Condition& condition) {
  if (condition.kind == Kind::kTest) {
    ASSIGN_OR_RETURN(condition.compiled, internal::MakeProgram(condition));
  }
  for (Condition& child : condition.children) RETURN_IF_ERROR(Compile(child));
  return absl::OkStatus();
}

std::vector<std::string> PathsOf(const Condition& condition) {
  std::set<std::string> paths;
  ForEachTest(condition, [&](const Condition& test) { paths.insert(test.path); });
  return std::vector<std::string>(paths.begin(), paths.end());
}

std::vector<RelativeDay> RelativeDaysOf(const Condition& condition) {
  std::set<std::pair<std::string, int64_t>> days;
  ForEachTest(condition, [&](const Condition& test) {
    for (const Operand& operand : test.operands) {
      if (operand.is_relative_day) days.emplace(test.path, operand.days_from_today);
    }
  });
  std::vector<RelativeDay> result;
  for (const auto& [path, day] : days) result.push_back({path, day});
  return result;
}

Verdict Evaluate(const Condition& condition, const Subject& subject) {
  switch (condition.kind) {
    case Kind::kAll: {
      Verdict weakest = Verdict::kTrue;
      for (const Condition& child : condition.children) {
        Verdict verdict = Evaluate(child, subject);
        if (verdict == Verdict::kFalse) return verdict;
        if (verdict < weakest) weakest = verdict;
      }
      return weakest;
    }
    case Kind::kAny: {
      Verdict strongest = Verdict::kFalse;
      for (const Condition& child : condition.children) {
        Verdict verdict = Evaluate(child, subject);
        if (verdict == Verdict::kTrue) return verdict;
        if (verdict > strongest) strongest = verdict;
      }
      return strongest;
    }
    case Kind::kNot:
      return Not(Evaluate(condition.children[0], subject));
    case Kind::kTest:
      return internal::EvaluateTest(condition, subject);
    case Kind::kSomeContract:
      return SomeContract(condition.children[0], subject);
    case Kind::kEveryContract:
      return EveryContract(condition.children[0], subject);
    case Kind::kNoContract:
      return Not(SomeContract(condition.children[0], subject));
    case Kind::kPrimaryContract:
      if (subject.primary < 0 || !IsInWindow(subject, subject.primary)) return Verdict::kFalse;
      return Evaluate(condition.children[0], WithContract(subject, subject.primary));
    case Kind::kCountContracts:
      return internal::EvaluateCount(condition, CountContracts(condition, subject));
  }
  return Verdict::kUnknown;
}

std::vector<int> MatchingContracts(const Condition& condition, const Subject& subject) {
  std::set<int> matching;
  if (!Collect(condition, subject, matching)) {
    for (size_t i = 0; i < subject.person->contracts.size(); ++i) {
      if (IsInWindow(subject, i)) matching.insert(static_cast<int>(i));
    }
  }
  return std::vector<int>(matching.begin(), matching.end());
}

}  // namespace sluice::core
