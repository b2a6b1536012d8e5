// One check of the suite: a promise of the contract, how it is tried, and what became of it.
//
// A check is a row of a table and one function. The tables are the suite; nothing registers itself. A check judges its
// own promise only: where another promise that it needs is broken it is skipped and names that check, so that one
// mistake of a connector is one failed line. Verdicts hold ids and counts, never personal data.
#ifndef SLUICE_TESTS_CONFORMANCE_CHECK_H_
#define SLUICE_TESTS_CONFORMANCE_CHECK_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace sluice::conformance {

class Run;

struct Verdict {
  enum class State { kPassed, kFailed, kSkipped };
  State state = State::kPassed;
  std::string why;  // What was seen, and where; a passed check may say a figure.
};

template <typename... Parts>
Verdict Passed(const Parts&... parts) {
  return Verdict{Verdict::State::kPassed, absl::StrCat(parts...)};
}
template <typename... Parts>
Verdict Failed(const Parts&... parts) {
  return Verdict{Verdict::State::kFailed, absl::StrCat(parts...)};
}
template <typename... Parts>
Verdict Skipped(const Parts&... parts) {
  return Verdict{Verdict::State::kSkipped, absl::StrCat(parts...)};
}

enum class Severity { kMust, kShould };

struct Check {
  const char* id;  // "SRC-002". Never given to another promise.
  int level;
  Severity severity;
  const char* sentence;  // The promise.
  const char* remedy;    // What an author does when it fails.
  Verdict (*run)(Run& run);
};

absl::Span<const Check> PackageChecks();  // Level 0.
absl::Span<const Check> StartChecks();    // Level 1.
absl::Span<const Check> ConfigChecks();   // Level 2: what it is, and its settings.
absl::Span<const Check> ConductChecks();  // Level 2: errors, limits, end.
absl::Span<const Check> ImportChecks();   // Level 3: the stream.
absl::Span<const Check> RecordChecks();   // Level 3: what is in it.
absl::Span<const Check> ResumeChecks();   // Level 3: cursors, single objects.
absl::Span<const Check> OtherChecks();    // Level 3: missing rights, other settings.
absl::Span<const Check> WriteChecks();    // Level 4: operations on objects.
absl::Span<const Check> PromiseChecks();  // Level 4: ids, previews, verdicts.
absl::Span<const Check> FaultChecks();    // Level 5.
absl::Span<const Check> SecretChecks();   // Level 6.
absl::Span<const Check> SpeedChecks();    // Level 7.

// Every check, in the order of levels.
std::vector<const Check*> AllChecks();

}  // namespace sluice::conformance

// The value of a StatusOr, or a check that is skipped because there is none.
#define SLUICE_OR_SKIP(name, expression)                             \
  auto name##_or = (expression);                                     \
  if (!name##_or.ok()) return Skipped(name##_or.status().message()); \
  auto& name = *name##_or

#endif  // SLUICE_TESTS_CONFORMANCE_CHECK_H_
