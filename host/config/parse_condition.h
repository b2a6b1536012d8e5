// One condition outside of a file, as `sluice system activate --when` takes it.
#ifndef SLUICE_HOST_CONFIG_PARSE_CONDITION_H_
#define SLUICE_HOST_CONFIG_PARSE_CONDITION_H_

#include <string>

#include "absl/status/statusor.h"
#include "host/core/condition.h"

namespace sluice::config {

// INVALID_ARGUMENT with everything that is wrong, a line each. Field names are only checked for their form.
absl::StatusOr<core::Condition> ParseCondition(const std::string& text);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_PARSE_CONDITION_H_
