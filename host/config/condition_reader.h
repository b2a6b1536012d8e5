// Conditions, from YAML to core::Condition, with every name and type in them checked.
//
// Pure functions over a tree; what is wrong goes to the diagnostics, and what is returned then must not be used.
#ifndef SLUICE_HOST_CONFIG_CONDITION_READER_H_
#define SLUICE_HOST_CONFIG_CONDITION_READER_H_

#include "host/config/diagnostics.h"
#include "host/config/fields.h"
#include "host/config/yaml.h"
#include "host/core/condition.h"

namespace sluice::config {

// Where a condition stands: in an account's item "contract." is the primary contract; in a rule it has no meaning
// outside of a *_contract.
enum class ConditionPlace { kRule, kAccount };

core::Condition ReadCondition(const YamlNode& node, ConditionPlace place, const KnownFields& fields,
                              Diagnostics& diagnostics);

// Every operator's name, in the order of core::TestOperator.
std::vector<std::string> OperatorNames();

// "all", "any", "not", "some_contract", ...
const std::vector<std::string>& ConditionWords();

}  // namespace sluice::config

#endif  // SLUICE_HOST_CONFIG_CONDITION_READER_H_
