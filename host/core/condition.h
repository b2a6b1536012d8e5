// Conditions of rules and accounts: pure data, analysable, three-valued.
//
// An unknown (a field that is not visible, a type that does not fit) is never a "no": `all` with an unknown and no
// false is unknown, and so on (Kleene). Each test remembers where it stands, so that a reason can name line and clause.
// Immutable after building.
#ifndef SLUICE_HOST_CORE_CONDITION_H_
#define SLUICE_HOST_CORE_CONDITION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "host/core/person.h"
#include "host/core/position.h"
#include "host/core/value.h"

namespace sluice::core {

enum class Verdict { kFalse, kUnknown, kTrue };

enum class TestOperator {
  kEq,
  kNe,
  kIn,
  kNotIn,
  kPrefix,
  kSuffix,
  kContains,
  kRegex,
  kEmpty,
  kPresent,
  kLt,
  kLe,
  kGt,
  kGe,
  kBetween
};
absl::string_view TestOperatorName(TestOperator op);                   // "ge"
absl::StatusOr<TestOperator> TestOperatorFromName(absl::string_view);  // With the nearest known name in the error.

// What a test compares with: a value, or a day relative to today ("today + 30d"), which makes a breakpoint of an
// interval.
struct Operand {
  Value value;
  bool is_relative_day = false;
  int64_t days_from_today = 0;
};

struct Condition {
  enum class Kind {
    kAll,
    kAny,
    kNot,
    kTest,
    kSomeContract,
    kEveryContract,
    kNoContract,
    kPrimaryContract,
    kCountContracts
  };
  Kind kind = Kind::kAll;  // An `all` of nothing is true.
  Position position;
  std::vector<Condition> children;  // kAll, kAny; kNot and the *_contract kinds have one.
  // kTest
  std::string path;  // Whole: "person.custom.leerjaar" or "contract.location.code". Inside a *_contract what is written
                     // as "location.code" stands here as "contract.location.code". "contract.type", "contract.start",
                     // "contract.end" too.
  TestOperator op = TestOperator::kEq;
  std::vector<Operand>
      operands;  // kIn and kNotIn have any number, kBetween two, kEmpty and kPresent none, the others one.
  std::shared_ptr<const void> compiled;  // Of kTest: set by Compile(). Without it the answer is the same, later.
  // kCountContracts: how many must hold.
  TestOperator count_op = TestOperator::kGe;
  std::vector<int64_t> counts;
};

// Compiles the tests at and below `condition`: regular expressions, and where each finds its field. INVALID_ARGUMENT
// names the expression. Whoever changes a path, an operator or an expression afterwards compiles again.
absl::Status Compile(Condition& condition);

// Every path that the condition reads ("contract.location.code"), each once, sorted.
std::vector<std::string> PathsOf(const Condition& condition);

// Days from today that the condition's relative operands use, with the path they are compared with: for breakpoints.
struct RelativeDay {
  std::string path;
  int64_t days = 0;
};
std::vector<RelativeDay> RelativeDaysOf(const Condition& condition);

// What a condition is asked about. `in_window[i]` says whether person.contracts[i] is in the rule's window today;
// contracts out of it are invisible to every *_contract kind. `primary` is an index into contracts, -1: none.
// `contract` is the one that a bare "contract." path means outside of a *_contract (an account's when); -1: none, such
// a test is unknown.
struct Subject {
  const Person* person = nullptr;
  const std::vector<bool>* in_window = nullptr;
  int primary = -1;
  int contract = -1;
  absl::CivilDay today;
};

// every_contract and no_contract hold when no contract is in the window, the other *_contract kinds do not. A test on
// an empty field: eq, in and every comparison are false, ne, notin and empty are true. A list is equal to what one of
// its items is equal to; `contains` looks for an item of a list, and for a part of a text.
Verdict Evaluate(const Condition& condition, const Subject& subject);

// Which contracts make the condition true: those that satisfy the some_/primary_contract nodes on the true path; all
// in-window ones when no node speaks of contracts. Indexes into person.contracts, ascending. Only meaningful when
// Evaluate gives kTrue.
std::vector<int> MatchingContracts(const Condition& condition, const Subject& subject);

// One clause of an explanation: a test, what it wanted, what it saw.
struct ClauseResult {
  Position position;
  std::string path;
  std::string wanted;  // "31XY00 or 31XY01", "at least 4"
  Value saw;
  std::string contract_id;  // Of which contract; empty for a person's field.
  Verdict verdict = Verdict::kUnknown;
  std::string text;  // "location.code is 31XY01, the rule wants 31XY00"; "custom.geen_laptop is not visible"
};

// The clauses that decide the verdict: for kTrue those of a satisfying path; for kFalse and kUnknown those that would
// have to change, of the contract that comes nearest (of the wanted type if there is one, fewest failing clauses, then
// lowest index). Below a `not` a clause is what the rule wants there: `wanted` is "not true", and `verdict` says
// whether that holds. Where no contract is in the window there is one clause of the path "contract". Never empty for a
// condition that has tests.
std::vector<ClauseResult> Explain(const Condition& condition, const Subject& subject);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_CONDITION_H_
