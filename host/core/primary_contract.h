// Which of a person's contracts is the main one on a day: the one that an account's `contract` and `primary_contract`
// mean when nothing else is said.
//
// Pure functions. The order is total, so that the answer never flips between two nights without a cause.
#ifndef SLUICE_HOST_CORE_PRIMARY_CONTRACT_H_
#define SLUICE_HOST_CORE_PRIMARY_CONTRACT_H_

#include <vector>

#include "absl/time/civil_time.h"
#include "host/core/configuration.h"
#include "host/core/person.h"

namespace sluice::core {

// Index into person.contracts; -1 when there are none. Contracts that are active on the day come first, then future
// ones (the nearest start first), then past ones (the latest end first); within that by type in the order of
// `spec.types` (others last), by `spec.then` (a missing value last, a missing end as the greatest), by id.
int PrimaryContract(const Person& person, const PrimaryContractSpec& spec, absl::CivilDay as_of);

// The same among some of the contracts (indexes into person.contracts): for the contracts that support an account.
int PrimaryContractAmong(const Person& person, const std::vector<int>& contracts, const PrimaryContractSpec& spec,
                         absl::CivilDay as_of);

// Days from which the answer may differ from that of the day before; ascending, each once.
std::vector<absl::CivilDay> PrimaryBreakpoints(const Person& person);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_PRIMARY_CONTRACT_H_
