// On which days a contract counts for a rule: the rule's margins around it, and what happens to them when a contract or
// a person has vanished from its source.
//
// Pure functions, safe on any thread.
#ifndef SLUICE_HOST_CORE_CONTRACT_WINDOW_H_
#define SLUICE_HOST_CORE_CONTRACT_WINDOW_H_

#include <cstdint>
#include <vector>

#include "absl/time/civil_time.h"
#include "host/core/configuration.h"
#include "host/core/person.h"
#include "host/core/planner.h"

namespace sluice::core {

// The days on which a contract counts, both inclusive.
struct ContractWindow {
  absl::CivilDay from = kFirstDay, until = kLastDay;
  bool Has(absl::CivilDay day) const { return from <= day && day <= until; }
};

// Days by which the end of a vanished person is put off: those of the source that it came from.
int64_t VanishGraceOf(const Person& person, const Configuration& configuration);
// The window of `contract` under a rule with these margins (engine.md A4.3). What vanished ends on the day that it was
// last seen; a vanished person's contracts count at least until the grace after that day, inclusive as `after_end` is,
// as far as they would have anyway.
ContractWindow WindowOf(const Person& person, const Contract& contract, int64_t before_start, int64_t after_end,
                        int64_t grace);
// One flag for each contract of `person`.
std::vector<bool> InWindow(const Person& person, const Rule& rule, int64_t grace, absl::CivilDay day);
// The last day on which a rule can hold for a person that vanished; kLastDay for one that did not.
absl::CivilDay LastDayOf(const Person& person, const Rule& rule, int64_t grace);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_CONTRACT_WINDOW_H_
