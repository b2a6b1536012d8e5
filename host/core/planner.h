// From a snapshot, the configuration, the state and a day to a plan; and the explanation of any grant or non-grant.
//
// Pure functions: no I/O, no clock, no randomness. Evaluation has two halves: EvaluatePerson gives date intervals for
// one person, a pass over the population settles what crosses people (correlation, resources, names, thresholds).
#ifndef SLUICE_HOST_CORE_PLANNER_H_
#define SLUICE_HOST_CORE_PLANNER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "host/core/configuration.h"
#include "host/core/plan.h"
#include "host/core/reading.h"
#include "host/core/snapshot.h"
#include "host/core/state.h"

namespace sluice::core {

struct PlanInput {
  const Configuration* configuration = nullptr;
  const Snapshot* snapshot = nullptr;
  const State* state = nullptr;
  absl::CivilDay as_of;
  const Readings* readings = nullptr;  // Null: nothing that is taken away waits for a reading.
};

Plan MakePlan(const PlanInput& input);

// Days from which to which (both inclusive) an entitlement is supported, and by what.
struct Support {
  int rule = 0;       // Index into Configuration.rules.
  int grant = 0;      // Index into Rule.grants.
  int contract = -1;  // Index into Person.contracts; -1: the rule speaks of the person only.
};
// What an interval without a first or last day says.
inline constexpr absl::CivilDay kFirstDay(1, 1, 1);
inline constexpr absl::CivilDay kLastDay(9999, 12, 31);

struct SupportedInterval {
  absl::CivilDay from = kFirstDay, until = kLastDay;
  Verdict verdict = Verdict::kTrue;  // kUnknown: keeps, gives nothing new.
  std::vector<Support> supports;     // By rule, then contract.
};
struct EntitlementIntervals {
  std::string system;
  std::string entitlement;  // As in Grant: "account", "class group:<key>"
  EntitlementRef::Kind kind = EntitlementRef::Kind::kAccount;
  std::string label;  // Of a permission; of a resource instance its name as of the first interval.
  std::vector<SupportedInterval> intervals;  // In order, not overlapping; days without one are not supported.
};
// All dates at once; by system and entitlement. An entitlement "class group:" without a key is always unknown: a rule
// gives a resource of which it cannot be said which one, so that all that is held of it is kept. For many persons use
// one Evaluator (evaluation.h).
std::vector<EntitlementIntervals> EvaluatePerson(const Person& person, const Configuration& configuration);

// Whether a reason, evaluated again on its day, comes to the same answer: the same rule, the contract in its window,
// every clause with the value it saw and its verdict.
bool Reevaluates(const SupportReason& reason, const PlanInput& input, const Person& person);

// Why somebody holds something or not.
struct Explanation {
  enum class Answer { kGranted, kNotGranted, kUnknown, kHeldNoLonger, kExcluded, kHeldBack, kNotActivated };
  Answer answer = Answer::kNotGranted;
  std::string system, entitlement, label;
  std::vector<SupportReason> supports;  // kGranted.
  // Otherwise the rules that could give it, nearest first, with the clauses that fail and, if known, the day from which
  // it would hold.
  struct Missed {
    std::string rule;
    Position position;
    std::vector<ClauseResult> clauses;
    std::string window;  // "placement H4D is in scope from 11 Jan 2027"; empty: not the window.
  };
  std::vector<Missed> missed;
  std::optional<absl::CivilDay> next_change;  // When the answer changes by itself, if known.
  std::optional<Grant> grant;                 // What is held now, if anything.
  std::string note;                           // "excluded until ...", "held back: ..."
};
// `entitlement` as people type it: "ad/account", "ad/group:docenten", "ad/class group:les-h4.bio2" (label or key).
// NOT_FOUND when nobody could ever have it: names the nearest known.
absl::StatusOr<Explanation> Explain(const PlanInput& input, const std::string& person_id,
                                    const std::string& entitlement);

// Who matches which account before go-live.
struct CorrelationReport {
  struct Row {
    std::string person_id;
    std::string key;                    // For people: "employeeID 104233"; empty: no key.
    std::vector<std::string> accounts;  // Ids of the accounts that match.
    std::string names;                  // Their names.
    enum class Result {
      kOne,
      kSeveral,
      kNone,
      kNoKey,
      kShared,
      kHeld
    } result = Result::kNone;  // kShared: another person matches it too.
  };
  std::vector<Row> rows;  // Of everybody who should have an account on the day or has one, by person id.
  std::vector<std::pair<std::string, std::string>> unmatched_accounts;  // Id and name.
};
absl::StatusOr<CorrelationReport> Correlate(const PlanInput& input, const std::string& system);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_PLANNER_H_
