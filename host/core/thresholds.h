// The limits that stop a kind of operations before the first of them runs.
//
// Pure. Only the kind that reached its limit waits, and what depends on it. An approval covers the operations that
// somebody saw; a group that has gained one is waiting again as a whole. Permissions that would lose half of their
// members wait each in a block of its own, instances of one resource in one together.
#ifndef SLUICE_HOST_CORE_THRESHOLDS_H_
#define SLUICE_HOST_CORE_THRESHOLDS_H_

#include <string>
#include <vector>

#include "host/core/configuration.h"
#include "host/core/plan.h"
#include "host/core/state.h"

namespace sluice::core {

// From how many held on a percentage counts, and how many a permission must lose for the half rule.
inline constexpr int64_t kPercentFrom = 20;
inline constexpr int64_t kHalfRuleFrom = 5;

// Whether `count` of `held` reaches the limits; the text says both: "retire 24 of 20, 2.4 % of 3 %".
bool Reaches(const Threshold& threshold, int64_t count, int64_t held);
std::string VerdictText(absl::string_view kind, const Threshold& threshold, int64_t count, int64_t held);
std::string BlockId(absl::string_view system, absl::string_view kind, absl::string_view detail);

// Fills plan.thresholds and plan.blocks and sets status and block of the plan's operations, which come ready, waiting
// or observing.
void ApplyThresholds(const Configuration& configuration, const State& state, Plan& plan);

}  // namespace sluice::core

#endif  // SLUICE_HOST_CORE_THRESHOLDS_H_
