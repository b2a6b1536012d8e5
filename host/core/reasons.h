// Why: from supports of an evaluation to reasons that people read and that can be evaluated again.
//
// Pure; outlives nothing of its input. Dates read as "24 Nov", with the year where it is not that of the plan's day.
#ifndef SLUICE_HOST_CORE_REASONS_H_
#define SLUICE_HOST_CORE_REASONS_H_

#include <string>
#include <vector>

#include "host/core/planner.h"

namespace sluice::core {

std::string DayText(absl::CivilDay day, absl::CivilDay as_of);
// What people call a contract: "placement H4D", "class group h4.bio2", "employment Teamleider".
std::string ContractText(const Contract& contract);
// "placement"
std::string ContractTypeText(const Contract& contract);

// The subject of a rule for a person on a day; `in_window` must outlive it.
Subject SubjectOn(const Person& person, const Configuration& configuration, const std::vector<bool>& in_window,
                  absl::CivilDay day);

class Reasons {
 public:
  explicit Reasons(const PlanInput& input) : input_(input) {}

  SupportReason Of(const Person& person, const Support& support, absl::CivilDay on) const;
  // Of something that is given on the plan's day.
  Reason Given(const Person& person, const SupportedInterval& interval, std::string origin) const;
  // Of something that no longer is; `intervals` null: no rule speaks of it.
  Reason Ended(const Person& person, const EntitlementIntervals* intervals) const;
  // Only the line: "placement H4D from 24 Nov".
  std::string GivenText(const Person& person, const SupportedInterval& interval) const;

 private:
  const PlanInput& input_;
};

// The interval of the day; null: not supported.
const SupportedInterval* OnDay(const EntitlementIntervals& intervals, absl::CivilDay day);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_REASONS_H_
