// One condition or template outside of a file, as `sluice system activate --when` and `sluice mapping try` take them.
#ifndef SLUICE_HOST_CONFIG_PARSE_CONDITION_H_
#define SLUICE_HOST_CONFIG_PARSE_CONDITION_H_

#include <string>

#include "absl/status/statusor.h"
#include "host/core/condition.h"
#include "host/core/configuration.h"
#include "host/core/template.h"

namespace sluice::config {

// INVALID_ARGUMENT with everything that is wrong, a line each. Field names are only checked for their form.
absl::StatusOr<core::Condition> ParseCondition(const std::string& text);

// The same, and every field is one that this configuration fills.
absl::StatusOr<core::Condition> ParseCondition(const std::string& text, const core::Configuration& configuration);
absl::StatusOr<core::Template> ParseTemplate(const std::string& text, const core::Configuration& configuration);

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_PARSE_CONDITION_H_
